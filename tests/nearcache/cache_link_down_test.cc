// What a user chooses for the time in which the invalidation channel is down, on a real server whose channel is broken
// while its data connection works; and what he is told meanwhile.

#include <memory>
#include <string>

#include "absl/status/status_matchers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"
#include "tests/support/redis_server.h"
#include "tests/support/resp_proxy.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::HasSubstr;

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }

class CacheLinkDownTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kBound = absl::Milliseconds(500);

  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    auto server = RedisServer::Start();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    proxy_ = std::make_unique<RespProxy>(server_->folder(), server_->socket_path());
  }

  // Holds "k" in memory.
  void Open(LinkDownPolicy policy) {
    Options options;
    options.remote.unix_socket = proxy_->socket_path();
    options.coherence.staleness_bound = kBound;
    options.coherence.link_down_policy = policy;
    auto cache = Cache::Open(options);
    ASSERT_THAT(cache, IsOk());
    cache_ = *std::move(cache);
    ASSERT_THAT(cache_->WaitUntilReady(absl::Seconds(10)), IsOk());
    ASSERT_EQ(cache_->Health().state, HealthState::kHealthy) << cache_->Health().reason;
    ASSERT_THAT(cache_->Set("k", "v1"), IsOk());
    ASSERT_TRUE(InMemory());
  }
  // The channel is cut, and every new one refused, until RepairChannel.
  void BreakChannel() {
    proxy_->SetHook([](const RespProxy::Command& command) -> absl::optional<std::string> {
      if (command[0] != "SUBSCRIBE") return absl::nullopt;
      return std::string("-NOPERM no permissions to access one of the channels used as arguments\r\n");
    });
    ASSERT_THAT(server_->Command({"CLIENT", "KILL", "TYPE", "pubsub"}), IsOk());
    while (cache_->GetStats().channel_losses == 0) absl::SleepFor(absl::Milliseconds(1));
  }
  void RepairChannel() {
    proxy_->SetHook(nullptr);
    ASSERT_THAT(cache_->WaitUntilReady(absl::Seconds(20)), IsOk());
    EXPECT_EQ(cache_->Health().state, HealthState::kHealthy) << cache_->Health().reason;
    EXPECT_EQ(cache_->Health().reason, "");
  }
  void ExpectDegradedWithReason() {
    while (cache_->Health().reason.find("channels used as arguments") == std::string::npos) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    const HealthReport health = cache_->Health();
    EXPECT_EQ(health.state, HealthState::kDegraded);
    EXPECT_THAT(health.reason, HasSubstr("no invalidation channel for "));
  }
  bool InMemory() {
    return cache_->Read("k", [](absl::string_view) {});
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<RespProxy> proxy_;
  std::unique_ptr<Cache> cache_;
};

TEST_F(CacheLinkDownTest, ServeWithinBoundServesForTheBoundAndThenAsksTheServer) {
  Open(LinkDownPolicy::kServeWithinBound);
  ASSERT_THAT(cache_->Sync(), IsOk());
  const absl::Time vouched = absl::Now();
  BreakChannel();
  const bool in_memory = InMemory();
  if (absl::Now() - vouched < kBound / 2) {
    EXPECT_TRUE(in_memory);
  }
  while (InMemory()) ASSERT_LE(absl::Now() - vouched, kBound + absl::Seconds(5));
  EXPECT_GT(cache_->GetStats().heartbeat_age, kBound / 2) << "how long memory has not been vouched for";
  // Whatever is fetched from now on is as old as its own fetch, and no older.
  EXPECT_THAT(cache_->Get("k"), Holds("v1"));
  ExpectDegradedWithReason();
  EXPECT_EQ(cache_->GetStats().suspect_entries, 1u);
  RepairChannel();
  EXPECT_LT(cache_->GetStats().heartbeat_age, absl::Seconds(5));
}

TEST_F(CacheLinkDownTest, GoRemoteServesNothingFromMemoryAtOnce) {
  Open(LinkDownPolicy::kGoRemote);
  BreakChannel();
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(InMemory());
    EXPECT_THAT(cache_->Get("k"), Holds("v1"));
  }
  ExpectDegradedWithReason();
  RepairChannel();
  EXPECT_THAT(cache_->Get("k"), Holds("v1"));
  EXPECT_TRUE(InMemory());
}

TEST_F(CacheLinkDownTest, FailRefusesReadsAndLoadsAndAcceptsWrites) {
  Open(LinkDownPolicy::kFail);
  BreakChannel();
  EXPECT_FALSE(InMemory());
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cache_->GetOrLoad("k", [](absl::string_view) -> absl::StatusOr<std::string> { return "loaded"; }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cache_->Set("k", "v2"), IsOk());
  ExpectDegradedWithReason();
  RepairChannel();
  EXPECT_THAT(cache_->Get("k"), Holds("v2"));
}

TEST_F(CacheLinkDownTest, WithoutAnyServerHealthIsDownAndSaysSince) {
  Open(LinkDownPolicy::kServeWithinBound);
  server_->Kill();
  while (cache_->Health().state != HealthState::kDown) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(cache_->Health().reason, HasSubstr("no connection to the server for "));
  ASSERT_THAT(server_->Restart(), IsOk());
  ASSERT_THAT(cache_->WaitUntilReady(absl::Seconds(20)), IsOk());
  EXPECT_EQ(cache_->Health().state, HealthState::kHealthy) << cache_->Health().reason;
}

}  // namespace
}  // namespace nearcache::testing
