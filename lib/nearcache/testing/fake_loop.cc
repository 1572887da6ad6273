#include "nearcache/testing/fake_loop.h"

#include <algorithm>

#include "absl/synchronization/notification.h"

namespace nearcache::internal::remote {

void FakeLoop::Post(MonotonicNanos due, Task task) {
  absl::MutexLock lock(&mutex_);
  tasks_.emplace(Key(due, ++posted_), std::move(task));
  changed_.Signal();
}

void FakeLoop::Run(absl::FunctionRef<void()> task) {
  {
    absl::MutexLock lock(&mutex_);
    if (running_ && thread_id_ != std::this_thread::get_id()) {
      absl::Notification done;
      tasks_.emplace(Key(Now(), ++posted_), [&task, &done] {
        task();
        done.Notify();
      });
      changed_.Signal();
      mutex_.Unlock();
      done.WaitForNotification();
      mutex_.Lock();
      return;
    }
  }
  task();
}

bool FakeLoop::TakeDue(Task* task) {
  if (tasks_.empty() || tasks_.begin()->first.first > Now()) return false;
  *task = std::move(tasks_.begin()->second);
  tasks_.erase(tasks_.begin());
  return true;
}

bool FakeLoop::Step() {
  Task task;
  {
    absl::MutexLock lock(&mutex_);
    if (!TakeDue(&task)) return false;
  }
  std::move(task)();
  return true;
}

size_t FakeLoop::RunUntilIdle(size_t steps_max) {
  size_t steps = 0;
  while (steps < steps_max && Step()) ++steps;
  return steps;
}

void FakeLoop::Advance(absl::Duration by) {
  const MonotonicNanos end = AddDuration(Now(), by);
  while (true) {
    RunUntilIdle();
    MonotonicNanos next = end;
    {
      absl::MutexLock lock(&mutex_);
      if (!tasks_.empty()) next = std::min(next, tasks_.begin()->first.first);
    }
    if (next > Now()) fake_->Advance(absl::Nanoseconds(next - Now()));
    if (next == end) break;
  }
  RunUntilIdle();
}

void FakeLoop::StartThread() {
  absl::MutexLock lock(&mutex_);
  if (running_) return;
  running_ = true;
  thread_ = std::thread([this] { ThreadMain(); });
  thread_id_ = thread_.get_id();
}

void FakeLoop::StopThread() {
  {
    absl::MutexLock lock(&mutex_);
    if (!running_) return;
    running_ = false;
    changed_.Signal();
  }
  thread_.join();
}

void FakeLoop::ThreadMain() {
  mutex_.Lock();
  while (running_) {
    Task task;
    if (TakeDue(&task)) {
      mutex_.Unlock();
      std::move(task)();
      task = nullptr;
      mutex_.Lock();
    } else if (tasks_.empty()) {
      changed_.Wait(&mutex_);
    } else {
      const absl::Duration left = absl::Nanoseconds(tasks_.begin()->first.first - Now());
      changed_.WaitWithTimeout(&mutex_, std::min(left, absl::Milliseconds(1)));
    }
  }
  mutex_.Unlock();
}

}  // namespace nearcache::internal::remote
