#include "tests/simulation/simulated_process.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::simulation {

namespace coherence = ::nearcache::internal::coherence;
namespace local = ::nearcache::internal::local;
namespace remote = ::nearcache::internal::remote;

namespace {

coherence::CoordinatorOptions Options(int64_t bound_nanos, internal::OperationIdSource* ids,
                                      const internal::Clock* clock, bool foreign_writers, SimulatedStore* store) {
  coherence::CoordinatorOptions options;
  options.staleness_bound = absl::Nanoseconds(bound_nanos);
  options.ids = ids;
  options.clock = clock;
  options.foreign_writers = foreign_writers;
  options.on_generation = [store, count = int64_t{0}](const coherence::GenerationChange& change) mutable {
    store->set_generation(change.opened ? ++count : SimulatedStore::kNone);
  };
  return options;
}

}  // namespace

SimulatedProcess::SimulatedProcess(int number, int64_t bound_nanos, const WorkloadOptions& workload,
                                   const NetworkOptions& network, Mutant mutant, std::unique_ptr<local::LocalTier> tier,
                                   ModelServer* server, Scheduler* scheduler, Truth* truth)
    : number_(number),
      bound_(bound_nanos),
      workload_(workload),
      mutant_(mutant),
      scheduler_(scheduler),
      truth_(truth),
      ids_(static_cast<uint64_t>(number) + 1),
      tier_(std::move(tier)),
      store_(number, network, mutant, server, scheduler),
      coordinator_(Options(bound_nanos, &ids_, scheduler->clock(), network.foreign_writers, &store_), &store_,
                   tier_.get()) {}

void SimulatedProcess::Start(MonotonicNanos end) {
  (void)store_.Start(&coordinator_, &coordinator_.encoder());
  for (int i = 0; i < workload_.callers; ++i) NextCall(end);
}

void SimulatedProcess::NextCall(MonotonicNanos end) {
  const MonotonicNanos at = scheduler_->now() + scheduler_->Between(0, workload_.pause_max_nanos);
  if (at > end) return;
  scheduler_->At(at, Scheduler::Caller(number_), [this, end] { Call([this, end] { NextCall(end); }); });
}

void SimulatedProcess::Call(Then then) {
  Weaken();
  const int key = static_cast<int>(scheduler_->Below(workload_.keys));
  if (scheduler_->Chance(workload_.write_chance)) return Set(key, std::move(then));
  if (scheduler_->Chance(workload_.delete_chance)) return Delete(key, std::move(then));
  if (scheduler_->Chance(workload_.clear_chance)) return Clear(std::move(then));
  if (scheduler_->Chance(workload_.sync_chance)) return Sync(std::move(then));
  if (scheduler_->Chance(workload_.fresh_chance)) return FreshGet(key, std::move(then));
  Get(key, std::move(then));
}

OperationTag SimulatedProcess::Remembers(int key) {
  Value value;
  local::EntryInfo info;
  const bool found = tier_->Get(Hashed(absl::StrCat(key)), scheduler_->clock()->NowCoarse(), &value, &info);
  return found ? info.id : OperationTag();
}

// --- Reads

void SimulatedProcess::Get(int key, Then then) {
  const MonotonicNanos now = scheduler_->clock()->NowCoarse();
  const Truth::Read read = truth_->Begin(number_, key);
  const std::string name = absl::StrCat(key);
  Value value;
  local::EntryInfo info;
  if (tier_->Get(Hashed(name), now, &value, &info)) {
    truth_->Returned(read, info.id, Truth::Way::kMemory);
    return std::move(then)();
  }
  absl::optional<OperationId> epoch;
  if (mutant_ == Mutant::kEpochTooEarly) epoch = coordinator_.Epoch(now);
  // Whatever happens between two steps of a real thread may happen here, too.
  auto shared = std::make_shared<Then>(std::move(then));
  local::Waiter waiter = [this, read, shared](const local::ReadOutcome& outcome) {
    if (outcome.status.ok() && outcome.found) truth_->Returned(read, outcome.info.id, Truth::Way::kMemory);
    std::move (*shared)();
  };
  auto begin = [this, read, name, now, epoch, shared, waiter = std::move(waiter)]() mutable {
    const local::ReadStart start = tier_->BeginRead(Hashed(name), now, local::FlightKind::kRead, &waiter);
    switch (start.role) {
      case local::ReadStart::Role::kHit:
        truth_->Returned(read, start.info.id, Truth::Way::kMemory);
        return std::move(*shared)();
      case local::ReadStart::Role::kJoin:
        return;
      case local::ReadStart::Role::kLead:
      case local::ReadStart::Role::kBypass:
        if (mutant_ != Mutant::kEpochTooEarly) epoch = TakeEpoch(start.flight);
        return Fetch(read, start.flight, epoch, Truth::Way::kServer, [shared] { std::move (*shared)(); });
    }
  };
  if (scheduler_->Chance(0.8)) return begin();
  auto later = std::make_shared<decltype(begin)>(std::move(begin));
  scheduler_->After(scheduler_->Between(0, 3 * kMillisecond), Scheduler::Caller(number_), [later] { (*later)(); });
}

