// The library's own thread for what happens by the clock: ends calls whose deadline passed, and
// looks after the local tier.
//
// Mechanism M13: deadlines here are those of callers who wait for somebody else's work (a flight that they joined,
// a loader); the remote tier keeps the deadlines of its own operations.
//
// Thread-safe. Add: one short lock and O(log n); the entry of a call that has ended stays until its
// deadline, or until half of all entries are of that kind.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_TIMEKEEPER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_TIMEKEEPER_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/conductor/pending_call.h"
#include "nearcache/internal/conductor/thread.h"

namespace nearcache::internal::conductor {

class Timekeeper {
 public:
  // How often `maintain` runs, and how soon again after it returned true ("there is more").
  static constexpr absl::Duration kMaintenancePeriod = absl::Milliseconds(100);
  static constexpr absl::Duration kMaintenancePause = absl::Milliseconds(2);

  using Maintain = absl::AnyInvocable<bool()>;

  // `clock` must run at the speed of real time for deadlines to be kept.
  explicit Timekeeper(const Clock* clock) : clock_(clock) {}

  // Stop(), if it was not called. Not on its own thread.
  ~Timekeeper();

  // Starts the thread; once. kResourceExhausted: no threads left.
  absl::Status Start(Maintain maintain);

  // Ends `call` with kDeadlineExceeded at `deadline`, with the cause of Stop before that, or at once
  // after it.
  void Add(MonotonicNanos deadline, std::weak_ptr<Expirable> call);

  // Ends all calls with `cause`, then the thread. Idempotent.
  void Stop(const absl::Status& cause);

 private:
  struct Entry {
    MonotonicNanos deadline;
    std::weak_ptr<Expirable> call;
    friend bool operator<(const Entry& a, const Entry& b) { return a.deadline > b.deadline; }
  };
  using Entries = std::vector<Entry>;

  void Work();
  Entries AwaitDue() ABSL_LOCKS_EXCLUDED(mutex_);
  bool MustWake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PurgeEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MaintainIfDue();

  const Clock* const clock_;
  Maintain maintain_;  // Of the thread alone, as the next one.
  MonotonicNanos maintain_at_ = 0;
  Thread thread_;

  absl::Mutex mutex_;
  Entries heap_ ABSL_GUARDED_BY(mutex_);
  size_t purge_above_ ABSL_GUARDED_BY(mutex_) = 1024;
  MonotonicNanos wake_at_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status stop_cause_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_TIMEKEEPER_H_
