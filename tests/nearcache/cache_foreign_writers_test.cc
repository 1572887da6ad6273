// Programs without this library write the same keys: two caches on real servers, in RESP3 and RESP2, and raw commands.

#include <initializer_list>
#include <memory>
#include <string>
#include <thread>  // NOLINT: a stranger beside the test.
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/coherence_event.h"
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
using Product = RedisServerOptions::Product;

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }
const auto kIsAbsent = StatusIs(absl::StatusCode::kNotFound);

struct Variant {
  Product product;
  int resp_version;
};

class CacheForeignWritersTest : public ::testing::TestWithParam<Variant> {
 protected:
  static constexpr absl::Duration kBound = absl::Milliseconds(300);

  void SetUp() override {
    if (!RedisServer::Installed(GetParam().product)) GTEST_SKIP() << "the server is not installed";
    RedisServerOptions options;
    options.product = GetParam().product;
    auto server = RedisServer::Start(options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  Options MakeOptions() {
    Options options;
    options.remote.unix_socket = server_->socket_path();
    options.remote.resp_version = GetParam().resp_version;
    options.key_prefix = "shared";
    options.coherence.staleness_bound = kBound;
    options.coherence.foreign_writers = true;
    return options;
  }
  static std::unique_ptr<Cache> Open(const Options& options) {
    auto cache = Cache::Open(options);
    EXPECT_THAT(cache, IsOk());
    EXPECT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
    return *std::move(cache);
  }
  void OpenTwo() {
    first_ = Open(MakeOptions());
    second_ = Open(MakeOptions());
  }
  void Raw(std::initializer_list<absl::string_view> command) { ASSERT_THAT(server_->Command(command), IsOk()); }
  // The bytes of a key in Redis, as another program sees them.
  std::string Bytes(absl::string_view redis_key) {
    absl::StatusOr<std::string> bytes = server_->Command({"GET", redis_key});
    EXPECT_THAT(bytes, IsOk());
    return bytes.ok() ? *bytes : "";
  }
  static bool InMemory(Cache& cache, absl::string_view key) {
    return cache.Read(key, [](absl::string_view) {});
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<Cache> first_;
  std::unique_ptr<Cache> second_;
};

TEST_P(CacheForeignWritersTest, RawWritesEndTheCopiesOfEveryProcess) {
  OpenTwo();
  ASSERT_THAT(first_->Set("k", "one"), IsOk());
  const std::string one = Bytes("shared:1:k");
  ASSERT_THAT(first_->Set("k", "two"), IsOk());
  ASSERT_THAT(second_->Get("k"), Holds("two"));
  // What another program may do to a key that it does not understand: put back what it once read.
  Raw({"SET", "shared:1:k", one});
  for (Cache* const cache : {first_.get(), second_.get()}) {
    ASSERT_THAT(cache->Sync(), IsOk());
    EXPECT_THAT(cache->Get("k"), Holds("one"));
  }
  Raw({"SET", "shared:1:k", "bytes of a stranger"});
  for (Cache* const cache : {first_.get(), second_.get()}) {
    ASSERT_THAT(cache->Sync(), IsOk());
    EXPECT_THAT(cache->Get("k"), kIsAbsent);
  }
  ASSERT_THAT(second_->Set("k", "three"), IsOk());
  ASSERT_THAT(first_->Get("k"), Holds("three"));
  Raw({"UNLINK", "shared:1:k"});
  for (Cache* const cache : {first_.get(), second_.get()}) {
    ASSERT_THAT(cache->Sync(), IsOk());
    EXPECT_THAT(cache->Get("k"), kIsAbsent);
  }
  EXPECT_GE(first_->GetStats().foreign_changes, 3u);
  EXPECT_GE(second_->GetStats().foreign_echoes, 3u);
}

// Without Sync: soon, and at the latest after the bound.
TEST_P(CacheForeignWritersTest, RawWritesAreSeenWithinTheBoundWithoutAsking) {
  OpenTwo();
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(first_->Set("k", absl::StrCat(i)), IsOk());
    ASSERT_THAT(second_->Get("k"), IsOk());
    Raw({"DEL", "shared:1:k"});
    const absl::Time deleted = absl::Now();
    for (Cache* const cache : {first_.get(), second_.get()}) {
      while (true) {
        const absl::Time began = absl::Now();
        if (absl::IsNotFound(cache->Get("k").status())) break;
        ASSERT_LE(began - deleted, kBound);
      }
    }
  }
}

TEST_P(CacheForeignWritersTest, OwnWritesStayInMemoryForTheBound) {
  OpenTwo();
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("key", i);
    const absl::Time began = absl::Now();
    ASSERT_THAT(first_->Set(key, "mine"), IsOk());
    // Until its echo has been heard.
    while (first_->GetStats().foreign_echoes <= static_cast<uint64_t>(i) && absl::Now() - began < kBound) {
    }
    const bool in_memory = InMemory(*first_, key);
    if (absl::Now() - began < kBound / 2) {
      EXPECT_TRUE(in_memory) << i;
    }
  }
  const CacheStats stats = first_->GetStats();
  EXPECT_GE(stats.foreign_echoes, 100u);
  EXPECT_EQ(stats.foreign_changes, 0u);
  EXPECT_EQ(stats.fills_refused, 0u);
  // A stranger may have written behind the last one, and have had his answer.
  ASSERT_THAT(first_->Sync(), IsOk());
  EXPECT_FALSE(InMemory(*first_, "key99"));
}

// The server executes both in one turn of its loop and reports the key once.
TEST_P(CacheForeignWritersTest, AStrangersWriteInTheSameTurnIsNotTakenForAnEcho) {
  OpenTwo();
  for (int i = 0; i < 10; ++i) {
    const std::string key = absl::StrCat("key", i);
    server_->Pause();
    absl::Notification set;
    first_->SetAsync(key, "mine", [&set](absl::Status) { set.Notify(); });
    absl::Notification raw;
    std::thread stranger([&] {
      server_->Command({"DEL", absl::StrCat("shared:1:", key)}).IgnoreError();
      raw.Notify();
    });
    absl::SleepFor(absl::Milliseconds(20));  // Not needed for the claim: makes it likelier that both wait together.
    server_->Resume();
    set.WaitForNotification();
    raw.WaitForNotification();
    stranger.join();
    absl::SleepFor(kBound + absl::Milliseconds(10));
    const absl::StatusOr<std::string> truth = server_->Command({"EXISTS", absl::StrCat("shared:1:", key)});
    ASSERT_THAT(truth, IsOk());
    for (Cache* const cache : {first_.get(), second_.get()}) {
      EXPECT_EQ(cache->Get(key).ok(), *truth == "1") << key;
    }
  }
}

TEST_P(CacheForeignWritersTest, AFlushByAStrangerIsHeardAndReported) {
  absl::Mutex mutex;
  std::vector<CoherenceEvent> events;
  Options options = MakeOptions();
  options.coherence.on_event = [&](const CoherenceEvent& event) {
    absl::MutexLock lock(&mutex);
    events.push_back(event);
  };
  const std::unique_ptr<Cache> cache = Open(options);
  ASSERT_THAT(cache->Set("k", "v"), IsOk());
  server_->Command({"FLUSHALL", "ASYNC"}).IgnoreError();
  ASSERT_THAT(cache->WaitUntilReady(absl::Seconds(10)), IsOk());
  while (cache->GetStats().remote_flushes == 0) absl::SleepFor(absl::Milliseconds(1));
  ASSERT_THAT(cache->WaitUntilReady(absl::Seconds(10)), IsOk());
  EXPECT_THAT(cache->Get("k"), kIsAbsent);
  const auto told = [&] {
    for (const CoherenceEvent& event : events) {
      if (event.cause == CoherenceEvent::Cause::kFlushed) return true;
    }
    return false;
  };
  absl::MutexLock lock(&mutex);
  EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&told), absl::Seconds(10)));
}

