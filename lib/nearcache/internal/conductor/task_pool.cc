#include "nearcache/internal/conductor/task_pool.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/conductor/thread.h"

namespace nearcache::internal::conductor {

struct TaskPool::Worker {
  Thread thread;
  bool ended = false;  // Guarded by State::mutex; the owner's thread touches nothing after it.
};

struct TaskPool::State {
  bool MayTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return stopping || !tasks.empty(); }

  absl::Mutex mutex;
  std::deque<Task> tasks ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::vector<std::unique_ptr<Worker>> workers;  // Constant after Start, until Stop has ended.
};

namespace {

// Which of the workers' threads calls; null for a stranger.
template <typename Workers>
auto* CallingWorker(const Workers& workers) {
  for (const auto& worker : workers) {
    if (worker->thread.is_current()) return worker.get();
  }
  return static_cast<decltype(workers[0].get())>(nullptr);
}

}  // namespace

TaskPool::TaskPool(std::shared_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<TaskPool>> TaskPool::Start(const char* name, int threads) {
  auto state = std::make_shared<State>();
  for (int i = 0; i < threads; ++i) state->workers.push_back(std::make_unique<Worker>());
  std::unique_ptr<TaskPool> pool(new TaskPool(state));
  for (const auto& worker : state->workers) {
    absl::Status started = worker->thread.Start(name, [state, raw = worker.get()] { Work(state, raw); });
    if (!started.ok()) return started;
  }
  return pool;
}

TaskPool::~TaskPool() { Stop(absl::ZeroDuration()); }

void TaskPool::Schedule(Task task) {
  {
    absl::MutexLock lock(&state_->mutex);
    if (!state_->stopping) {
      state_->tasks.push_back(std::move(task));
      return;
    }
  }
  std::move(task)();
}

void TaskPool::Stop(absl::Duration timeout) {
  std::vector<std::unique_ptr<Worker>> ended;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
    // Found out here: a condition may be evaluated on any thread that lets go of the mutex.
    const Worker* const caller = CallingWorker(state_->workers);
    const auto others_ended = [this, caller] {
      return absl::c_all_of(state_->workers, [caller](const auto& worker) {
        return worker->ended || !worker->thread.started() || worker.get() == caller;
      });
    };
    state_->mutex.AwaitWithTimeout(absl::Condition(&others_ended), timeout);
    for (auto& worker : state_->workers) {
      if (worker->ended) {
        ended.push_back(std::move(worker));
      } else if (worker->thread.started()) {
        worker->thread.Detach();  // It shares `state_`, and so nothing of it goes away under it.
      }
    }
    state_->workers.erase(std::remove(state_->workers.begin(), state_->workers.end(), nullptr), state_->workers.end());
  }
  for (const auto& worker : ended) {
    // One that an earlier Stop gave up is detached, and may have ended since.
    if (worker->thread.started()) worker->thread.Join();
  }
}

void TaskPool::Work(const std::shared_ptr<State>& state, Worker* worker) {
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&state->mutex);
      state->mutex.Await(absl::Condition(state.get(), &State::MayTake));
      if (state->tasks.empty()) {
        worker->ended = true;
        return;
      }
      task = std::move(state->tasks.front());
      state->tasks.pop_front();
    }
    std::move(task)();
  }
}

}  // namespace nearcache::internal::conductor
