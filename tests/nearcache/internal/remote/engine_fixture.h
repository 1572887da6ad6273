// What the engine's tests share: events written down as they come, and operations that can be waited for.

#ifndef NEARCACHE_TESTS_NEARCACHE_INTERNAL_REMOTE_ENGINE_FIXTURE_H_
#define NEARCACHE_TESTS_NEARCACHE_INTERNAL_REMOTE_ENGINE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/engine.h"

namespace nearcache::internal::remote {

// Nothing here takes this long; a test that waits until then has failed.
inline constexpr absl::Duration kPatience = absl::Seconds(20);

class RecordingEvents final : public EngineEvents {
 public:
  void OnReady(LinkRole role, const ServerIdentity& identity) override {
    if (on_ready) on_ready(role, identity);
    Add(absl::StrCat(LinkRoleName(role), " ready"));
  }
  void OnDown(LinkRole role, const absl::Status& cause) override {
    Add(absl::StrCat(LinkRoleName(role), " down: ", cause.ToString()));
  }
  void OnMessage(absl::string_view channel, absl::string_view payload) override {
    Add(absl::StrCat("message on ", channel, ": ", payload));
    if (on_message) on_message(payload);
  }
  void OnInvalidation(const Reply& keys) override {
    std::string names;
    for (const Reply& key : keys.elements) absl::StrAppend(&names, " ", key.text());
    Add(keys.is_nil() ? "flushed" : absl::StrCat("keys:", names));
  }
  void OnConnectFailed(LinkRole role, const absl::Status& cause) override {
    Add(absl::StrCat(LinkRoleName(role), " failed: ", cause.ToString()));
  }
  void OnPush(LinkRole role, const Reply& push) override {
    Add(absl::StrCat(LinkRoleName(role), " push: ", push.elements[0].text()));
  }

  // The `count`-th event that begins with `prefix`; empty if it does not come.
  std::string Await(absl::string_view prefix, int count = 1) {
    absl::MutexLock lock(&mutex_);
    std::string found;
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      found = Find(prefix, count);
      return !found.empty();
    };
    mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
    return found;
  }

  int Count(absl::string_view prefix) {
    absl::MutexLock lock(&mutex_);
    int count = 0;
    while (!Find(prefix, count + 1).empty()) ++count;
    return count;
  }

  std::vector<std::string> All() {
    absl::MutexLock lock(&mutex_);
    return events_;
  }

  // Set before Start.
  absl::AnyInvocable<void(LinkRole, const ServerIdentity&)> on_ready;
  absl::AnyInvocable<void(absl::string_view)> on_message;

 private:
  void Add(std::string event) {
    absl::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }
  std::string Find(absl::string_view prefix, int count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const std::string& event : events_) {
      if (absl::StartsWith(event, prefix) && --count == 0) return event;
    }
    return "";
  }

  absl::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

// One operation that was submitted. Outlives the engine or its completion, whichever comes last, if shared.
class Running {
 public:
  // False if it was not completed in time.
  bool Wait() { return done_.WaitForNotificationWithTimeout(kPatience); }
  const OperationResult& result() {
    Wait();
    return result_;
  }
  // A reply of it; nil if it has none.
  const Reply& reply(size_t index = 0) {
    static const Reply* const kNone = new Reply;
    return index < result().replies.size() ? result_.replies[index] : *kNone;
  }
  bool completed() const { return done_.HasBeenNotified(); }
  void Complete(OperationResult result) {
    result_ = std::move(result);
    done_.Notify();
  }

 private:
  absl::Notification done_;
  OperationResult result_;
};

inline Operation MakeOperation(std::string bytes, absl::Duration timeout = kPatience) {
  Operation operation;
  operation.bytes = std::move(bytes);
  operation.deadline = AddDuration(Clock::Real()->Now(), timeout);
  return operation;
}

inline std::shared_ptr<Running> Submit(Engine& engine, Operation operation) {
  auto running = std::make_shared<Running>();
  operation.done = [running](OperationResult result) { running->Complete(std::move(result)); };
  engine.Submit(std::move(operation));
  return running;
}

inline std::shared_ptr<Running> Submit(Engine& engine, std::initializer_list<absl::string_view> command,
                                       absl::Duration timeout = kPatience) {
  return Submit(engine, MakeOperation(EncodeCommand(command), timeout));
}

// Options for a server on `socket_path`, with times short enough for tests.
inline EngineOptions TestOptions(const std::string& socket_path) {
  EngineOptions options;
  options.address = Address::Unix(socket_path);
  options.connect_timeout = absl::Seconds(10);
  options.health_timeout = absl::Seconds(10);
  options.reconnect_backoff_max = absl::Milliseconds(20);
  options.reconnects_per_second_max = 1000;
  options.timer_tick = absl::Milliseconds(1);
  options.random_seed = 1;
  return options;
}

// An engine that runs; null (and a failed test) if it could not be made.
inline std::unique_ptr<Engine> StartEngine(EngineOptions options, EngineEvents* events) {
  absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(std::move(options), events);
  if (!engine.ok() || !(*engine)->Start().ok()) return nullptr;
  return *std::move(engine);
}

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTS_NEARCACHE_INTERNAL_REMOTE_ENGINE_FIXTURE_H_