TEST_P(CacheForeignWritersTest, WithoutTheRightHealthSaysWhyAndTheRestGoesOn) {
  Raw({"ACL", "SETUSER", "limited", "on", "nopass", "~*", "&*", "+@all", "-client|tracking"});
  Options options = MakeOptions();
  options.remote.user = "limited";
  options.remote.password = "any";
  auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  EXPECT_THAT((*cache)->WaitUntilReady(absl::Seconds(1)), ::testing::Not(IsOk()));
  while ((*cache)->Health().reason.find("coherence.foreign_writers") == std::string::npos) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  const HealthReport health = (*cache)->Health();
  EXPECT_EQ(health.state, HealthState::kDegraded);
  EXPECT_THAT(health.reason, HasSubstr("+client|tracking"));
  EXPECT_THAT((*cache)->Set("k", "v"), IsOk());
  EXPECT_THAT((*cache)->Get("k"), Holds("v"));
  absl::SleepFor(kBound + absl::Milliseconds(10));
  EXPECT_FALSE(InMemory(**cache, "k")) << "no lease vouches for it";
}

TEST_P(CacheForeignWritersTest, AServerThatDoesNotKnowTrackingIsNamed) {
  RespProxy proxy(server_->folder(), server_->socket_path());
  proxy.SetHook([](const RespProxy::Command& command) -> absl::optional<std::string> {
    if (command.size() < 2 || command[0] != "CLIENT" || command[1] != "TRACKING") return absl::nullopt;
    return "-ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP.\r\n";
  });
  Options options = MakeOptions();
  options.remote.unix_socket = proxy.socket_path();
  auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  while ((*cache)->Health().reason.find("Redis 6") == std::string::npos) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ((*cache)->Health().state, HealthState::kDegraded);
}

INSTANTIATE_TEST_SUITE_P(OnServers, CacheForeignWritersTest,
                         ::testing::Values(Variant{Product::kRedis, 3}, Variant{Product::kRedis, 2},
                                           Variant{Product::kValkey, 3}, Variant{Product::kValkey, 2}),
                         [](const auto& each) {
                           return absl::StrCat(each.param.product == Product::kRedis ? "Redis" : "Valkey", "Resp",
                                               each.param.resp_version);
                         });

}  // namespace
}  // namespace nearcache::testing
