// A few threads and one queue: runs callbacks when the user gave no executor, and decodes large
// values off the event loop.
//
// The queue has no bound of its own: each task belongs to a call, and limits.calls_max bounds those.
//
// Thread-safe. Schedule: one short lock.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_TASK_POOL_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_TASK_POOL_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nearcache/executor.h"

namespace nearcache::internal::conductor {

class TaskPool final : public Executor {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // `name`: of the threads, at most 15 bytes, lives for ever. kResourceExhausted: no threads left.
  static absl::StatusOr<std::unique_ptr<TaskPool>> Start(const char* name, int threads);

  // Stop(), waiting for nobody.
  ~TaskPool() override;
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  // Runs `task` on one of the threads, in the order of the calls; after Stop, from inside the call.
  void Schedule(Task task) override;

  // Takes no more tasks, lets the threads run what is queued and end. Waits for them for `timeout`,
  // but not for the thread that calls: that one, and those that are not done, end by themselves.
  // Idempotent.
  void Stop(absl::Duration timeout);

 private:
  struct State;
  struct Worker;

  explicit TaskPool(std::shared_ptr<State> state);

  static void Work(const std::shared_ptr<State>& state, Worker* worker);

  // Shared with the threads, which may outlive the pool.
  const std::shared_ptr<State> state_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_TASK_POOL_H_
