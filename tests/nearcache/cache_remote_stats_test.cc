// What a user sees of the remote tier while it runs: each operation by the hook, latencies by class of command, the
// last lost connection with its cause, and a queue that is nearly full.

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status_matchers.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/executor.h"
#include "nearcache/options.h"
#include "nearcache/remote_event.h"
#include "nearcache/stats.h"
#include "tests/support/redis_server.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr char kKey[] = "victim-key";
constexpr char kValue[] = "victim-value";
constexpr char kPassword[] = "hunter2-secret";

bool Eventually(absl::FunctionRef<bool()> condition) {
  for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end; absl::SleepFor(absl::Milliseconds(1))) {
    if (condition()) return true;
  }
  return false;
}

// Runs what it was given when a test says so, on the test's thread.
class ManualExecutor final : public Executor {
 public:
  void Schedule(absl::AnyInvocable<void() &&> task) override {
    absl::MutexLock lock(&mutex_);
    if (!closing_) return tasks_.push_back(std::move(task));
    mutex_.Unlock();
    std::move(task)();
    mutex_.Lock();
  }
  void RunAll() {
    while (true) {
      absl::AnyInvocable<void() &&> task;
      {
        absl::MutexLock lock(&mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      std::move(task)();
    }
  }
  // From now on tasks run where they come from, since the cache waits for them when it closes.
  void RunAtOnce() {
    {
      absl::MutexLock lock(&mutex_);
      closing_ = true;
    }
    RunAll();
  }

 private:
  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<absl::AnyInvocable<void() &&>> tasks_ ABSL_GUARDED_BY(mutex_);
};

class CacheRemoteStatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    RedisServerOptions options;
    options.arguments = {"--requirepass", kPassword};
    auto server = RedisServer::Start(std::move(options));
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    options_.remote.unix_socket = server_->socket_path();
    node_ = "unix:" + server_->socket_path();
    options_.remote.password = kPassword;
  }

  void Open() {
    auto cache = Cache::Open(options_);
    ASSERT_THAT(cache, IsOk());
    cache_ = *std::move(cache);
    ASSERT_THAT(cache_->WaitUntilReady(kPatience), IsOk());
  }

  void MakeCalls() {
    ReadOptions fresh;
    fresh.fresh = true;
    ASSERT_THAT(cache_->Set(kKey, kValue), IsOk());
    ASSERT_THAT(cache_->Get(kKey, fresh), IsOk());
    ASSERT_THAT(cache_->Delete(kKey), IsOk());
    ASSERT_THAT(cache_->Execute({"LPUSH", "list", kValue}), IsOk());
    ASSERT_THAT(cache_->Execute({"GET", "list"}), IsOk());  // Answered with WRONGTYPE.
  }

  std::unique_ptr<RedisServer> server_;
  std::string node_;
  Options options_;
  std::unique_ptr<Cache> cache_;
};

MATCHER_P3(IsOperation, command, command_class, outcome, "") {
  return arg.command == command && arg.command_class == command_class && arg.outcome == outcome;
}

