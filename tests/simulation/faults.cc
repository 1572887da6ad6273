#include "tests/simulation/faults.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/coherence/message.h"

namespace nearcache::simulation {
namespace {

constexpr uint64_t kStrangerNonce = 0xfeed;

}  // namespace

Faults::Faults(int64_t bound_nanos, Scheduler* scheduler, ModelServer* server,
               std::vector<std::unique_ptr<SimulatedProcess>>* processes, bool verbose)
    : bound_(bound_nanos), scheduler_(scheduler), server_(server), processes_(processes), verbose_(verbose) {}

void Faults::Run(MonotonicNanos end, int64_t pause_nanos) {
  end_ = end;
  pause_ = pause_nanos;
  // Some kinds only, in each run: rare combinations come up more often than if all faults disturbed each other.
  if (only_fail_overs_) kinds_ = {Kind::kDeafen, Kind::kFailOver};
  if (only_snapshots_) kinds_ = {Kind::kSwap};
  if (only_strangers_) {
    kinds_ = {Kind::kCutChannel, Kind::kCutData, Kind::kStall, Kind::kPause};
    KeepRemoving();
  }
  if (only_joins_) kinds_ = {Kind::kCutChannel, Kind::kStall};
  if (only_of_channels_) kinds_ = {Kind::kCutChannel, Kind::kDeafen, Kind::kStall};
  while (kinds_.empty()) {
    for (int kind = 0; kind < kKinds; ++kind) {
      if (scheduler_->Chance(0.3)) kinds_.push_back(static_cast<Kind>(kind));
    }
  }
  if (!only_snapshots_) KeepSnapshots(scheduler_->Between(bound_ / 20, bound_));
  Next();
}

void Faults::Next() {
  const MonotonicNanos at = scheduler_->now() + scheduler_->Between(0, 2 * pause_);
  if (at > end_) return;
  scheduler_->At(at, Scheduler::World(), [this] {
    ++injected_;
    InjectOne();
    Next();
  });
}

SimulatedProcess& Faults::AnyProcess() {
  return *(*processes_)[static_cast<size_t>(scheduler_->Below(static_cast<int64_t>(processes_->size())))];
}

// From nothing to three bounds; mostly short.
int64_t Faults::SomeTime() {
  return scheduler_->Chance(0.5) ? scheduler_->Below(bound_ / 2) : scheduler_->Below(3 * bound_);
}

void Faults::Say(absl::string_view what) {
  if (verbose_) {
    std::fprintf(stderr, "%12.3f ms  %s\n", static_cast<double>(scheduler_->now()) / kMillisecond,
                 std::string(what).c_str());
  }
}

void Faults::InjectOne() {
  const Kind kind = kinds_[static_cast<size_t>(scheduler_->Below(static_cast<int64_t>(kinds_.size())))];
  if (kind <= Kind::kPause) {
    InjectIntoProcess(kind, AnyProcess(), SomeTime());
  } else {
    InjectIntoServer(kind, SomeTime());
  }
}

void Faults::InjectIntoProcess(Kind kind, SimulatedProcess& process, int64_t time) {
  const int number = process.number();
  const Scheduler::Owner loop = Scheduler::Loop(number);
  switch (kind) {
    case Kind::kCutChannel:
      Say(absl::StrCat("cut the channel of ", number));
      scheduler_->After(0, loop, [&process] { process.store().CutChannel(); });
      return;
    case Kind::kCutData:
      Say(absl::StrCat("cut the data connections of ", number));
      scheduler_->After(0, loop, [&process] { process.store().CutData(); });
      return;
    case Kind::kDeafen:
      Say(absl::StrCat("the channel of ", number, " is deaf"));
      process.store().DeafenChannel();
      return;
    case Kind::kStall:
      Say(absl::StrCat("the channel of ", number, " stalls for ", time / kMillisecond, " ms"));
      process.store().StallChannel(time);
      return;
    default:
      Say(absl::StrCat("process ", number, " stands still for ", time / kMillisecond, " ms"));
      scheduler_->Pause(number, scheduler_->now() + time);
      return;
  }
}

void Faults::InjectIntoServer(Kind kind, int64_t time) {
  switch (kind) {
    case Kind::kServerPause:
      Say(absl::StrCat("the server stands still for ", time / kMillisecond, " ms"));
      server_->paused_until = scheduler_->now() + time;
      return;
    case Kind::kRefuse:
      Say(absl::StrCat("the server refuses writes for ", time / kMillisecond, " ms"));
      server_->refuses_writes = true;
      scheduler_->After(time, Scheduler::World(), [this] { server_->refuses_writes = false; });
      return;
    case Kind::kForbidPublish:
      Say(absl::StrCat("publishing is forbidden for ", time / kMillisecond, " ms"));
      server_->refuses_publish = true;
      scheduler_->After(time, Scheduler::World(), [this] { server_->refuses_publish = false; });
      return;
    case Kind::kFlush:
      Say("FLUSHALL");
      if (!server_->lane().empty()) NoteLoss("FLUSHALL");
      server_->FlushAll();
      return;
    case Kind::kSwap:
      return Swap();
    case Kind::kLoseLane:
      Say("the lane is deleted");
      if (!server_->lane().empty()) NoteLoss("lane deleted");
      server_->LoseLane();
      return;
    case Kind::kLoseEpoch:
      // Not noted as a loss: nobody needs to notice if a Clear comes first.
      Say("the epoch is evicted");
      server_->LoseEpoch();
      return;
    case Kind::kRestart:
      return Restart(static_cast<int>(scheduler_->Below(3)));
    default:
      return FailOver(/*lossy=*/only_fail_overs_ || scheduler_->Chance(0.6),
                      /*deaf=*/only_fail_overs_ || scheduler_->Chance(0.7));
  }
}

// The replica and the disk are a little behind.
void Faults::KeepSnapshots(int64_t pause) {
  server_->TakeSnapshot();
  if (scheduler_->now() > end_) return;
  scheduler_->After(scheduler_->Below(2 * pause), Scheduler::World(), [this, pause] { KeepSnapshots(pause); });
}

// Half of the time just behind a change of a process, in the same turn of the server.
void Faults::KeepRemoving() {
  if (scheduler_->now() > end_) return;
  scheduler_->After(scheduler_->Below(100 * kMillisecond), Scheduler::World(), [this] {
    const int key = static_cast<int>(scheduler_->Below(2));
    scheduler_->Chance(0.5) ? server_->StrangerFollows(key) : server_->StrangerRemoves(key);
    KeepRemoving();
  });
}

// As SWAPDB: other contents under living connections, and not a word about it.
void Faults::Swap() {
  if (only_snapshots_) return PutBackWhatIsUnheard();
  if (scheduler_->Chance(0.5)) return PutSnapshotBack();
  Say("other data, from elsewhere");
  NoteLoss("SWAPDB");
  server_->ReplaceAll({kStrangerNonce, ++strays_}, {kStrangerNonce, ++strays_});
}

// Both faults, and a change of a key that nobody has in memory, within less than a heartbeat. Some have just begun a
// generation, and some hear again before the end, and of one more change.
void Faults::PutBackWhatIsUnheard() {
  SimulatedProcess* const writer = &AnyProcess();
  const Scheduler::Owner caller = Scheduler::Caller(writer->number());
  const MonotonicNanos begin = scheduler_->now() + 20 * kMillisecond;
  const MonotonicNanos end = begin + scheduler_->Between(bound_ / 10, bound_ / 5);
  scheduler_->After(0, caller, [writer] { writer->Delete(0, [] {}); });
  scheduler_->At(begin, Scheduler::World(), [this, end] {
    server_->TakeSnapshot();
    for (const auto& process : *processes_) {
      if (!scheduler_->Chance(0.5)) continue;
      process->store().LoseMessagesUntil(scheduler_->Chance(0.7) ? end : scheduler_->now() + 3 * kMillisecond);
    }
  });
  if (scheduler_->Chance(0.3)) {
    scheduler_->At(begin + 5 * kMillisecond, caller, [writer] { writer->Set(1, [] {}); });
  }
  SimulatedProcess* const joining = &AnyProcess();
  if (scheduler_->Chance(0.3)) {
    scheduler_->After(5 * kMillisecond, Scheduler::Loop(joining->number()),
                      [joining] { joining->store().CutChannel(); });
  }
  scheduler_->At(begin, caller, [writer] { writer->Set(0, [] {}); });
  scheduler_->At(end, Scheduler::World(), [this] { PutSnapshotBack(); });
}

void Faults::PutSnapshotBack() {
  // The end of other losses: perhaps all is again as it was before anybody looked.
  losses_.clear();
  Say("an old snapshot is put back");
  const std::vector<OperationId> lost = server_->LanesSinceSnapshot();
  std::vector<bool> knows;
  for (const auto& process : *processes_) knows.push_back(process->store().Knows(lost));
  NoteLoss("old snapshot", knows);
  restores_[scheduler_->now()] = LossesSeen();
  server_->PutSnapshotBack(knows);
}

uint64_t Faults::LossesSeen() const {
  constexpr auto kRegressed = static_cast<size_t>(internal::coherence::CloseCause::kLaneRegressed);
  uint64_t seen = 0;
  for (const auto& process : *processes_) seen += process->coordinator().GetStats().ends_by_cause[kRegressed];
  return seen;
}

bool Faults::WasTold(MonotonicNanos lost_at) const {
  const auto restore = restores_.find(lost_at);
  return restore == restores_.end() || LossesSeen() > restore->second;
}

void Faults::NoteLoss(absl::string_view what, const std::vector<bool>& knows) {
  Loss loss;
  loss.at = scheduler_->now();
  loss.what = std::string(what);
  for (const auto& process : *processes_) {
    const bool open = process->coordinator().open() && (knows.empty() || knows[loss.generations.size()]);
    loss.generations.push_back(open ? static_cast<int64_t>(process->coordinator().GetStats().generations) : -1);
  }
  losses_.push_back(std::move(loss));
}

std::string Faults::Undetected() const {
  for (const Loss& loss : losses_) {
    for (size_t i = 0; i < processes_->size(); ++i) {
      const auto generations = static_cast<int64_t>((*processes_)[i]->coordinator().GetStats().generations);
      if (loss.generations[i] < 0 || generations > loss.generations[i]) continue;
      return absl::StrCat("process ", i, " did not notice: ", loss.what, " at ", loss.at / kMillisecond, " ms");
    }
  }
  return "";
}

void Faults::CutAllData() {
  for (const auto& process : *processes_) {
    SimulatedProcess* const one = process.get();
    scheduler_->After(0, Scheduler::Loop(one->number()), [one] { one->store().CutData(); });
  }
}

void Faults::CutAllChannels() {
  for (const auto& process : *processes_) {
    SimulatedProcess* const one = process.get();
    scheduler_->After(0, Scheduler::Loop(one->number()), [one] { one->store().CutChannel(); });
  }
}

void Faults::Restart(int keep) {
  constexpr absl::string_view kHow[] = {"with its data", "with an old snapshot", "empty"};
  Say(absl::StrCat("the server restarts ", kHow[keep]));
  NoteLoss("restart");
  former_.push_back(server_->Replace());
  if (keep == 1) server_->RestoreLatest();
  if (keep == 2) server_->FlushAll();
  server_->reachable = false;
  scheduler_->After(scheduler_->Below(bound_), Scheduler::World(), [this] { server_->reachable = true; });
  CutAllData();
  CutAllChannels();
}

// The replica takes over. Data connections break; the invalidation connections may stay with the old primary, alive and
// deaf, where a stray client may even go on writing.
void Faults::FailOver(bool lossy, bool deaf) {
  Say(absl::StrCat("fail-over", lossy ? ", losing the last writes" : "", deaf ? ", channels stay behind" : ""));
  NoteLoss("fail-over");
  former_.push_back(server_->Replace());
  if (lossy) server_->RestoreLatest();
  CutAllData();
  if (!deaf) CutAllChannels();
  if (!scheduler_->Chance(0.3)) return;
  ModelServer* const former = former_.back().get();
  const internal::OperationId id{kStrangerNonce, ++strays_};
  scheduler_->After(scheduler_->Below(bound_), Scheduler::World(), [former, id] {
    const internal::remote::Announced change{internal::remote::ChangeKind::kSet, id, "0"};
    former->StrayChange(id, internal::coherence::EncodeMessage(id, 1, {&change, 1}));
  });
}

}  // namespace nearcache::simulation
