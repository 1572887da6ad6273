// What a user sees of the circuit breaker: on a stopped server, and on one that answers errors.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status_matchers.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/support/redis_server.h"
#include "tests/support/resp_proxy.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Property;

constexpr absl::Duration kPatience = absl::Seconds(20);

class Recorder {
 public:
  void Record(const RemoteEvent& event) {
    absl::MutexLock lock(&mutex_);
    events_.push_back(event);
  }
  // Waits for the breaker's move to `state` after the first `skip` of its moves; gives what it says.
  std::string AwaitBreaker(BreakerState state, size_t skip = 0) {
    absl::MutexLock lock(&mutex_);
    std::string text;
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      size_t moves = 0;
      for (const RemoteEvent& event : events_) {
        if (event.kind != RemoteEvent::Kind::kBreakerMoved || moves++ < skip || event.breaker != state) continue;
        text = event.text;
        return true;
      }
      return false;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
    return text;
  }
  bool Has(RemoteEvent::Kind kind) {
    absl::MutexLock lock(&mutex_);
    for (const RemoteEvent& event : events_) {
      if (event.kind == kind) return true;
    }
    return false;
  }

 private:
  absl::Mutex mutex_;
  std::vector<RemoteEvent> events_ ABSL_GUARDED_BY(mutex_);
};

class CacheBreakerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    auto server = RedisServer::Start();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    proxy_ = std::make_unique<RespProxy>(server_->folder(), server_->socket_path());
    options_.key_prefix = "breaker";
    options_.remote.command_timeout = absl::Milliseconds(100);
    options_.remote.reconnect_backoff_max = absl::Milliseconds(20);
    options_.remote.breaker.calls_min = 5;
    options_.remote.breaker.open_time = absl::Milliseconds(50);
    options_.remote.breaker.open_time_max = absl::Milliseconds(50);
    options_.remote.breaker.probes = 2;
    options_.remote.on_event = [this](const RemoteEvent& event) { recorder_.Record(event); };
  }
  void TearDown() override { cache_ = nullptr; }

  void OpenOn(const std::string& socket) {
    options_.remote.unix_socket = socket;
    auto cache = Cache::Open(options_);
    ASSERT_THAT(cache, IsOk());
    cache_ = *std::move(cache);
    ASSERT_THAT(cache_->WaitUntilReady(kPatience), IsOk());
  }
  // Reads keys that nobody has until the breaker refuses.
  absl::Status ReadUntilRefused() {
    for (int i = 0; i < 1000; ++i) {
      absl::Status status = cache_->Get(absl::StrCat("miss:", i)).status();
      if (absl::StrContains(status.message(), "circuit breaker")) return status;
    }
    return absl::OkStatus();
  }
  // Waits until a read goes to the server again, and then until the breaker is closed.
  bool Recovers() {
    const absl::Time end = absl::Now() + kPatience;
    while (absl::Now() < end) {
      static_cast<void>(cache_->Get("miss:recovery"));
      if (cache_->GetStats().breaker_state == BreakerState::kClosed) return true;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return false;
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<RespProxy> proxy_;
  Recorder recorder_;  // Before the cache: it hears until the end.
  Options options_;
  std::unique_ptr<Cache> cache_;
};

TEST_F(CacheBreakerTest, AStoppedServerIsSparedAndProbedWhenItGoesOn) {
  OpenOn(server_->socket_path());
  server_->Pause();
  const absl::Status refused = ReadUntilRefused();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable,
                                AllOf(HasSubstr(server_->socket_path()), HasSubstr("circuit breaker is open"),
                                      HasSubstr("calls"), HasSubstr("nothing was sent"))));
  EXPECT_THAT(recorder_.AwaitBreaker(BreakerState::kOpen), HasSubstr("of the last"));

  const CacheStats stats = cache_->GetStats();
  EXPECT_GE(stats.breaker_opened, 1u);
  EXPECT_GE(stats.breaker_refused, 1u);
  EXPECT_THAT(cache_->Health().state, HealthState::kDown);
  EXPECT_THAT(cache_->Health().reason, Not(HasSubstr("miss:")));

  const absl::Status set = cache_->Set("k", "v");
  EXPECT_THAT(set, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("circuit breaker")));
  EXPECT_FALSE(OutcomeUnknown(set));
  EXPECT_THAT(cache_->Execute({"PING"}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("circuit breaker")));
  EXPECT_THAT(cache_->GetOrLoad("k", [](absl::string_view) { return absl::StatusOr<std::string>("loaded"); }),
              IsOkAndHolds(Property(&Value::view, "loaded")));
  // An invalidation is tried all the same, for as long as its deadline lets it.
  EXPECT_THAT(cache_->Delete("k"), Not(StatusIs(absl::StatusCode::kUnavailable, HasSubstr("circuit breaker"))));

  server_->Resume();
  EXPECT_TRUE(Recovers());
  EXPECT_NE(recorder_.AwaitBreaker(BreakerState::kHalfOpen), "");
  EXPECT_NE(recorder_.AwaitBreaker(BreakerState::kClosed), "");
  EXPECT_TRUE(recorder_.Has(RemoteEvent::Kind::kConnected));
  EXPECT_THAT(cache_->WaitUntilReady(kPatience), IsOk());
  EXPECT_THAT(cache_->Set("k", "v"), IsOk());
}