TEST_F(CacheRemoteStatsTest, TheHookSeesEachOperationOnTheUsersExecutorAndNoSecret) {
  ManualExecutor executor;
  std::vector<RemoteOperation> seen;  // By this thread alone, until the end.
  std::vector<std::thread::id> threads;
  options_.executor = &executor;
  options_.remote.on_operation = [&](const RemoteOperation& operation) {
    seen.push_back(operation);
    threads.push_back(std::this_thread::get_id());
  };
  Open();
  MakeCalls();
  EXPECT_THAT(seen, IsEmpty()) << "the executor has not run anything";
  executor.RunAll();
  using Code = absl::StatusCode;
  EXPECT_THAT(seen, Contains(IsOperation("EVALSHA", "change", Code::kOk)));
  EXPECT_THAT(seen, Contains(IsOperation("GET", "read", Code::kOk)));
  EXPECT_THAT(seen, Contains(IsOperation("EVALSHA", "invalidation", Code::kOk)));
  EXPECT_THAT(seen, Contains(IsOperation("LPUSH", "execute", Code::kOk)));
  EXPECT_THAT(seen, Contains(IsOperation("GET", "execute", Code::kFailedPrecondition)));
  for (const RemoteOperation& operation : seen) {
    EXPECT_EQ(operation.node, node_);
    EXPECT_GE(operation.duration, absl::ZeroDuration());
    EXPECT_LT(operation.duration, kPatience);
    EXPECT_FALSE(operation.outcome_unknown);
    for (const char* secret : {kKey, kValue, kPassword}) EXPECT_THAT(operation.command, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(threads, ::testing::Each(std::this_thread::get_id()));
  EXPECT_EQ(cache_->GetStats().remote_operations_dropped, 0u);
  executor.RunAtOnce();
  EXPECT_THAT(cache_->Close(), IsOk());
  cache_.reset();
}

TEST_F(CacheRemoteStatsTest, AnOperationWithoutAnAnswerIsToldAsUnknown) {
  absl::Mutex mutex;
  std::vector<RemoteOperation> seen;
  options_.remote.on_operation = [&](const RemoteOperation& operation) {
    absl::MutexLock lock(&mutex);
    seen.push_back(operation);
  };
  options_.remote.command_timeout = absl::Milliseconds(100);
  Open();
  server_->Pause();
  EXPECT_THAT(cache_->Set(kKey, kValue), Not(IsOk()));
  server_->Resume();
  EXPECT_TRUE(Eventually([&] {
    absl::MutexLock lock(&mutex);
    for (const RemoteOperation& operation : seen) {
      if (operation.command_class == "change" && operation.outcome == absl::StatusCode::kDeadlineExceeded) {
        return operation.outcome_unknown && operation.duration >= absl::Milliseconds(50);
      }
    }
    return false;
  }));
  EXPECT_THAT(cache_->Close(), IsOk());
}

TEST_F(CacheRemoteStatsTest, LatenciesAreKeptByClassOfCommand) {
  Open();
  MakeCalls();
  const CacheStats stats = cache_->GetStats();
  ASSERT_THAT(stats.nodes, SizeIs(1));
  const RemoteNodeStats& node = stats.nodes[0];
  EXPECT_EQ(node.address, node_);
  EXPECT_TRUE(node.connected);
  EXPECT_TRUE(node.subscribed);
  EXPECT_EQ(node.last_disconnect, "");
  EXPECT_EQ(node.reads.count, 1u);
  EXPECT_GE(node.changes.count, 1u);
  EXPECT_GE(node.invalidations.count, 1u);
  EXPECT_EQ(node.executes.count, 2u);
  EXPECT_GE(node.control.count, 1u);
  for (const DurationSummary& summary : {node.reads, node.changes, node.invalidations, node.executes, node.control}) {
    EXPECT_GT(summary.max, absl::ZeroDuration());
    EXPECT_LT(summary.max, kPatience) << "measured from a moment that never was";
  }
  const std::string text = stats.ToString();
  for (const char* line : {"nodes_0_address ", "nodes_0_reads_count 1\n", "nodes_0_executes_count 2\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(CacheRemoteStatsTest, ALostConnectionIsToldWithItsCause) {
  Open();
  ASSERT_THAT(server_->Restart(), IsOk());
  ASSERT_TRUE(Eventually([&] { return !cache_->GetStats().nodes[0].last_disconnect.empty(); }));
  EXPECT_THAT(cache_->GetStats().nodes[0].last_disconnect, HasSubstr(" connection: " + node_));
  EXPECT_THAT(cache_->GetStats().ToString(), HasSubstr("nodes_0_last_disconnect "));
}

TEST_F(CacheRemoteStatsTest, HealthSaysSinceWhenTheQueueIsNearlyFull) {
  options_.remote.operations_max = 20;
  options_.remote.command_timeout = absl::Seconds(5);
  options_.remote.health_timeout = absl::Minutes(1);
  options_.remote.breaker.enabled = false;
  Open();
  EXPECT_EQ(cache_->Health().reason, "");
  server_->Pause();
  for (int i = 0; i < 18; ++i) cache_->ExecuteAsync({"PING"}, [](absl::StatusOr<ExecuteReply>) {});
  HealthReport health;
  EXPECT_TRUE(Eventually([&] {
    health = cache_->Health();
    return absl::StrContains(health.reason, "the queue has been nearly full for ");
  })) << health.reason;
  EXPECT_EQ(health.state, HealthState::kDegraded);
  EXPECT_THAT(health.reason, HasSubstr("operations_max is 20"));
  server_->Resume();
  EXPECT_TRUE(Eventually([&] { return cache_->Health().state == HealthState::kHealthy; })) << cache_->Health().reason;
}

}  // namespace
}  // namespace nearcache::testing
