// Brings removals to the listener of the user: a bounded queue between the threads that free entries and the executor.
//
// At most one task of it is on the executor, which calls the listener for a few removals, one after the other in their
// order, and makes way for others before it goes on. When the queue is full, because the listener is slow or blocks, a
// removal is dropped and counted: memory is bounded, and nobody waits for the listener.
//
// Thread-safe. Shared: a task that runs keeps it alive, so the listener may destroy the cache.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOVAL_NOTIFIER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOVAL_NOTIFIER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/conductor/callback_runner.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/removal.h"

namespace nearcache::internal::conductor {

struct RemovalNotifierStats {
  uint64_t notified = 0;
  uint64_t dropped = 0;
  uint64_t queued = 0;  // Gauge.
};

class RemovalNotifier final : public local::RemovalObserver, public std::enable_shared_from_this<RemovalNotifier> {
 public:
  // Holds at most so many removals, and so many bytes of their keys and values.
  RemovalNotifier(RemovalListener listener, size_t entries_max, size_t bytes_max);

  // Once, before anything is removed.
  void SetRunner(std::shared_ptr<CallbackRunner> runner) { runner_ = std::move(runner); }

  void OnRemoved(Removal removal) override ABSL_LOCKS_EXCLUDED(mutex_);

  // Drops what waits and all that comes: for the end.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_);

  RemovalNotifierStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What one task does before it makes way.
  static constexpr int kRemovalsPerTask = 64;

  static size_t BytesOf(const Removal& removal) { return removal.key.size() + removal.value.size(); }

  void Schedule();
  void NotifySome();
  bool TakeOldest(Removal* removal) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the task has to go on later; if not, it is over.
  bool HasMore() ABSL_LOCKS_EXCLUDED(mutex_);

  const RemovalListener listener_;
  const size_t entries_max_;
  const size_t bytes_max_;
  std::shared_ptr<CallbackRunner> runner_;

  mutable absl::Mutex mutex_;
  std::deque<Removal> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool scheduled_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t notified_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOVAL_NOTIFIER_H_
