#include "bench/coherence_torture/judging.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/clear_notice.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/judge.h"
#include "bench/processes/record.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

// The contract's allowance for a call that ends after its deadline.
constexpr int64_t kLateNanos = 50 * kNanosPerMilli;

// After a stall there is more to do than before it.
constexpr int64_t kStallWeight = 2;

constexpr int kLooksMax = 2000;

// How long after a Clear may be served no more what was read is still compared with it.
constexpr int64_t kClearLookNanos = kNanosPerSecond;

Violation ViolationOf(const Verdict& verdict) {
  switch (verdict.finding) {
    case Finding::kWentBack:
      return verdict.outcome == WriteOutcome::kUnknown ? Violation::kTookEffectTwice : Violation::kWentBack;
    case Finding::kPhantom:
      return Violation::kPhantom;
    case Finding::kForeign:
      return Violation::kForeignBytes;
    default:
      return verdict.outcome == WriteOutcome::kUnknown ? Violation::kTookEffectTwice : Violation::kTooOld;
  }
}

}  // namespace

void Session::AwaitStallsMeasured() const {
  // The look that is under way may have begun before.
  const uint64_t looks = stall_looks.load(std::memory_order_relaxed);
  for (int i = 0; i < kLooksMax && stall_looks.load(std::memory_order_relaxed) < looks + 2; ++i) {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

Judging::Judging(Arena* arena, Session* session, uint32_t worker)
    : arena_(arena),
      session_(session),
      worker_(worker),
      bound_nanos_(arena->setup().bound_nanos),
      timeout_nanos_(arena->setup().timeout_nanos),
      block_(arena->worker(worker)) {}

Judging::Begun Judging::Begin(uint32_t key) const {
  const int64_t since_nanos = arena_->store_since_nanos().load(std::memory_order_acquire);
  const int64_t synced_nanos = session_->synced_nanos.load(std::memory_order_acquire);
  const uint32_t floor = session_->floors.Of(key);
  return {key, floor, NowNanos(), synced_nanos, since_nanos};
}

void Judging::End(const Begun& begun, const RecordIdentity& identity, bool from_memory, bool fresh) {
  ++tally_[from_memory ? kLocalHits : kRemoteHits];
  const uint32_t version = static_cast<uint32_t>(identity.version);
  if (!identity.intact || identity.key != begun.key) {
    Verdict verdict;
    verdict.finding = Finding::kForeign;
    return Log(Violation::kForeignBytes, begun, {begun.key, version, begun.nanos, begun.floor}, verdict, from_memory,
               fresh);
  }
  const ClearNotice::Times own = session_->clears.Last();
  if (IsRecent(own, begun) || IsRecent(arena_->clears().Last(), begun)) {
    CheckClears(begun, version, from_memory, fresh);
  }
  if (version < begun.floor || arena_->versions().ProgressOf(begun.key, version) != VersionTable::Progress::kNewest) {
    return EndSlowly(begun, version, from_memory, fresh);
  }
  if (version > begun.floor) session_->floors.Raise(begun.key, version);
}

int64_t Judging::BoundOf(const Begun& begun, bool fresh) const {
  const int64_t bound_nanos = fresh ? 0 : bound_nanos_;
  return begun.synced_nanos > 0 ? std::min(bound_nanos, begun.nanos - begun.synced_nanos) : bound_nanos;
}

bool Judging::IsRecent(const ClearNotice::Times& clear, const Begun& begun) const {
  const int64_t ago_nanos = begun.nanos - clear.acknowledged_nanos;
  return clear.begun_nanos != 0 && ago_nanos > 0 && ago_nanos < bound_nanos_ + kClearLookNanos;
}

void Judging::CheckClears(const Begun& begun, uint32_t version, bool from_memory, bool fresh) {
  const ClearNotice::Times own = session_->clears.Last();
  if (!CheckClear(own, /*bound_nanos=*/0, begun, version, from_memory, fresh)) return;
  CheckClear(arena_->clears().Last(), BoundOf(begun, fresh), begun, version, from_memory, fresh);
}

// False: a violation was found. A Clear that the store has lost by a step into its past clears nothing, nor is it known
// what precedes a step that is under way.
bool Judging::CheckClear(const ClearNotice::Times& clear, int64_t bound_nanos, const Begun& begun, uint32_t version,
                         bool from_memory, bool fresh) {
  if (clear.begun_nanos == 0 || clear.begun_nanos < begun.store_since_nanos) return true;
  if (begun.store_since_nanos != arena_->store_since_nanos().load(std::memory_order_acquire)) return true;
  const int64_t ago_nanos = begun.nanos - clear.acknowledged_nanos;
  if (ago_nanos <= bound_nanos) return true;
  const int64_t written_nanos = arena_->versions().AcknowledgedNanos(begun.key, version);
  if (written_nanos == 0 || written_nanos >= clear.begun_nanos) return true;
  Verdict verdict;
  verdict.age_nanos = ago_nanos;
  ReadObservation read = {begun.key, version, begun.nanos, begun.floor, bound_nanos};
  Log(Violation::kCleared, begun, read, verdict, from_memory, fresh);
  return false;
}

void Judging::EndSlowly(const Begun& begun, uint32_t version, bool from_memory, bool fresh) {
  VersionTable& versions = arena_->versions();
  Sightings& sightings = arena_->sightings();
  // With the writer's two steps in the other order, either he sees that it was seen or this sees that it had failed.
  if (versions.ProgressOf(begun.key, version) == VersionTable::Progress::kInFlight) {
    sightings.NoteInFlight(begun.key, version, NowNanos());
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  ReadObservation read = {begun.key, version, begun.nanos, begun.floor, BoundOf(begun, fresh)};
  read.store_since_nanos = begun.store_since_nanos;
  read.seen_nanos = sightings.SeenNanos(begun.key, version);
  const Verdict verdict = Judge(versions, read);
  const bool stepped = begun.store_since_nanos != arena_->store_since_nanos().load(std::memory_order_acquire) ||
                       begun.store_since_nanos == INT64_MAX;
  if (stepped && verdict.finding != Finding::kForeign) {
    ++tally_[kUnjudged];
    return;
  }
  if (verdict.outcome == WriteOutcome::kUnknown) sightings.NoteUnknown(begun.key, version, NowNanos());
  if (IsViolation(verdict.finding)) return Log(ViolationOf(verdict), begun, read, verdict, from_memory, fresh);
  if (verdict.finding == Finding::kUnknownVersion) {
    ++tally_[kUnplaced];
  } else if (verdict.age_nanos > block_.oldest_nanos.load(std::memory_order_relaxed)) {
    block_.oldest_nanos.store(verdict.age_nanos, std::memory_order_relaxed);
  }
  session_->floors.Raise(begun.key, version);
}

void Judging::EndWrite(uint32_t key, uint32_t version, WriteOutcome outcome) {
  arena_->versions().End(key, version, outcome, NowNanos());
  if (outcome == WriteOutcome::kAcknowledged) {
    ++tally_[kWritesAcknowledged];
    session_->floors.Raise(key, version);
    return;
  }
  if (outcome == WriteOutcome::kUnknown) {
    ++tally_[kWritesUnknown];
    arena_->sightings().MarkUnknown(key, version);
    return;
  }
  ++tally_[kWritesFailed];
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!arena_->sightings().SeenInFlight(key, version)) return;
  Verdict verdict;
  verdict.finding = Finding::kPhantom;
  const int64_t now_nanos = NowNanos();
  Log(Violation::kPhantom, {key, 0, now_nanos, 0, 0}, {key, version, now_nanos}, verdict, false, false);
}

void Judging::EndLoad(uint32_t key, uint32_t version) {
  ++tally_[kLoads];
  arena_->versions().End(key, version, WriteOutcome::kUnknown, NowNanos());
  arena_->sightings().MarkUnknown(key, version);
}

void Judging::EndOvertakenLoad(uint32_t key, uint32_t version) {
  ++tally_[kLoads];
  ++tally_[kLoadsOvertaken];
  arena_->versions().End(key, version, WriteOutcome::kFailed, NowNanos());
}

// What it was given need not be in the store, so that it is no floor for what is read later.
void Judging::EndLoaded(const Begun& begun, const RecordIdentity& identity) {
  const uint32_t version = static_cast<uint32_t>(identity.version);
  const ReadObservation read = {begun.key, version, begun.nanos, begun.floor};
  Verdict verdict;
  if (!identity.intact || identity.key != begun.key) {
    verdict.finding = Finding::kForeign;
    Log(Violation::kForeignBytes, begun, read, verdict, /*from_memory=*/false, /*fresh=*/false);
  } else if (version < begun.floor && begun.store_since_nanos == arena_->store_since_nanos().load() &&
             arena_->versions().Find(begun.key, begun.floor).begun_nanos >= begun.store_since_nanos) {
    verdict.finding = Finding::kWentBack;
    Log(Violation::kWentBack, begun, read, verdict, /*from_memory=*/false, /*fresh=*/false);
  }
}

void Judging::CheckSum(uint32_t key, uint32_t from, uint32_t sum, int64_t since_nanos) {
  if (sum == from + 1 || since_nanos == INT64_MAX) return;
  if (arena_->store_since_nanos().load(std::memory_order_acquire) != since_nanos) return;
  LogOwn(Violation::kMiscounted, key, sum, from);
}

void Judging::CheckExists(uint32_t key, int64_t since_nanos) {
  if (arena_->store_since_nanos().load(std::memory_order_acquire) != since_nanos || since_nanos == INT64_MAX) return;
  LogOwn(Violation::kWrongCondition, key, 0, 0);
}

void Judging::LogOwn(Violation violation, uint32_t key, int64_t amount, int64_t allowed) {
  ViolationRecord* record = arena_->violations().Add(violation);
  if (record == nullptr) return;
  record->worker = worker_;
  record->key = key;
  record->at_nanos = record->ended_nanos = NowNanos();
  record->amount = amount;
  record->allowed = allowed;
  record->history_count = arena_->versions().CopyHistory(key, record->history, ViolationRecord::kHistory);
  record->complete.store(1, std::memory_order_release);
}

void Judging::EndClear(int64_t begun_nanos) {
  ++tally_[kClears];
  const ClearNotice::Times times = {begun_nanos, NowNanos()};
  session_->clears.Note(times);
  arena_->clears().Note(times);
}

Judging::Call Judging::BeginCall() const {
  return {NowNanos(), session_->stalled_nanos.load(std::memory_order_relaxed), run_delay_.Nanos()};
}

// Waits for the stall that delayed this call, if there was one, to be measured before it blames the cache.
void Judging::EndCall(const Call& call) {
  const int64_t ended_nanos = NowNanos();
  const int64_t late_nanos = ended_nanos - call.begun_nanos - timeout_nanos_;
  if (late_nanos <= kLateNanos) return;
  const int64_t delayed_nanos = run_delay_.Nanos() - call.delayed_nanos;
  session_->AwaitStallsMeasured();
  const int64_t stalled_nanos = session_->stalled_nanos.load(std::memory_order_relaxed) - call.stalled_nanos;
  const int64_t allowed_nanos = kLateNanos + kStallWeight * stalled_nanos + delayed_nanos;
  if (late_nanos <= allowed_nanos) return;
  ViolationRecord* record = arena_->violations().Add(Violation::kLateCall);
  if (record == nullptr) return;
  record->worker = worker_;
  record->at_nanos = call.begun_nanos;
  record->ended_nanos = ended_nanos;
  record->amount = late_nanos;
  record->allowed = allowed_nanos;
  record->complete.store(1, std::memory_order_release);
}

void Judging::Log(Violation violation, const Begun& begun, const ReadObservation& read, const Verdict& verdict,
                  bool from_memory, bool fresh) {
  ViolationRecord* record = arena_->violations().Add(violation);
  if (record == nullptr) return;
  record->worker = worker_;
  record->key = read.key;
  record->version = read.version;
  record->successor = verdict.successor;
  record->floor = begun.floor;
  record->from_memory = from_memory;
  record->fresh = fresh;
  record->at_nanos = begun.nanos;
  record->ended_nanos = NowNanos();
  record->age_nanos = verdict.age_nanos;
  record->bound_nanos = read.bound_nanos;
  record->history_count = arena_->versions().CopyHistory(read.key, record->history, ViolationRecord::kHistory);
  record->complete.store(1, std::memory_order_release);
}

void Judging::Flush() {
  for (int i = 0; i < kCountCount; ++i) {
    if (tally_[i] == 0) continue;
    block_.counts[i].fetch_add(tally_[i], std::memory_order_relaxed);
    tally_[i] = 0;
  }
}

}  // namespace nearcache::bench::torture
