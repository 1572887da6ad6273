// The event loop of the fakes: tasks with a due time, run one at a time in the order of (due time, order of posting).
//
// Driven by hand it is deterministic: nothing happens but inside Step, RunUntilIdle and Advance, on the thread that
// calls them (one at a time). With StartThread a thread of its own runs whatever is due, for tests that use blocking
// calls.
//
// Post is thread-safe at all times.

#ifndef NEARCACHE_TESTING_FAKE_LOOP_H_
#define NEARCACHE_TESTING_FAKE_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/fake_clock.h"

namespace nearcache::internal::remote {

class FakeLoop {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // `fake` is null, or the same clock. Neither is owned.
  FakeLoop(const Clock* clock, FakeClock* fake) : clock_(clock), fake_(fake) {}
  ~FakeLoop() { StopThread(); }
  FakeLoop(const FakeLoop&) = delete;
  FakeLoop& operator=(const FakeLoop&) = delete;

  MonotonicNanos Now() const { return clock_->Now(); }

  // Runs `task` at `due`, or soon if that is past. Tasks that never became due are destroyed with the loop.
  void Post(MonotonicNanos due, Task task);
  void Post(Task task) { Post(Now(), std::move(task)); }

  // Runs `task` before it returns: on the loop's thread if there is one, else right here.
  void Run(absl::FunctionRef<void()> task);

  // --- By hand. REQUIRES: no thread.

  // Runs one task that is due; false if there is none.
  bool Step();
  // Runs all that is due, and what becomes due by it, up to `steps_max` tasks. Returns how many.
  size_t RunUntilIdle(size_t steps_max = 1'000'000);
  // Moves the fake clock on, running each task when its time has come. REQUIRES: a FakeClock.
  void Advance(absl::Duration by);

  // --- With a thread. With a FakeClock it looks at the clock once a millisecond of real time.
  void StartThread();
  void StopThread();

 private:
  using Key = std::pair<MonotonicNanos, uint64_t>;

  void ThreadMain();
  bool TakeDue(Task* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  FakeClock* const fake_;
  std::thread thread_;

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<Key, Task> tasks_ ABSL_GUARDED_BY(mutex_);
  uint64_t posted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;  // The thread.
  std::thread::id thread_id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTING_FAKE_LOOP_H_
