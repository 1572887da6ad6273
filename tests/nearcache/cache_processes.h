// Several caches, as if in several processes, on one fake server whose network the test drives by hand: nothing happens
// but inside Run, Advance and RunTasks, on the test's own thread, so that every order of events can be written down.
//
// Only the asynchronous calls may be used; each wrapper below submits one and drives the server until it is idle.

#ifndef NEARCACHE_TESTS_NEARCACHE_CACHE_PROCESSES_H_
#define NEARCACHE_TESTS_NEARCACHE_CACHE_PROCESSES_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/executor.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/options.h"
#include "nearcache/testing/fake_server.h"
#include "nearcache/testing/fake_store.h"

namespace nearcache::testing {

// The answer of an asynchronous call, if it came; fails the test when it comes twice. Kept alive by its callback.
template <typename T>
class Answer {
 public:
  Callback<T> callback() const {
    return [state = state_](T result) {
      EXPECT_FALSE(state->has_value()) << "a callback ran twice";
      state->emplace(std::move(result));
    };
  }
  bool came() const { return state_->has_value(); }
  const T& operator*() const { return **state_; }

 private:
  std::shared_ptr<absl::optional<T>> state_ = std::make_shared<absl::optional<T>>();
};

// Keeps tasks until the test runs them. Thread-safe: deadlines expire on the cache's own thread.
class ManualExecutor final : public Executor {
 public:
  void Schedule(absl::AnyInvocable<void() &&> task) override {
    absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
  }
  bool RunOne() {
    absl::AnyInvocable<void() &&> task;
    {
      absl::MutexLock lock(&mutex_);
      if (tasks_.empty()) return false;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    std::move(task)();
    return true;
  }

 private:
  absl::Mutex mutex_;
  std::deque<absl::AnyInvocable<void() &&>> tasks_ ABSL_GUARDED_BY(mutex_);
};

class CacheProcesses : public ::testing::Test {
 protected:
  static constexpr absl::Duration kBound = absl::Seconds(1);

  struct Process {
    internal::remote::FakeStore* store = nullptr;  // Owned by the cache.
    std::unique_ptr<Cache> cache;
  };

  static Options DefaultOptions();
  // Opened, connected, and with a lease.
  Process Open(Options options);
  Process Open() { return Open(DefaultOptions()); }

  // Lets everything happen that can happen now.
  void Run();
  void Advance(absl::Duration by);

  absl::Status Set(Process& process, absl::string_view key, absl::string_view value, WriteOptions options = {});
  absl::Status Delete(Process& process, absl::string_view key);
  absl::Status Clear(Process& process);
  absl::StatusOr<Value> Get(Process& process, absl::string_view key, ReadOptions options = {});
  absl::StatusOr<Value> GetOrLoad(Process& process, absl::string_view key, Loader loader, LoadOptions options = {});
  // What memory answers, nullopt if it cannot.
  absl::optional<std::string> Memory(Process& process, absl::string_view key);

  Answer<absl::StatusOr<Value>> BeginGet(Process& process, absl::string_view key, ReadOptions options = {});

  internal::FakeClock clock_;
  internal::remote::FakeServer server_{&clock_};
  ManualExecutor executor_;
};

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_NEARCACHE_CACHE_PROCESSES_H_
