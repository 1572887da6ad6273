// The audit: compares what memory serves with what the remote tier holds, in the background, and counts what is stale
// for longer than the promise allows. It is meant to find nothing; so it must never cry wolf.
//
// A check of a key:
//
//   1. Memory would serve the write e of the key.
//   2. The remote tier is asked; its answer comes at the local time a and shows another write r (or a Clear or an
//   Expire
//      that came after e). So e had been replaced by an operation that was executed before a. No clock of another
//      machine is needed for that, and none is used. If it shows e, e was current: the check is over.
//   3. After a + bound, at the time t, memory is looked at again. If it would not serve e any more, it heard in time:
//   the
//      check is over.
//   4. If it would, the remote tier is asked again, the whole frame checked. Only if e is still not there the value was
//      stale, for at least t - a.
//
// Why a correct cache never gets to the end. At t an entry is served if it was fetched after t - bound > a, or if a
// lease covers it. A fetch that began after a saw what was executed before a, so it did not bring e, unless the server
// went back to e: then the entry is younger than a, and the check is given up (inconclusive). A lease that holds at t
// rests on a heartbeat that was sent after t - bound > a: it read a lane that counts r, and holds only if everything up
// to there has been applied, r's message among it, which removed e and voided every fill of e that was under way.
//
// What shows nothing is no alarm: an absent key may have been evicted by the server, which announces nothing (counted
// as missing), a stranger's bytes are outside of the promise (foreign), and damaged or unanswered ones are
// inconclusive. An entry that a check found behind is dropped: whatever the reason, the remote tier no longer has it.
//
// Bounds: checks under way, one of a key at a time; reads and bytes per second. Nothing waits for the audit, and it
// never runs on a reader's thread.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_AUDITOR_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_AUDITOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/coherence_event.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/hit_sampler.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/remote_sight.h"
#include "nearcache/internal/metrics/histogram.h"

namespace nearcache::internal::conductor {

struct AuditStats {
  uint64_t checks = 0;
  uint64_t skipped = 0;
  uint64_t inconclusive = 0;
  uint64_t missing = 0;
  uint64_t foreign = 0;
  uint64_t stale = 0;
  metrics::HistogramSnapshot staleness;
};

class Auditor {
 public:
  using OnStale = absl::AnyInvocable<void(CoherenceEvent) const>;

  // Of `parts` it uses options, clock, tier, workers, store, names and compressor. Must outlive the store's loop.
  Auditor(const RemoteParts& parts, HitSampler* sampler, OnStale on_stale);

  // Begins as many checks as the budget allows. Called now and then, by one thread at a time.
  void Maintain();

  AuditStats GetStats() const;

 private:
  enum class Finding { kSame, kReplaced, kMissing, kForeign, kInconclusive };

  struct Check {
    std::string key;
    OperationTag id;                     // Of the entry in memory.
    Finding first = Finding::kSame;      // What the first look showed,
    MonotonicNanos replaced_before = 0;  // and when.
    MonotonicNanos served_at = 0;        // When memory was found to serve it still.
  };
  using CheckPointer = std::unique_ptr<Check>;

  static Finding Compare(const RemoteSight& sight, OperationTag id);
  void RefillBudget();
  void Begin(std::string key);
  void Look(CheckPointer check, void (Auditor::*then)(CheckPointer, const RemoteSight&));
  void OnFirstSight(CheckPointer check, const RemoteSight& sight);
  void LookAtMemoryAgain(CheckPointer check);
  void OnSecondSight(CheckPointer check, const RemoteSight& sight);
  void ReportStale(const Check& check);
  void Count(Finding finding);
  bool IsFull() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether no check of `key` is under way; then this one is.
  bool Enlist(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const Check& check) ABSL_LOCKS_EXCLUDED(mutex_);

  const RemoteParts parts_;
  HitSampler* const sampler_;
  const OnStale on_stale_;
  // After the answer that shows a replacement, when no correct memory serves the old value any more.
  const int64_t patience_nanos_;

  // Maintain alone.
  MonotonicNanos refilled_at_;
  double reads_left_;
  double bytes_left_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_set<std::string> under_way_ ABSL_GUARDED_BY(mutex_);

  std::atomic<uint64_t> checks_{0};
  std::atomic<uint64_t> inconclusive_{0};
  std::atomic<uint64_t> missing_{0};
  std::atomic<uint64_t> foreign_{0};
  std::atomic<uint64_t> stale_{0};
  metrics::Histogram staleness_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_AUDITOR_H_
