// Foreign writers on real servers, in RESP3 and RESP2: what the server reports, in which order with messages, and that
// a reading of the lane waits for it.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/redis_store.h"
#include "tests/nearcache/internal/remote/redis_harness.h"
#include "tests/nearcache/internal/remote/store_contract.h"
#include "tests/support/resp_proxy.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Product = ::nearcache::testing::RedisServerOptions::Product;

// Writes down what the channel said, in its order.
class Recorder final : public ChannelEvents {
 public:
  void OnSubscribed() override { Add("subscribed"); }
  void OnMessage(absl::string_view payload) override { Add(absl::StrCat("message ", payload.substr(16))); }
  void OnChannelDown(const absl::Status&) override { Add("down"); }
  void OnKeysTouched(absl::Span<const absl::string_view> keys) override {
    for (const absl::string_view key : keys) Add(absl::StrCat("key ", key));
  }
  void OnServerFlushed() override { Add("flushed"); }

  bool Await(absl::string_view event, int count = 1) const {
    return Eventually([&] { return Count(event) >= count; });
  }
  int Count(absl::string_view event) const {
    const std::vector<std::string> all = All();
    return static_cast<int>(std::count(all.begin(), all.end(), event));
  }
  std::vector<std::string> All() const {
    absl::MutexLock lock(&mutex_);
    return events_;
  }
  void Forget() {
    absl::MutexLock lock(&mutex_);
    events_.clear();
  }

 private:
  void Add(std::string event) {
    absl::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }
  mutable absl::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

struct Variant {
  Product product;
  int resp_version;
};

class RedisStoreTrackingTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    harness_ = RedisHarness::Start(GetParam().product);
    if (harness_ == nullptr) GTEST_SKIP() << "the server is not installed";
  }
  void TearDown() override {
    if (store_ != nullptr) store_->Shutdown();
  }

  RedisStoreOptions Options() {
    RedisStoreOptions options = harness_->Options();
    options.engine.resp_version = GetParam().resp_version;
    options.foreign_prefix = "p:1:";
    options.probe_timeout = absl::Milliseconds(200);
    return options;
  }
  void Start(RedisStoreOptions options) {
    auto store = RedisStore::Create(std::move(options));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_TRUE(store_->Start(&events_, &encoder_).ok());
  }
  void StartAndSubscribe() {
    Start(Options());
    ASSERT_TRUE(events_.Await("subscribed")) << store_->LinkStatus();
    events_.Forget();
  }

  MonotonicNanos Deadline(absl::Duration timeout = absl::Seconds(10)) {
    return AddDuration(Clock::Real()->Now(), timeout);
  }
  LaneReading ReadLane(absl::Duration timeout = absl::Seconds(10)) {
    LaneReading got;
    absl::Notification done;
    store_->ReadLane(Deadline(timeout), [&](LaneReading reading) {
      got = std::move(reading);
      done.Notify();
    });
    done.WaitForNotification();
    return got;
  }
  ChangeResult Set(const std::string& key, OperationId epoch) {
    ChangeRequest request;
    request.kind = ChangeKind::kSet;
    request.redis_key = "p:1:" + key;
    request.key = key;
    request.id = ids_.Next();
    request.value = MakeFrame(epoch, request.id, "payload");
    request.deadline = Deadline();
    ChangeResult got;
    absl::Notification done;
    store_->Change(std::move(request), [&](ChangeResult result) {
      got = std::move(result);
      done.Notify();
    });
    done.WaitForNotification();
    return got;
  }
  OperationId EnsureEpoch() {
    OperationId got;
    absl::Notification done;
    store_->EnsureEpoch(ids_.Next(), Deadline(), [&](absl::StatusOr<OperationId> epoch) {
      if (epoch.ok()) got = *epoch;
      done.Notify();
    });
    done.WaitForNotification();
    return got;
  }

  Recorder events_;
  OperationIdSource ids_{1};
  const AnnouncementEncoder encoder_ = [](OperationId, absl::Span<const Announced> changes) {
    return std::string(changes[0].key);
  };
  std::unique_ptr<RedisHarness> harness_;
  std::unique_ptr<RedisStore> store_;
};

// Sentence 1 for strangers: whatever anybody was told before the reading began has been reported when it ends.
TEST_P(RedisStoreTrackingTest, AReadingWaitsForTheReportOfEverythingBeforeIt) {
  StartAndSubscribe();
  for (int i = 0; i < 300; ++i) {
    harness_->Command({"SET", absl::StrCat("p:1:key", i), "x"});
    const LaneReading reading = ReadLane();
    ASSERT_TRUE(reading.status.ok()) << reading.status;
    ASSERT_EQ(events_.Count(absl::StrCat("key key", i)), 1) << "after write " << i;
  }
}

