#include "nearcache/internal/conductor/callback_runner.h"

#include <utility>

namespace nearcache::internal::conductor {
namespace {

// The tasks that run on this thread, the innermost first: a task may run another cache's task, or
// its own cache's, by an executor that runs things at once.
struct Frame {
  const CallbackRunner* runner;
  const Frame* outer;
};
thread_local const Frame* innermost = nullptr;

size_t DepthOf(const CallbackRunner* runner) {
  size_t depth = 0;
  for (const Frame* frame = innermost; frame != nullptr; frame = frame->outer) {
    if (frame->runner == runner) ++depth;
  }
  return depth;
}

}  // namespace

// Counts one task until it ran and was destroyed, or was destroyed by an executor that never ran it.
class CallbackRunner::Token {
 public:
  explicit Token(std::shared_ptr<CallbackRunner> runner) : runner_(std::move(runner)) {}
  Token(Token&& other) noexcept = default;
  ~Token() {
    if (runner_ != nullptr) runner_->Leave();
  }

  void Run(Task task) {
    const Frame frame{runner_.get(), innermost};
    innermost = &frame;
    std::move(task)();
    task = nullptr;  // What the callback owns goes before the task counts as done.
    innermost = frame.outer;
  }

 private:
  std::shared_ptr<CallbackRunner> runner_;
};

void CallbackRunner::Schedule(Task task) {
  {
    absl::MutexLock lock(&mutex_);
    ++unfinished_;
  }
  executor_->Schedule(
      [token = Token(shared_from_this()), task = std::move(task)]() mutable { token.Run(std::move(task)); });
}

void CallbackRunner::Leave() {
  absl::MutexLock lock(&mutex_);
  --unfinished_;
}

bool CallbackRunner::AwaitIdle(absl::Duration timeout) {
  const size_t own = DepthOf(this);
  const auto idle = [this, own]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return unfinished_ <= own; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

}  // namespace nearcache::internal::conductor