absl::optional<OperationId> SimulatedProcess::TakeEpoch(const FlightRef& flight) {
  if (!coordinator_.Epoch(scheduler_->now()).has_value()) return absl::nullopt;
  if (flight != nullptr && mutant_ != Mutant::kEpochAlwaysFresh) {
    tier_->LimitFreshness(flight, coordinator_.leased_since());
  }
  if (mutant_ == Mutant::kClearOutOfOrder && !store_.last_clear_told().empty()) return store_.last_clear_told();
  return coordinator_.Epoch(scheduler_->now());
}

void SimulatedProcess::FreshGet(int key, Then then) {
  if (mutant_ == Mutant::kFreshFromMemory) {
    Value value;
    local::EntryInfo info;
    if (tier_->Get(Hashed(absl::StrCat(key)), scheduler_->clock()->NowCoarse(), &value, &info)) {
      truth_->Returned(truth_->Begin(number_, key), info.id, Truth::Way::kFresh);
      return std::move(then)();
    }
  }
  Fetch(truth_->Begin(number_, key), nullptr, absl::nullopt, Truth::Way::kFresh, std::move(then));
}

void SimulatedProcess::Fetch(const Truth::Read& read, FlightRef flight, absl::optional<OperationId> epoch,
                             Truth::Way way, Then then) {
  remote::ReadRequest request;
  request.keys.push_back(absl::StrCat(read.key));
  request.want_epoch = !epoch.has_value();
  request.deadline = scheduler_->now() + workload_.call_timeout_nanos;
  ++calls_waiting_;
  const MonotonicNanos sent_at = scheduler_->clock()->NowCoarse();
  store_.ReadWitnessed(std::move(request),
                       [this, read, flight, epoch, way, sent_at, then = std::move(then)](
                           absl::StatusOr<remote::ReadReply> reply, const Position& position) mutable {
                         --calls_waiting_;
                         bool truly_absent = false;
                         local::ReadOutcome outcome = Judge(epoch, reply, &truly_absent);
                         const bool late = mutant_ == Mutant::kAgeFromReply;
                         outcome.info.fetched_at = late ? scheduler_->clock()->NowCoarse() : sent_at;
                         if (flight != nullptr) {
                           tier_->CompleteRead(flight, outcome);
                         } else if (outcome.status.ok()) {
                           const std::string name = absl::StrCat(read.key);
                           tier_->NoteReply(Hashed(name), outcome.info.id);
                         }
                         if (outcome.found) truth_->Returned(read, outcome.info.id, way);
                         if (truly_absent) truth_->ReturnedNothing(read, position[static_cast<size_t>(read.key)]);
                         std::move(then)();
                       });
}

// What the reply means: found if its frame carries the epoch, which came with the reply or was vouched for.
local::ReadOutcome SimulatedProcess::Judge(absl::optional<OperationId> epoch,
                                           const absl::StatusOr<remote::ReadReply>& reply, bool* truly_absent) {
  const bool asked = !epoch.has_value();
  local::ReadOutcome outcome;
  outcome.status = reply.status();
  if (!reply.ok()) return outcome;
  if (asked) {
    epoch = reply->epoch;
    coordinator_.AdoptEpoch(reply->epoch);
  }
  const remote::Fetched& fetched = reply->values[0];
  if (fetched.state != remote::Fetched::State::kFound) {
    *truly_absent = true;
    return outcome;
  }
  const absl::optional<Frame> frame = Frame::FromBytes(fetched.bytes.view());
  outcome.found = !epoch->empty() && frame->epoch == *epoch;
  *truly_absent = !outcome.found && asked;
  if (!outcome.found) return outcome;
  outcome.value = fetched.bytes;
  outcome.info.id = frame->id;
  return outcome;
}

// --- Changes

