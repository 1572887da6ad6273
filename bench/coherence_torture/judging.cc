#include "bench/coherence_torture/judging.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/judge.h"
#include "bench/processes/record.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

// The contract's allowance for a call that ends after its deadline.
constexpr int64_t kLateNanos = 50 * kNanosPerMilli;

// A call passes through several threads, each of which may have to wait for a processor as long as the one that
// measures stalls did.
constexpr int64_t kThreadsOfCall = 4;

constexpr int kLooksMax = 2000;

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

Judging::Judging(Arena* arena, Session* session, uint32_t worker)
    : arena_(arena),
      session_(session),
      worker_(worker),
      bound_nanos_(arena->setup().bound_nanos),
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
  if (version < begun.floor || arena_->versions().ProgressOf(begun.key, version) != VersionTable::Progress::kNewest) {
    return EndSlowly(begun, version, from_memory, fresh);
  }
  if (version > begun.floor) session_->floors.Raise(begun.key, version);
}

void Judging::EndSlowly(const Begun& begun, uint32_t version, bool from_memory, bool fresh) {
  VersionTable& versions = arena_->versions();
  Sightings& sightings = arena_->sightings();
  // With the writer's two steps in the other order, either he sees that it was seen or this sees that it had failed.
  if (versions.ProgressOf(begun.key, version) == VersionTable::Progress::kInFlight) {
    sightings.NoteInFlight(begun.key, version, NowNanos());
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  ReadObservation read = {begun.key, version, begun.nanos, begun.floor, fresh ? 0 : bound_nanos_};
  if (begun.synced_nanos > 0) read.bound_nanos = std::min(read.bound_nanos, begun.nanos - begun.synced_nanos);
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

// Waits for the stall that delayed this call, if there was one, to be measured before it blames the cache.
void Judging::EndCall(int64_t begun_nanos, int64_t stalled_nanos_before, int64_t timeout_nanos) {
  const int64_t ended_nanos = NowNanos();
  const int64_t late_nanos = ended_nanos - begun_nanos - timeout_nanos;
  if (late_nanos <= kLateNanos) return;
  const uint64_t looks = session_->stall_looks.load(std::memory_order_relaxed);
  for (int i = 0; i < kLooksMax && session_->stall_looks.load(std::memory_order_relaxed) < looks + 2; ++i) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  const int64_t stalled = stalled_nanos() - stalled_nanos_before;
  if (late_nanos <= kLateNanos + kThreadsOfCall * stalled) return;
  ViolationRecord* record = arena_->violations().Add(Violation::kLateCall);
  if (record == nullptr) return;
  record->worker = worker_;
  record->at_nanos = begun_nanos;
  record->ended_nanos = ended_nanos;
  record->amount = late_nanos;
  record->allowed = kLateNanos + kThreadsOfCall * stalled;
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
