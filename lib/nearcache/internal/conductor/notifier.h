// Brings events to a listener of the user: a bounded queue between the threads of the library and the executor.
//
// At most one task of it is on the executor, which calls the listener for a few events, one after the other in their
// order, and makes way for others before it goes on. When the queue is full, because the listener is slow or blocks, an
// event is dropped and counted: memory is bounded, and nobody waits for the listener.
//
// Thread-safe. Shared: a task that runs keeps it alive, so the listener may destroy the cache.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_NOTIFIER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_NOTIFIER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/conductor/callback_runner.h"

namespace nearcache::internal::conductor {

struct NotifierStats {
  uint64_t notified = 0;
  uint64_t dropped = 0;
  uint64_t queued = 0;  // Gauge.
};

template <typename Event>
class Notifier : public std::enable_shared_from_this<Notifier<Event>> {
 public:
  using Listener = std::function<void(const Event&)>;

  // Holds at most so many events, and so many bytes as their posters say.
  Notifier(Listener listener, size_t events_max, size_t bytes_max)
      : listener_(std::move(listener)), events_max_(events_max), bytes_max_(bytes_max) {}

  // Once, before the first event.
  void SetRunner(std::shared_ptr<CallbackRunner> runner) { runner_ = std::move(runner); }

  void Post(Event event, size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (abandoned_ || queue_.size() >= events_max_ || bytes > bytes_max_ - queued_bytes_) {
        ++dropped_;
        return;
      }
      queued_bytes_ += bytes;
      queue_.push_back({std::move(event), bytes});
      if (std::exchange(scheduled_, true)) return;
    }
    Schedule();
  }

  // Drops what waits and all that comes: for the end.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::deque<Waiting> dropped;
    absl::MutexLock lock(&mutex_);
    abandoned_ = true;
    dropped_ += queue_.size();
    queued_bytes_ = 0;
    dropped.swap(queue_);
  }

  NotifierStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return {notified_, dropped_, queue_.size()};
  }

 private:
  // What one task does before it makes way.
  static constexpr int kEventsPerTask = 64;

  struct Waiting {
    Event event;
    size_t bytes = 0;
  };

  void Schedule() {
    runner_->Schedule([self = this->shared_from_this()] { self->NotifySome(); });
  }

  void NotifySome() {
    for (int i = 0; i < kEventsPerTask; ++i) {
      Waiting next;
      if (!TakeOldest(&next)) break;
      listener_(next.event);
    }
    if (HasMore()) Schedule();
  }

  bool TakeOldest(Waiting* oldest) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (queue_.empty()) return false;
    *oldest = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= oldest->bytes;
    ++notified_;
    return true;
  }

  // Whether the task has to go on later; if not, it is over.
  bool HasMore() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    scheduled_ = !queue_.empty();
    return scheduled_;
  }

  const Listener listener_;
  const size_t events_max_;
  const size_t bytes_max_;
  std::shared_ptr<CallbackRunner> runner_;

  mutable absl::Mutex mutex_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool scheduled_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t notified_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_NOTIFIER_H_
