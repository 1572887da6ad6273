// The heartbeats of the channel machine, and what rests on them: lease, epoch and Sync.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "nearcache/internal/coherence/channel_machine.h"

namespace nearcache::internal::coherence {

// --- Heartbeats (M5)

void ChannelMachine::SendHeartbeat(MonotonicNanos now, ReadPurpose purpose, Actions* actions) {
  if (heartbeats_.size() == kHeartbeatsMax) return;
  Heartbeat heartbeat;
  heartbeat.ticket = ++last_ticket_;
  heartbeat.purpose = purpose;
  heartbeat.place = applied_.last_place();
  heartbeat.learned = unheard_.learned();
  heartbeat.epoch_version = epochs_->version();
  const int64_t patience = purpose == ReadPurpose::kHeartbeat ? bound_ : patience_;
  actions->push_back(ReadLane{purpose, heartbeat.ticket, now + patience});
  heartbeats_.push_back(std::move(heartbeat));
}

// One at a time: whoever comes while it is under way is answered by the next, all of them together.
void ChannelMachine::SendOnDemand(MonotonicNanos now, Actions* actions) {
  for (const Heartbeat& heartbeat : heartbeats_) {
    if (heartbeat.purpose == ReadPurpose::kOnDemand) {
      on_demand_again_ = true;
      return;
    }
  }
  SendHeartbeat(now, ReadPurpose::kOnDemand, actions);
}

void ChannelMachine::AfterOnDemand(MonotonicNanos now, const Heartbeat& heartbeat, Actions* actions) {
  if (heartbeat.purpose != ReadPurpose::kOnDemand || !on_demand_again_) return;
  on_demand_again_ = false;
  SendOnDemand(now, actions);
}

bool ChannelMachine::TakeHeartbeat(uint64_t ticket, Heartbeat* heartbeat) {
  for (auto it = heartbeats_.begin(); it != heartbeats_.end(); ++it) {
    if (it->ticket != ticket) continue;
    *heartbeat = std::move(*it);
    heartbeats_.erase(it);
    return true;
  }
  return false;
}

void ChannelMachine::OnHeartbeatRead(MonotonicNanos now, Heartbeat heartbeat, const remote::LaneReading& reading,
                                     Actions* actions) {
  if (!reading.status.ok()) {
    if (reading.leave_server) {
      Close(now, CloseCause::kServerLeft, actions);
      actions->push_back(ResetSession{CloseCause::kServerLeft});
    } else {
      AfterOnDemand(now, heartbeat, actions);
    }
    return;
  }
  heartbeat.reading = reading;
  Judge(now, std::move(heartbeat), actions);
}

// When the reading came, and again when its lane id is applied.
void ChannelMachine::Judge(MonotonicNanos now, Heartbeat heartbeat, Actions* actions) {
  switch (Examine(heartbeat)) {
    case Proof::kProven:
      Accept(now, heartbeat, actions);
      return;
    case Proof::kForgotten:
      AfterOnDemand(now, heartbeat, actions);
      return;
    case Proof::kMissing:
      CloseAndReset(now, CloseCause::kLaneMissing, actions);
      return;
    case Proof::kRegressed:
      CloseAndReset(now, CloseCause::kLaneRegressed, actions);
      return;
    case Proof::kUnheard:
      // Its message is on its way, or will never come. Either way this must be known once the bound
      // is over; a reply that comes late gives the message one more interval.
      if (!applied_.PlaceOf(heartbeat.reading.lane).has_value()) unheard_.Learn(heartbeat.reading.lane);
      heartbeat.answered = true;
      heartbeat.heard_by = std::max(as_of_ + bound_, now + interval_);
      heartbeats_.push_back(std::move(heartbeat));
      return;
  }
}

// Those whose lane id was applied since their readings came.
void ChannelMachine::JudgeAnswered(MonotonicNanos now, Actions* actions) {
  uint64_t tickets[kHeartbeatsMax];
  size_t count = 0;
  for (const Heartbeat& heartbeat : heartbeats_) {
    const bool ready = heartbeat.answered && applied_.PlaceOf(heartbeat.reading.lane).has_value();
    if (ready) tickets[count++] = heartbeat.ticket;
  }
  for (size_t i = 0; i < count; ++i) {
    Heartbeat heartbeat;
    if (TakeHeartbeat(tickets[i], &heartbeat)) Judge(now, std::move(heartbeat), actions);
  }
}

// What the lane id of a reading says: applied through the chain, at the latest place known when the heartbeat was
// issued or later, or else. An older one means that the server lost history. So does one that was applied although
// another is unheard that was known to be executed when the heartbeat left (an own change, or what an earlier reading
// showed): that one came after it, in the chain's order.
ChannelMachine::Proof ChannelMachine::Examine(const Heartbeat& heartbeat) const {
  // A base is never empty, so this is a loss; and if an empty register counted for anything, two losses could look like
  // none.
  if (heartbeat.reading.lane.empty()) return Proof::kMissing;
  const absl::optional<uint64_t> place = applied_.PlaceOf(heartbeat.reading.lane);
  if (place.has_value()) {
    const bool lost = *place < heartbeat.place || unheard_.AnyBy(heartbeat.learned);
    if (lost) return Proof::kRegressed;
    return passed_over_ ? Proof::kUnheard : Proof::kProven;
  }
  const bool may_be_forgotten = applied_.last_place() - heartbeat.place >= RecentIds::kCapacity;
  return may_be_forgotten ? Proof::kForgotten : Proof::kUnheard;
}

// Everything that was executed before the heartbeat left has been applied (M4, M5).
void ChannelMachine::Accept(MonotonicNanos now, const Heartbeat& heartbeat, Actions* actions) {
  if (!EpochAgrees(now, heartbeat, actions)) return;
  if (heartbeat.reading.sent_at > as_of_) {
    as_of_ = heartbeat.reading.sent_at;
    actions->push_back(RenewLease{LeaseDeadline()});
  }
  CompleteSyncs(now, heartbeat.ticket, actions);
  AfterOnDemand(now, heartbeat, actions);
}

// A Clear that had changed the epoch before it was read, and so before the lane id was, has been heard by now. False:
// the epoch changed without one, and the generation was closed.
bool ChannelMachine::EpochAgrees(MonotonicNanos now, const Heartbeat& heartbeat, Actions* actions) {
  const OperationId epoch = heartbeat.reading.epoch;
  EpochRegister::Verdict verdict = EpochRegister::Verdict::kReplaced;
  if (!epoch.empty()) verdict = epochs_->Confirm(epoch, heartbeat.epoch_version);
  if (verdict == EpochRegister::Verdict::kReplaced) {
    actions->push_back(DropLocal{});
    CloseAndReset(now, CloseCause::kEpochChanged, actions);
    return false;
  }
  if (verdict == EpochRegister::Verdict::kOvertaken && !epochs_->Vouched().has_value()) SendOnDemand(now, actions);
  return true;
}

bool ChannelMachine::AnyOverdue(MonotonicNanos now) const {
  return std::any_of(heartbeats_.begin(), heartbeats_.end(),
                     [now](const Heartbeat& heartbeat) { return heartbeat.answered && heartbeat.heard_by <= now; });
}

MonotonicNanos ChannelMachine::LeaseDeadline() const { return as_of_ + bound_ - clock_lag_; }

void ChannelMachine::OnEpochDoubt(MonotonicNanos now, Actions* actions) {
  if (state_ == State::kOpen) SendOnDemand(now, actions);
  Arm(actions);
}

// --- Sync

void ChannelMachine::OnSync(MonotonicNanos now, uint64_t id, MonotonicNanos deadline, Actions* actions) {
  syncs_.emplace(std::make_pair(deadline, id), last_ticket_);
  if (state_ == State::kOpen) SendOnDemand(now, actions);
  ExpireSyncs(now, actions);
  Arm(actions);
}

// The reading with `ticket` was proven: all who had asked before it was issued have their answer.
void ChannelMachine::CompleteSyncs(MonotonicNanos now, uint64_t ticket, Actions* actions) {
  CompleteSync done;
  done.ok = true;
  for (auto it = syncs_.begin(); it != syncs_.end();) {
    if (it->second < ticket) {
      done.ids.push_back(it->first.second);
      it = syncs_.erase(it);
    } else {
      ++it;
    }
  }
  if (done.ids.empty()) return;
  // Entries from before this generation may still be young enough to be served on their own,
  // without any lease. They may have missed what the previous generation missed.
  if (!swept_ && now - opened_at_ <= bound_ + clock_lag_) actions->push_back(DropLocal{});
  swept_ = true;
  EndDoubts(now, actions);
  actions->push_back(std::move(done));
}

// What an echo put in doubt may have been overwritten by a stranger, who had his answer before the Sync began.
void ChannelMachine::EndDoubts(MonotonicNanos now, Actions* actions) {
  absl::optional<std::vector<std::string>> keys = doubted_.Take(now - bound_ - clock_lag_);
  if (!keys.has_value()) {
    actions->push_back(DropLocal{});
  } else if (!keys->empty()) {
    actions->push_back(ForgetKeys{*std::move(keys)});
  }
}

void ChannelMachine::ExpireSyncs(MonotonicNanos now, Actions* actions) {
  CompleteSync late;
  while (!syncs_.empty() && syncs_.begin()->first.first <= now) {
    late.ids.push_back(syncs_.begin()->first.second);
    syncs_.erase(syncs_.begin());
  }
  if (!late.ids.empty()) actions->push_back(std::move(late));
}

}  // namespace nearcache::internal::coherence