TEST_P(RedisStoreTrackingTest, EveryKindOfForeignChangeIsReported) {
  StartAndSubscribe();
  const auto expect = [this](absl::string_view what, const std::vector<std::string>& keys) {
    ASSERT_TRUE(ReadLane().status.ok());
    std::vector<std::string> told = events_.All();
    std::sort(told.begin(), told.end());
    EXPECT_EQ(told, keys) << what;
    events_.Forget();
  };
  harness_->Command({"MSET", "p:1:a", "1", "p:1:b", "2", "p:2:a", "other version", "q:1:a", "other prefix"});
  expect("MSET", {"key a", "key b"});
  harness_->Command({"EXPIRE", "p:1:a", "100"});
  expect("EXPIRE", {"key a"});
  harness_->Command({"RENAME", "p:1:a", "p:1:c"});
  expect("RENAME", {"key a", "key c"});
  harness_->Command({"INCR", "p:1:c"});
  expect("INCR", {"key c"});
  harness_->Command({"DEL", "p:1:b", "p:1:nothing"});
  expect("DEL", {"key b"});
  harness_->Command({"EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "p:1:s"});
  expect("EVAL", {"key s"});
  // The server's own doing.
  harness_->Command({"SET", "p:1:short", "x", "PX", "1"});
  ASSERT_TRUE(Eventually([&] { return harness_->Command({"EXISTS", "p:1:short"}) == "0"; }));
  expect("expiry", {"key short", "key short"});
}

TEST_P(RedisStoreTrackingTest, AnOwnChangeIsReportedBehindItsMessage) {
  StartAndSubscribe();
  const OperationId epoch = EnsureEpoch();
  ASSERT_TRUE(Set("k", epoch).status.ok());
  ASSERT_TRUE(ReadLane().status.ok());
  EXPECT_THAT(events_.All(), ElementsAre("message k", "key k"));
}

TEST_P(RedisStoreTrackingTest, AFlushIsReported) {
  StartAndSubscribe();
  harness_->FlushAll();
  ASSERT_TRUE(ReadLane().status.ok());
  EXPECT_THAT(events_.All(), Contains("flushed"));
}

TEST_P(RedisStoreTrackingTest, TrackingIsArmedAgainWithEveryConnection) {
  StartAndSubscribe();
  for (int i = 1; i <= 3; ++i) {
    harness_->Command({"CLIENT", "KILL", "TYPE", "pubsub"});
    ASSERT_TRUE(events_.Await("subscribed", i));
    const std::string key = absl::StrCat("after", i);
    harness_->Command({"SET", "p:1:" + key, "x"});
    ASSERT_TRUE(ReadLane().status.ok());
    EXPECT_EQ(events_.Count("key " + key), 1);
  }
}

// Two stores, as two processes: the probe of one is no change for the other.
TEST_P(RedisStoreTrackingTest, ProbesOfOthersAreNotTold) {
  StartAndSubscribe();
  Recorder others;
  auto other = RedisStore::Create(Options());
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Start(&others, &encoder_).ok());
  ASSERT_TRUE(others.Await("subscribed"));
  ASSERT_TRUE(ReadLane().status.ok());
  EXPECT_THAT(events_.All(), ::testing::IsEmpty());
  (*other)->Shutdown();
  EXPECT_EQ(store_->GetStats().foreign_unknown, 0u);
}

TEST_P(RedisStoreTrackingTest, AFullServerLetsTheProbePass) {
  harness_->SetOutOfMemory(true);
  Start(Options());
  EXPECT_TRUE(events_.Await("subscribed")) << store_->LinkStatus();
}

TEST_P(RedisStoreTrackingTest, WithoutTheRightTheChannelStaysDownAndSaysWhy) {
  harness_->Command({"ACL", "SETUSER", "limited", "on", "nopass", "~*", "&*", "+@all", "-client|tracking"});
  RedisStoreOptions options = Options();
  options.engine.user = "limited";
  options.engine.password = "any";
  Start(std::move(options));
  ASSERT_TRUE(
      Eventually([&] { return absl::StrContains(store_->LinkStatus().message(), "coherence.foreign_writers"); }));
  EXPECT_THAT(std::string(store_->LinkStatus().message()), HasSubstr("+client|tracking"));
  EXPECT_TRUE(store_->GetStats().connected) << "reads and writes go on";
  // A person grants it, and it goes on by itself.
  harness_->Command({"ACL", "SETUSER", "limited", "+client|tracking"});
  EXPECT_TRUE(events_.Await("subscribed"));
}

// A proxy that agrees to everything and reports nothing.
TEST_P(RedisStoreTrackingTest, TrackingThatWasOnlyPromisedIsFoundOut) {
  ::nearcache::testing::RespProxy proxy(harness_->redis().folder(), harness_->redis().socket_path());
  proxy.SetHook([](const ::nearcache::testing::RespProxy::Command& command) -> absl::optional<std::string> {
    if (command.size() > 1 && command[0] == "CLIENT" && command[1] == "TRACKING") return std::string("+OK\r\n");
    return absl::nullopt;
  });
  RedisStoreOptions options = Options();
  options.engine.address = Address::Unix(proxy.socket_path());
  Start(std::move(options));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(store_->LinkStatus().message(), "reports no changes"); }));
  EXPECT_EQ(events_.Count("subscribed"), 0);
}

TEST_P(RedisStoreTrackingTest, AReadingWhoseFenceIsNotAnsweredEndsByItsDeadline) {
  ::nearcache::testing::RespProxy proxy(harness_->redis().folder(), harness_->redis().socket_path());
  RedisStoreOptions options = Options();
  options.engine.address = Address::Unix(proxy.socket_path());
  Start(std::move(options));
  ASSERT_TRUE(events_.Await("subscribed"));
  proxy.SetHook([](const ::nearcache::testing::RespProxy::Command& command) -> absl::optional<std::string> {
    if (command[0] == "PING") return std::string();
    return absl::nullopt;
  });
  const LaneReading reading = ReadLane(absl::Milliseconds(300));
  EXPECT_EQ(reading.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(reading.status.message()), HasSubstr("invalidation channel"));
}

INSTANTIATE_TEST_SUITE_P(OnServers, RedisStoreTrackingTest,
                         ::testing::Values(Variant{Product::kRedis, 3}, Variant{Product::kRedis, 2},
                                           Variant{Product::kValkey, 3}, Variant{Product::kValkey, 2}),
                         [](const auto& each) {
                           return absl::StrCat(each.param.product == Product::kRedis ? "Redis" : "Valkey", "Resp",
                                               each.param.resp_version);
                         });

}  // namespace
}  // namespace nearcache::internal::remote
