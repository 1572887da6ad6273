// Two caches on one real server, as two processes: what one changes the other stops serving.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/support/redis_server.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;

using Product = RedisServerOptions::Product;

class TwoCachesTest : public ::testing::TestWithParam<Product> {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "the server is not installed";
    RedisServerOptions options;
    options.product = GetParam();
    auto server = RedisServer::Start(options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    first_ = OpenCache();
    second_ = OpenCache();
  }

  std::unique_ptr<Cache> OpenCache() {
    Options options;
    options.remote.unix_socket = server_->socket_path();
    options.key_prefix = "two";
    auto cache = Cache::Open(options);
    EXPECT_THAT(cache, IsOk());
    EXPECT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
    return *std::move(cache);
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<Cache> first_;
  std::unique_ptr<Cache> second_;
};

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }

TEST_P(TwoCachesTest, AfterSyncTheOtherSeesTheNewValueEachTime) {
  for (int i = 0; i < 200; ++i) {
    const std::string value = absl::StrCat("version ", i);
    ASSERT_THAT(first_->Set("k", value), IsOk());
    ASSERT_THAT(second_->Sync(), IsOk());
    ASSERT_THAT(second_->Get("k"), Holds(value));
    ASSERT_TRUE(second_->Read("k", [](absl::string_view) {})) << "what was read is kept";
  }
  EXPECT_GE(second_->GetStats().invalidations, 199u);
}

TEST_P(TwoCachesTest, WithoutSyncTheOtherSeesItSoonAndNeverGoesBack) {
  ASSERT_THAT(first_->Set("k", "0"), IsOk());
  int seen = 0;
  for (int i = 1; i <= 100; ++i) {
    ASSERT_THAT(first_->Set("k", absl::StrCat(i)), IsOk());
    while (seen < i) {
      const absl::StatusOr<Value> value = second_->Get("k");
      ASSERT_THAT(value, IsOk());
      int version = 0;
      ASSERT_TRUE(absl::SimpleAtoi(value->view(), &version));
      ASSERT_GE(version, seen);
      seen = version;
    }
  }
}

TEST_P(TwoCachesTest, DeleteExpireAndClearReachTheOther) {
  ASSERT_THAT(first_->SetMany({{"a", "1"}, {"b", "2"}, {"c", "3"}}), ::testing::Each(IsOk()));
  ASSERT_THAT(second_->GetMany({"a", "b", "c"}), ::testing::ElementsAre(Holds("1"), Holds("2"), Holds("3")));
  ASSERT_THAT(first_->Delete("a"), IsOk());
  ASSERT_THAT(first_->Expire("b"), IsOk());
  ASSERT_THAT(second_->Sync(), IsOk());
  EXPECT_THAT(second_->Get("a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(second_->Get("b"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(second_->Get("c"), Holds("3"));
  ASSERT_THAT(first_->Clear(), IsOk());
  ASSERT_THAT(second_->Sync(), IsOk());
  EXPECT_THAT(second_->Get("c"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(second_->Set("c", "4"), IsOk());
  ASSERT_THAT(first_->Sync(), IsOk());
  EXPECT_THAT(first_->Get("c"), Holds("4"));
}

TEST_P(TwoCachesTest, BothCountTogether) {
  constexpr int kEach = 500;
  std::vector<std::thread> threads;
  for (Cache* const cache : {first_.get(), second_.get(), first_.get(), second_.get()}) {
    threads.emplace_back([cache] {
      for (int i = 0; i < kEach; ++i) EXPECT_THAT(cache->Increment("n"), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(first_->Increment("n", 0), IsOkAndHolds(4 * kEach));
}

TEST_P(TwoCachesTest, OneOfManyAddsWins) {
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this, t, &winners] {
      Cache* const cache = t % 2 == 0 ? first_.get() : second_.get();
      const absl::Status added = cache->Add("k", absl::StrCat(t));
      if (added.ok()) ++winners;
      EXPECT_TRUE(added.ok() || absl::IsAlreadyExists(added)) << added;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(winners, 1);
}

TEST_P(TwoCachesTest, ThreadsOfAProcessReadTheirOwnWrites) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      Cache* const cache = t % 2 == 0 ? first_.get() : second_.get();
      const std::string key = absl::StrCat("key", t);
      for (int i = 0; i < 300; ++i) {
        const std::string value = absl::StrCat(t, "/", i);
        ASSERT_THAT(cache->Set(key, value), IsOk());
        ASSERT_THAT(cache->Get(key), Holds(value));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(TwoCachesTest, CutConnectionsAreMadeAnewAndNothingStaleIsServedAfterwards) {
  ASSERT_THAT(first_->Set("k", "before"), IsOk());
  ASSERT_THAT(second_->Get("k"), Holds("before"));
  for (const absl::string_view type : {"pubsub", "normal"}) {
    EXPECT_THAT(server_->Command({"CLIENT", "KILL", "TYPE", type}), IsOk());
    const std::string value = absl::StrCat("after ", type);
    // The cut may catch the write, too.
    absl::Status set = first_->Set("k", value);
    while (!set.ok()) set = first_->Set("k", value);
    ASSERT_THAT(second_->WaitUntilReady(absl::Seconds(10)), IsOk());
    EXPECT_THAT(second_->Get("k"), Holds(value));
  }
  EXPECT_GE(second_->GetStats().channel_losses, 1u);
}

TEST_P(TwoCachesTest, InvalidationLagIsMeasured) {
  for (int i = 0; i < 50; ++i) ASSERT_THAT(first_->Set("k", absl::StrCat(i)), IsOk());
  ASSERT_THAT(first_->Sync(), IsOk());
  const CacheStats stats = first_->GetStats();
  EXPECT_GE(stats.invalidation_lag.count, 50u);
  EXPECT_GE(stats.messages_received, 50u);
  EXPECT_EQ(stats.messages_rejected, 0u);
}

INSTANTIATE_TEST_SUITE_P(OnServer, TwoCachesTest, ::testing::Values(Product::kRedis, Product::kValkey),
                         [](const auto& each) { return each.param == Product::kRedis ? "Redis" : "Valkey"; });

}  // namespace
}  // namespace nearcache::testing
