#include "nearcache/internal/coherence/channel_machine.h"

#include <algorithm>
#include <utility>

namespace nearcache::internal::coherence {
namespace {

// Heartbeats per staleness bound (M5): four may fail in a row before memory stops answering.
constexpr int64_t kHeartbeatsPerBound = 5;

constexpr int64_t kPatienceNanosMin = 1'000'000'000;

constexpr int kShortLivedMax = 4;

}  // namespace

ChannelMachine::ChannelMachine(const ChannelMachineOptions& options, EpochRegister* epochs)
    : bound_(options.staleness_bound_nanos),
      interval_(std::max<int64_t>(1, options.staleness_bound_nanos / kHeartbeatsPerBound)),
      patience_(std::max(options.staleness_bound_nanos, kPatienceNanosMin)),
      clock_lag_(options.clock_lag_nanos),
      key_version_(options.key_version),
      epochs_(epochs),
      echoes_(options.foreign_writers ? std::make_unique<EchoLedger>() : nullptr) {}

// --- The channel

void ChannelMachine::OnSubscribed(MonotonicNanos now, Actions* actions) {
  if (state_ != State::kClosed) Close(now, CloseCause::kChannelLost, actions);
  if (echoes_ != nullptr) echoes_->Clear();
  state_ = State::kSubscribed;
  base_ensured_ = false;
  base_at_ = std::max(now, base_not_before_);
  if (base_at_ <= now) SendBase(now, actions);
  Arm(actions);
}

void ChannelMachine::OnChannelDown(MonotonicNanos now, Actions* actions) {
  Close(now, CloseCause::kChannelLost, actions);
  Arm(actions);
}

void ChannelMachine::OnSuspended(MonotonicNanos now, Actions* actions) {
  // The age of an entry is not known any more either.
  actions->push_back(DropLocal{});
  if (state_ == State::kOpen) CloseAndReset(now, CloseCause::kSuspended, actions);
  Arm(actions);
}

void ChannelMachine::Close(MonotonicNanos now, CloseCause cause, Actions* actions) {
  if (state_ == State::kOpen) {
    actions->push_back(CloseGeneration{cause});
    // What keeps ending generations early (a fleet of mixed versions, somebody who forges messages)
    // must not make us connect in a tight loop. A lost connection has its own back-off, in the
    // link.
    const bool short_lived = cause != CloseCause::kChannelLost && now - opened_at_ < bound_;
    short_lived_ = short_lived ? std::min(short_lived_ + 1, kShortLivedMax) : 0;
    if (short_lived) base_not_before_ = now + std::min(interval_ << (short_lived_ - 1), bound_);
  }
  epochs_->Distrust();
  state_ = State::kClosed;
  early_.clear();
  base_at_ = kNever;
  base_ticket_ = 0;
  heartbeats_.clear();
  next_heartbeat_ = kNever;
  on_demand_again_ = false;
}

// M3: the end of a generation. Whatever the old connection still holds belongs to it, so that
// connection goes, too.
void ChannelMachine::CloseAndReset(MonotonicNanos now, CloseCause cause, Actions* actions) {
  if (cause == CloseCause::kLaneRegressed) ++losses_seen_;
  Close(now, cause, actions);
  actions->push_back(ResetChannel{cause});
}

// --- The base (M3): fills count only after the subscription was confirmed and the lane was read
// once.

void ChannelMachine::SendBase(MonotonicNanos now, Actions* actions) {
  state_ = State::kBasing;
  base_at_ = kNever;
  base_ticket_ = ++last_ticket_;
  base_epoch_version_ = epochs_->version();
  base_learned_ = unheard_.learned();
  actions->push_back(ReadLane{ReadPurpose::kBase, base_ticket_, now + patience_});
}

void ChannelMachine::RetryBase(MonotonicNanos now) {
  state_ = State::kSubscribed;
  base_ensured_ = false;
  base_ticket_ = 0;
  base_at_ = now + interval_;
}

void ChannelMachine::OnBaseRead(MonotonicNanos now, const remote::LaneReading& reading, Actions* actions) {
  if (!reading.status.ok()) {
    if (reading.leave_server) {
      Close(now, CloseCause::kServerLeft, actions);
      actions->push_back(ResetSession{CloseCause::kServerLeft});
    } else {
      RetryBase(now);
    }
    return;
  }
  if (reading.epoch.empty() || reading.lane.empty()) {
    // A new namespace, or one that lost its registers. They are made, and read again.
    if (std::exchange(base_ensured_, true)) {
      RetryBase(now);
      return;
    }
    actions->push_back(EnsureEpoch{base_ticket_, now + patience_});
    return;
  }
  FinishBase(now, reading, actions);
}

void ChannelMachine::OnEpochEnsured(MonotonicNanos now, uint64_t ticket, const absl::Status& status, Actions* actions) {
  if (state_ != State::kBasing || ticket != base_ticket_) return;
  if (status.ok()) {
    SendBase(now, actions);
  } else {
    RetryBase(now);
  }
  Arm(actions);
}

void ChannelMachine::FinishBase(MonotonicNanos now, const remote::LaneReading& reading, Actions* actions) {
  const bool first_epoch = epochs_->Last().empty();
  switch (epochs_->Confirm(reading.epoch, base_epoch_version_)) {
    case EpochRegister::Verdict::kOvertaken:
      // A Clear was heard meanwhile, and nobody knows which of the two came first: ask again.
      SendBase(now, actions);
      return;
    case EpochRegister::Verdict::kReplaced:
      // The server lost the namespace while nobody listened (or it was cleared): to be noticed and reported.
      if (!first_epoch) {
        actions->push_back(CloseGeneration{CloseCause::kEpochChanged});
        actions->push_back(DropLocal{});
      }
      break;
    case EpochRegister::Verdict::kConfirmed:
      break;
  }
  if (BaseShowsLoss(reading.lane)) {
    actions->push_back(CloseGeneration{CloseCause::kLaneRegressed});
    actions->push_back(DropLocal{});
    ++losses_seen_;
  }
  Open(now, reading, actions);
}

void ChannelMachine::Open(MonotonicNanos now, const remote::LaneReading& reading, Actions* actions) {
  const uint64_t ticket = base_ticket_;
  state_ = State::kOpen;
  base_ticket_ = 0;
  opened_at_ = now;
  as_of_ = reading.sent_at;
  swept_ = false;
  anchored_ = passed_over_ = false;
  applied_.Append(reading.lane);
  // Executed before the base was read: it covers them. Later: nobody knows.
  unheard_.Clear();
  next_heartbeat_ = std::max(now, reading.sent_at + interval_);
  actions->push_back(OpenGeneration{LeaseDeadline()});
  std::deque<Link> early;
  early.swap(early_);
  for (const Link& link : early) {
    if (state_ == State::kOpen) Follow(now, link, actions);
  }
  if (state_ != State::kOpen) return;
  TellLoss(now, actions);
  CompleteSyncs(now, ticket, actions);
  if (!syncs_.empty()) SendOnDemand(now, actions);
}

// --- Messages

void ChannelMachine::OnMessage(MonotonicNanos now, const Message& message, Actions* actions) {
  const Link link{message.previous, message.lane_id};
  const bool in_order = IsInOrder(link);
  Invalidate(message, in_order, actions);
  if (state_ == State::kOpen) {
    Follow(now, link, actions);
    if (state_ == State::kClosed && !in_order) HearClears(message);
  } else if (state_ != State::kClosed) {
    if (early_.size() == kEarlyMax) early_.pop_front();
    early_.push_back(link);
  }
  Arm(actions);
}

// Whether it comes after everything that is known of the epoch. Before the base is known whatever is heard does: the
// reading that will be the base leaves later. A Clear that is the last change itself does, too: a reading takes the
// epoch before the lane id.
bool ChannelMachine::IsInOrder(const Link& link) const {
  return state_ != State::kOpen || link.previous == applied_.last() || link.id == applied_.last();
}

// A Clear out of order may be older than the one that the base has shown; that it names the epoch is no news then, and
// to vouch for it would bring back what was cleared since.
void ChannelMachine::Invalidate(const Message& message, bool in_order, Actions* actions) {
  const bool ours = message.key_version == key_version_;
  if (message.everything) actions->push_back(DropLocal{});
  bool keys = false;
  for (const MessageChange& change : message.changes) {
    if (change.kind == MessageKind::kClear) {
      if (in_order) epochs_->Apply(change.id);
      actions->push_back(ApplyClear{change.id});
    } else {
      keys = true;
      if (ours && echoes_ != nullptr) echoes_->Note(change.key, change.id);
    }
  }
  if (ours && keys) actions->push_back(ApplyInvalidations{message.changes});
}

// After a gap: believed, and not vouched for.
void ChannelMachine::HearClears(const Message& message) {
  for (const MessageChange& change : message.changes) {
    if (change.kind == MessageKind::kClear) epochs_->Hear(change.id);
  }
}

// --- Strangers

// The report of an own change follows its announcement. It is the same report if a stranger wrote after it in the same
// turn of the server, so what the echo says is a doubt, not nothing.
void ChannelMachine::OnKeysTouched(MonotonicNanos now, absl::Span<const absl::string_view> keys, Actions* actions) {
  if (keys.size() > kTouchesMax) {
    actions->push_back(DropLocal{});
    return;
  }
  ApplyTouches apply;
  apply.touches.reserve(keys.size());
  for (const absl::string_view key : keys) {
    apply.touches.push_back({key, echoes_ == nullptr ? OperationId() : echoes_->Take(key)});
    if (!apply.touches.back().echo_of.empty()) doubted_.Note(now, key);
  }
  if (!apply.touches.empty()) actions->push_back(std::move(apply));
}

// Whatever was heard or read before it belongs to what is gone.
void ChannelMachine::OnFlushed(MonotonicNanos now, Actions* actions) {
  actions->push_back(DropLocal{});
  if (state_ != State::kClosed) CloseAndReset(now, CloseCause::kFlushed, actions);
  Arm(actions);
}

// --- The chain

// M2, as apply() of the model. Right after the base the next messages may be ones that the base has
// covered already. They are passed over, and the last of them is the base's own: until it came it is not
// known whether the others are older than the base, or follow one that was missed. Then no heartbeat is
// proven, and one that follows the base is a gap.
void ChannelMachine::Follow(MonotonicNanos now, const Link& link, Actions* actions) {
  if (link.id == applied_.last()) {
    anchored_ = true;
    passed_over_ = false;
    JudgeAnswered(now, actions);
  } else if (link.previous == applied_.last() && !passed_over_) {
    anchored_ = true;
    Advance(now, link.id, actions);
  } else if (anchored_ || link.previous == applied_.last()) {
    CloseAndReset(now, ShowsLoss(link) ? CloseCause::kLaneRegressed : CloseCause::kGap, actions);
  } else {
    passed_over_ = true;
  }
}

// --- Lost history

// The chain of one history has no forks: a change that follows one from before the last is of another.
bool ChannelMachine::ShowsLoss(const Link& link) const {
  const absl::optional<uint64_t> place = applied_.PlaceOf(link.previous);
  return place.has_value() && *place < applied_.last_place() && !applied_.PlaceOf(link.id).has_value();
}

// The base was read after all that was heard before, and after what was known to be executed when it was sent. A loss
// that waits to be told shows at the base once more.
bool ChannelMachine::BaseShowsLoss(OperationId lane) const {
  if (losses_told_ < losses_seen_) return false;
  const absl::optional<uint64_t> place = applied_.PlaceOf(lane);
  return place.has_value() && (*place < applied_.last_place() || unheard_.AnyBy(base_learned_));
}

// What was made up before the base was known may have been executed before it, and then is never heard. All else, down
// to what the opening itself announces, is executed after the base, and must be heard before anything that is executed
// later.
void ChannelMachine::OnAcknowledged(OperationId lane_id, MonotonicNanos made_at) {
  if (opened_at_ == 0 || made_at < opened_at_ || applied_.PlaceOf(lane_id).has_value()) return;
  unheard_.Learn(lane_id);
}

void ChannelMachine::TellLoss(MonotonicNanos now, Actions* actions) {
  if (losses_told_ == losses_seen_ || loss_telling_ == losses_seen_) return;
  loss_telling_ = losses_seen_;
  actions->push_back(AnnounceLoss{losses_seen_, now + patience_});
}

void ChannelMachine::OnLossAnnounced(uint64_t number, bool ok) {
  if (ok) losses_told_ = std::max(losses_told_, number);
  if (loss_telling_ == number) loss_telling_ = 0;
}

void ChannelMachine::Advance(MonotonicNanos now, OperationId id, Actions* actions) {
  applied_.Append(id);
  unheard_.Hear(id);
  JudgeAnswered(now, actions);
}

// --- Readings and time

void ChannelMachine::OnLaneRead(MonotonicNanos now, uint64_t ticket, const remote::LaneReading& reading,
                                Actions* actions) {
  Heartbeat heartbeat;
  if (state_ == State::kBasing && ticket == base_ticket_) {
    OnBaseRead(now, reading, actions);
  } else if (state_ == State::kOpen && TakeHeartbeat(ticket, &heartbeat)) {
    OnHeartbeatRead(now, std::move(heartbeat), reading, actions);
  }
  Arm(actions);
}

void ChannelMachine::OnTick(MonotonicNanos now, Actions* actions) {
  if (now >= timer_at_) timer_at_ = kNever;
  ExpireSyncs(now, actions);
  if (state_ == State::kSubscribed && now >= base_at_) SendBase(now, actions);
  if (state_ == State::kOpen && AnyOverdue(now)) CloseAndReset(now, CloseCause::kHeartbeatTimeout, actions);
  if (state_ == State::kOpen && now >= next_heartbeat_) {
    next_heartbeat_ = now + interval_;
    TellLoss(now, actions);
    SendHeartbeat(now, ReadPurpose::kHeartbeat, actions);
  }
  Arm(actions);
}

void ChannelMachine::Arm(Actions* actions) {
  MonotonicNanos at = std::min(base_at_, next_heartbeat_);
  for (const Heartbeat& heartbeat : heartbeats_) at = std::min(at, heartbeat.heard_by);
  if (!syncs_.empty()) at = std::min(at, syncs_.begin()->first.first);
  if (at >= timer_at_) return;
  timer_at_ = at;
  actions->push_back(SetTimer{at});
}

}  // namespace nearcache::internal::coherence
