#include "nearcache/internal/conductor/timekeeper.h"

#include <algorithm>
#include <utility>

#include "nearcache/internal/conductor/arguments.h"

namespace nearcache::internal::conductor {

absl::Status Timekeeper::Start(Maintain maintain) {
  maintain_ = std::move(maintain);
  return thread_.Start("nearcache-time", [this] { Work(); });
}

Timekeeper::~Timekeeper() { Stop(CancelledByClose()); }

void Timekeeper::Add(MonotonicNanos deadline, std::weak_ptr<Expirable> call) {
  absl::Status stopped;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) {
      if (heap_.size() >= purge_above_) PurgeEnded();
      heap_.push_back({deadline, std::move(call)});
      std::push_heap(heap_.begin(), heap_.end());
      return;
    }
    stopped = stop_cause_;
  }
  if (const std::shared_ptr<Expirable> ended = call.lock()) ended->Expire(stopped);
}

void Timekeeper::PurgeEnded() {
  heap_.erase(std::remove_if(heap_.begin(), heap_.end(), [](const Entry& entry) { return entry.call.expired(); }),
              heap_.end());
  std::make_heap(heap_.begin(), heap_.end());
  purge_above_ = std::max<size_t>(1024, 2 * heap_.size());
}

void Timekeeper::Stop(const absl::Status& cause) {
  Entries left;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) stop_cause_ = cause;
    stopping_ = true;
    left.swap(heap_);
  }
  for (const Entry& entry : left) {
    if (const std::shared_ptr<Expirable> call = entry.call.lock()) call->Expire(cause);
  }
  if (thread_.started()) thread_.Join();
}

bool Timekeeper::MustWake() const { return stopping_ || (!heap_.empty() && heap_.front().deadline < wake_at_); }

Timekeeper::Entries Timekeeper::AwaitDue() {
  Entries due;
  absl::MutexLock lock(&mutex_);
  wake_at_ = heap_.empty() ? maintain_at_ : std::min(maintain_at_, heap_.front().deadline);
  mutex_.AwaitWithTimeout(absl::Condition(this, &Timekeeper::MustWake), absl::Nanoseconds(wake_at_ - clock_->Now()));
  const MonotonicNanos now = clock_->Now();
  while (!heap_.empty() && heap_.front().deadline <= now) {
    std::pop_heap(heap_.begin(), heap_.end());
    due.push_back(std::move(heap_.back()));
    heap_.pop_back();
  }
  if (stopping_) maintain_at_ = kNever;
  return due;
}

void Timekeeper::MaintainIfDue() {
  const MonotonicNanos now = clock_->Now();
  if (now < maintain_at_) return;
  maintain_at_ = AddDuration(now, maintain_() ? kMaintenancePause : kMaintenancePeriod);
}

void Timekeeper::Work() {
  while (maintain_at_ != kNever) {
    const absl::Status cause = DeadlinePassed("another call's work on the same key went on");
    for (const Entry& entry : AwaitDue()) {
      if (const std::shared_ptr<Expirable> call = entry.call.lock()) call->Expire(cause);
    }
    MaintainIfDue();
  }
}

}  // namespace nearcache::internal::conductor
