// What the coordinator counts, and how it says how it is: the statistics and the words, apart from the protocol.
//
// Thread-safe. Counting is one relaxed add; words take a mutex.

#ifndef NEARCACHE_INTERNAL_COHERENCE_COHERENCE_REPORT_H_
#define NEARCACHE_INTERNAL_COHERENCE_COHERENCE_REPORT_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/coherence/channel_action.h"
#include "nearcache/internal/metrics/histogram.h"

namespace nearcache::internal::coherence {

// Counters since the start, as in nearcache/stats.h, section Coherence; gauges are marked.
struct CoherenceStats {
  uint64_t messages_received = 0;
  uint64_t messages_rejected = 0;
  uint64_t heartbeats = 0;
  uint64_t heartbeats_failed = 0;
  uint64_t generations = 0;
  uint64_t gaps_detected = 0;
  uint64_t channel_losses = 0;
  uint64_t heartbeat_timeouts = 0;
  uint64_t remote_resets = 0;
  // By exact cause, in the order of CloseCause.
  std::array<uint64_t, kCloseCauseCount> ends_by_cause = {};
  uint64_t suspect_entries = 0;
  // Foreign writers.
  uint64_t foreign_pushes = 0;
  uint64_t foreign_changes = 0;
  uint64_t foreign_echoes = 0;
  uint64_t foreign_overflows = 0;
  absl::Duration heartbeat_age = absl::InfiniteDuration();  // Gauge.
  absl::Duration round_trip = absl::InfiniteDuration();     // Gauge: of the last answered heartbeat.
  // From the making of an announcement to its arrival here, for changes of this process.
  metrics::HistogramSnapshot invalidation_lag;
};

class CoherenceReport {
 public:
  CoherenceReport(int64_t bound_nanos, const Clock* clock);

  void CountMessage() { Count(messages_received_); }
  void CountRejectedMessage() { Count(messages_rejected_); }
  // The server named keys that changed: too many to look at one by one, or as counted next.
  void CountTouches(bool overflow) {
    Count(foreign_pushes_);
    if (overflow) Count(foreign_overflows_);
  }
  void CountTouchedKeys(uint64_t changes, uint64_t echoes) {
    foreign_changes_.fetch_add(changes, std::memory_order_relaxed);
    foreign_echoes_.fetch_add(echoes, std::memory_order_relaxed);
  }
  void CountHeartbeat() { Count(heartbeats_); }
  void RecordLag(int64_t nanos) { lag_.Record(nanos); }

  // A reading of the lane, or the making of an epoch, ended.
  void NoteAnswer(int64_t round_trip_nanos) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteFailure(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  void NoteOpen() { open_.store(true, std::memory_order_release); }
  // `suspect_entries`: what was in memory then.
  void NoteClose(CloseCause cause, uint64_t suspect_entries) ABSL_LOCKS_EXCLUDED(mutex_);
  // How long ago everything was last known to be heard; infinite: never.
  absl::Duration HeartbeatAge() const;
  // Why no generation is open, from now on.
  void SetCause(std::string cause) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetAsOf(MonotonicNanos as_of) { as_of_.store(as_of, std::memory_order_relaxed); }

  bool open() const { return open_.load(std::memory_order_acquire); }
  CoherenceStats GetStats() const;
  // Ok, or kUnavailable with what is wrong and since when.
  absl::Status Status() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The same without the beginning: what stands in the way of a proof just now. May be empty.
  std::string Obstacle() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Counter = std::atomic<uint64_t>;

  static void Count(Counter& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

  const int64_t bound_nanos_;
  const Clock* const clock_;

  std::atomic<bool> open_{false};
  std::atomic<MonotonicNanos> as_of_{0};
  std::atomic<int64_t> round_trip_nanos_{-1};
  Counter messages_received_{0};
  Counter messages_rejected_{0};
  Counter heartbeats_{0};
  Counter heartbeats_failed_{0};
  Counter generations_{0};
  Counter gaps_detected_{0};
  Counter channel_losses_{0};
  Counter heartbeat_timeouts_{0};
  Counter remote_resets_{0};
  std::array<Counter, kCloseCauseCount> ends_by_cause_{};
  Counter suspect_entries_{0};
  Counter foreign_pushes_{0};
  Counter foreign_changes_{0};
  Counter foreign_echoes_{0};
  Counter foreign_overflows_{0};
  metrics::Histogram lag_;

  mutable absl::Mutex mutex_;
  std::string cause_ ABSL_GUARDED_BY(mutex_);
  MonotonicNanos cause_since_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string failure_ ABSL_GUARDED_BY(mutex_);  // Of the last reading; empty: it succeeded.
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_COHERENCE_REPORT_H_