TEST_F(CacheBreakerTest, WhileItIsOpenMemoryAnswersLeasesAreRenewedAndInvalidationsPass) {
  options_.remote.breaker.open_time = options_.remote.breaker.open_time_max = absl::Hours(1);
  OpenOn(proxy_->socket_path());
  ASSERT_THAT(cache_->Set("kept", "old"), IsOk());
  ASSERT_THAT(cache_->Set("gone", "old"), IsOk());
  proxy_->SetHook([](const RespProxy::Command& command) -> absl::optional<std::string> {
    if (command[0] == "GET" && absl::StrContains(command[1], "miss:")) return "-LOADING Redis is loading\r\n";
    return absl::nullopt;
  });
  EXPECT_THAT(ReadUntilRefused(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("calls")));
  EXPECT_THAT(cache_->Health().reason, AllOf(HasSubstr("calls are refused for"), HasSubstr("circuit breaker")));

  // Two bounds later the lease, which heartbeats alone renew, still covers what is in memory.
  const uint64_t heartbeats = cache_->GetStats().heartbeats;
  while (cache_->GetStats().heartbeats < heartbeats + 10) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(cache_->Get("kept"), IsOkAndHolds(Property(&Value::view, "old")));
  EXPECT_EQ(cache_->GetStats().heartbeats_failed, 0u);

  // A change that is refused leaves memory as it was.
  EXPECT_THAT(cache_->Set("kept", "new"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("circuit breaker")));
  EXPECT_THAT(cache_->Get("kept"), IsOkAndHolds(Property(&Value::view, "old")));

  // Invalidations reach the server.
  EXPECT_THAT(cache_->Delete("gone"), IsOk());
  EXPECT_THAT(server_->Command({"EXISTS", "breaker:1:gone"}), IsOkAndHolds("0"));
  EXPECT_THAT(cache_->Expire("kept"), IsOk());
  EXPECT_THAT(cache_->Clear(), IsOk());
  EXPECT_THAT(cache_->Sync(), IsOk());
  EXPECT_EQ(cache_->GetStats().breaker_state, BreakerState::kOpen);
}

TEST_F(CacheBreakerTest, ErrorsThatConcernWritesAloneDoNotStopReads) {
  OpenOn(proxy_->socket_path());
  proxy_->SetHook([](const RespProxy::Command& command) -> absl::optional<std::string> {
    if (command[0] == "EVALSHA" || command[0] == "EVAL") return "-OOM command not allowed\r\n";
    return absl::nullopt;
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(cache_->Set("k", "v"), StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_EQ(cache_->GetStats().breaker_opened, 0u);
}

TEST_F(CacheBreakerTest, ImpatientCallersOfAHealthyServerDoNotOpenIt) {
  OpenOn(server_->socket_path());
  ReadOptions impatient;
  impatient.timeout = absl::Nanoseconds(1);
  for (int i = 0; i < 200; ++i) static_cast<void>(cache_->Get(absl::StrCat("miss:", i), impatient));
  EXPECT_THAT(cache_->Get("miss:last"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(cache_->GetStats().breaker_opened, 0u);
}

TEST_F(CacheBreakerTest, SwitchedOffItNeverRefuses) {
  options_.remote.breaker.enabled = false;
  options_.remote.command_timeout = absl::Milliseconds(5);
  OpenOn(server_->socket_path());
  server_->Pause();
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(cache_->Get("miss:0").status().message(), Not(HasSubstr("circuit breaker")));
  }
  EXPECT_EQ(cache_->GetStats().breaker_refused, 0u);
  server_->Resume();
}

}  // namespace
}  // namespace nearcache::testing