void SimulatedProcess::Set(int key, Then then) { Write(key, /*remove=*/false, std::move(then)); }
void SimulatedProcess::Delete(int key, Then then) { Write(key, /*remove=*/true, std::move(then)); }

// As the conductor's Writer: an epoch that was refused is adopted, and the same operation sent again under it.
struct SimulatedProcess::PendingWrite {
  remote::ChangeKind kind = remote::ChangeKind::kSet;
  std::string key;
  OperationId id;
  OperationId epoch;
  MonotonicNanos deadline = 0;
  local::WriteRef ticket;
  int attempts = 0;
  bool maybe_executed = false;
  Then then;
};

void SimulatedProcess::Write(int key, bool remove, Then then) {
  auto write = std::make_shared<PendingWrite>();
  if (remove) write->kind = remote::ChangeKind::kDelete;
  write->key = absl::StrCat(key);
  write->id = ids_.Next();
  write->epoch = coordinator_.LastEpoch();
  write->deadline = scheduler_->now() + workload_.call_timeout_nanos;
  write->ticket =
      tier_->BeginWrite(Hashed(write->key), write->id, scheduler_->clock()->NowCoarse(), RemovalCause::kReplaced);
  write->then = std::move(then);
  ++calls_waiting_;
  SendWrite(std::move(write));
}

void SimulatedProcess::SendWrite(std::shared_ptr<PendingWrite> write) {
  ++write->attempts;
  remote::ChangeRequest request;
  request.kind = write->kind;
  request.key = request.redis_key = write->key;
  request.id = write->id;
  request.value = Frame{write->epoch, write->id}.ToBytes();
  request.deadline = write->deadline;
  store_.Change(std::move(request),
                [this, write](remote::ChangeResult result) mutable { OnWritten(std::move(write), std::move(result)); });
}

void SimulatedProcess::OnWritten(std::shared_ptr<PendingWrite> write, remote::ChangeResult result) {
  if (!result.epoch.empty()) coordinator_.AdoptEpoch(result.epoch);
  if (absl::IsAborted(result.status)) {
    write->maybe_executed |= result.unknown;
    if (!result.epoch.empty() && write->attempts < 3 && scheduler_->now() < write->deadline) {
      write->epoch = result.epoch;
      return SendWrite(std::move(write));
    }
  }
  --calls_waiting_;
  if (result.status.ok()) {
    absl::optional<Value> kept;
    if (write->kind == remote::ChangeKind::kSet) kept = Value::Copy(Frame{write->epoch, write->id}.ToBytes());
    tier_->EndWrite(write->ticket, local::WriteOutcome::kApplied, kept, internal::kNever);
    truth_->Acknowledged(number_, write->id);
  } else {
    const bool unknown = result.unknown || write->maybe_executed;
    tier_->EndWrite(write->ticket, unknown ? local::WriteOutcome::kUnknown : local::WriteOutcome::kFailed,
                    absl::nullopt, internal::kNever);
  }
  std::move(write->then)();
}

void SimulatedProcess::Clear(Then then) {
  remote::ChangeRequest request;
  request.kind = remote::ChangeKind::kClear;
  request.id = ids_.Next();
  request.deadline = scheduler_->now() + workload_.call_timeout_nanos;
  const OperationId id = request.id;
  ++calls_waiting_;
  store_.Change(std::move(request), [this, id, then = std::move(then)](remote::ChangeResult result) mutable {
    --calls_waiting_;
    if (result.status.ok()) {
      if (mutant_ != Mutant::kClearUnheard) coordinator_.NoteOwnClear(id);
      truth_->Acknowledged(number_, id);
    }
    std::move(then)();
  });
}

void SimulatedProcess::Sync(Then then) {
  const MonotonicNanos begun_at = scheduler_->now();
  if (mutant_ == Mutant::kSyncAtOnce) {
    truth_->Synced(number_, begun_at);
    return std::move(then)();
  }
  ++calls_waiting_;
  coordinator_.Sync(begun_at + 2 * workload_.call_timeout_nanos,
                    [this, begun_at, then = std::move(then)](absl::Status status) mutable {
                      --calls_waiting_;
                      if (status.ok()) {
                        ++syncs_completed_;
                        truth_->Synced(number_, begun_at);
                      }
                      std::move(then)();
                    });
}

void SimulatedProcess::Weaken() {
  if (mutant_ == Mutant::kNoLease && coordinator_.open()) tier_->lane(0).Renew(internal::kNever - 1);
}

}  // namespace nearcache::simulation
