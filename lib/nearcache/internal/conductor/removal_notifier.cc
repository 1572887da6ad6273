#include "nearcache/internal/conductor/removal_notifier.h"

#include <utility>

namespace nearcache::internal::conductor {

RemovalNotifier::RemovalNotifier(RemovalListener listener, size_t entries_max, size_t bytes_max)
    : listener_(std::move(listener)), entries_max_(entries_max), bytes_max_(bytes_max) {}

void RemovalNotifier::OnRemoved(Removal removal) {
  {
    absl::MutexLock lock(&mutex_);
    const size_t bytes = BytesOf(removal);
    if (abandoned_ || queue_.size() >= entries_max_ || bytes > bytes_max_ - queued_bytes_) {
      ++dropped_;
      return;
    }
    queued_bytes_ += bytes;
    queue_.push_back(std::move(removal));
    if (std::exchange(scheduled_, true)) return;
  }
  Schedule();
}

void RemovalNotifier::Schedule() {
  runner_->Schedule([self = shared_from_this()] { self->NotifySome(); });
}

bool RemovalNotifier::TakeOldest(Removal* removal) {
  absl::MutexLock lock(&mutex_);
  if (queue_.empty()) return false;
  *removal = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= BytesOf(*removal);
  ++notified_;
  return true;
}

bool RemovalNotifier::HasMore() {
  absl::MutexLock lock(&mutex_);
  scheduled_ = !queue_.empty();
  return scheduled_;
}

void RemovalNotifier::NotifySome() {
  for (int i = 0; i < kRemovalsPerTask; ++i) {
    Removal removal;
    if (!TakeOldest(&removal)) break;
    listener_(removal);
  }
  if (HasMore()) Schedule();
}

void RemovalNotifier::Abandon() {
  std::deque<Removal> dropped;
  absl::MutexLock lock(&mutex_);
  abandoned_ = true;
  dropped_ += queue_.size();
  queued_bytes_ = 0;
  dropped.swap(queue_);
}

RemovalNotifierStats RemovalNotifier::GetStats() const {
  absl::MutexLock lock(&mutex_);
  return {notified_, dropped_, queue_.size()};
}

}  // namespace nearcache::internal::conductor
