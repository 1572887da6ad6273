// How a cache with a remote tier is, and since when. Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_HEALTH_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_HEALTH_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/stats.h"

namespace nearcache::internal::conductor {

class HealthMonitor {
 public:
  // Nothing is owned.
  HealthMonitor(const Clock* clock, const remote::Store* store, const coherence::Coordinator* coordinator);

  HealthReport Report();

  // A state begins when somebody first sees it: call this now and then.
  void Watch() { SinceWhen(Judge().state); }

 private:
  // State and reason alone.
  HealthReport Judge() const;
  absl::Duration SinceWhen(HealthState state) ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock* const clock_;
  const remote::Store* const store_;
  const coherence::Coordinator* const coordinator_;
  absl::Mutex mutex_;
  HealthState state_ ABSL_GUARDED_BY(mutex_) = HealthState::kDown;
  MonotonicNanos state_began_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_HEALTH_H_
