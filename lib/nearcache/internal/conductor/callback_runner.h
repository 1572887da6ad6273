// Hands the user's code (callbacks, loaders) to the executor, and knows what of it still runs.
//
// Shared: every task that it handed over keeps it alive, so that a callback may destroy the cache.
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_CALLBACK_RUNNER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_CALLBACK_RUNNER_H_

#include <cstddef>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/executor.h"

namespace nearcache::internal::conductor {

class CallbackRunner : public std::enable_shared_from_this<CallbackRunner> {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // `executor` is not owned.
  explicit CallbackRunner(Executor* executor) : executor_(executor) {}

  // Runs `task` on the executor.
  void Schedule(Task task);

  // Waits until no task is left, the ones that called this excepted (a callback that closes its
  // cache). False if that took longer than `timeout`.
  bool AwaitIdle(absl::Duration timeout);

 private:
  class Token;

  void Leave();

  Executor* const executor_;
  absl::Mutex mutex_;
  size_t unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_CALLBACK_RUNNER_H_
