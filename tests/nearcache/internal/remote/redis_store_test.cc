// What only RedisStore has: sessions over two links, probes, ACLs, deletes that are sent again.

#include "nearcache/internal/remote/redis_store.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/transport.h"
#include "tests/nearcache/internal/remote/redis_harness.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

using Code = absl::StatusCode;

// A StoreHarness over another one, with options of the test's own.
class TunedHarness final : public StoreHarness {
 public:
  using Tune = absl::AnyInvocable<void(RedisStoreOptions&)>;
  TunedHarness(RedisHarness* harness, Tune tune) : harness_(*harness), tune_(std::move(tune)) {}

  std::unique_ptr<Store> NewStore() override {
    RedisStoreOptions options = harness_.Options();
    options.probe_timeout = absl::Milliseconds(100);
    tune_(options);
    auto store = RedisStore::Create(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  void Put(absl::string_view key, absl::string_view bytes) override { harness_.Put(key, bytes); }
  void PutOtherType(absl::string_view key) override { harness_.PutOtherType(key); }
  bool HoldsOtherType(absl::string_view key) override { return harness_.HoldsOtherType(key); }
  absl::optional<std::string> Peek(absl::string_view key) override { return harness_.Peek(key); }
  absl::optional<absl::Duration> PeekTimeToLive(absl::string_view key) override { return harness_.PeekTimeToLive(key); }
  void FlushAll() override { harness_.FlushAll(); }
  void ForgetScripts() override { harness_.ForgetScripts(); }
  void Publish(absl::string_view payload) override { harness_.Publish(payload); }
  void SetOutOfMemory(bool on) override { harness_.SetOutOfMemory(on); }
  void SetReadOnly(bool on) override { harness_.SetReadOnly(on); }
  void SetPublishForbidden(bool on) override { harness_.SetPublishForbidden(on); }
  void Freeze() override { harness_.Freeze(); }
  void Thaw() override { harness_.Thaw(); }
  void Stop() override { harness_.Stop(); }
  void Restart() override { harness_.Restart(); }

 private:
  RedisHarness& harness_;
  Tune tune_;
};

// Records events; for stores that may never subscribe.
class Recorder final : public ChannelEvents {
 public:
  void OnSubscribed() override { ++subscriptions; }
  void OnMessage(absl::string_view) override { ++messages; }
  void OnChannelDown(const absl::Status&) override { ++downs; }
  std::atomic<int> subscriptions{0};
  std::atomic<int> messages{0};
  std::atomic<int> downs{0};
};

class RedisStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    harness_ = RedisHarness::Start();
    ASSERT_NE(harness_, nullptr);
  }

  std::unique_ptr<RedisStore> StartStore(RedisStoreOptions options) {
    auto store = RedisStore::Create(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->Start(&events_, &encoder_), absl::OkStatus());
    return *std::move(store);
  }
  RedisStoreOptions QuickProbes() const {
    RedisStoreOptions options = harness_->Options();
    options.probe_timeout = absl::Milliseconds(50);
    return options;
  }

  std::unique_ptr<RedisHarness> harness_;
  Recorder events_;
  AnnouncementEncoder encoder_ = [](OperationId, absl::Span<const Announced>) { return std::string("message"); };
};

TEST_F(RedisStoreTest, OptionsAreCheckedAndNamed) {
  RedisStoreOptions options = harness_->Options();
  options.channel.clear();
  EXPECT_EQ(RedisStore::Create(std::move(options)).status().code(), Code::kInvalidArgument);
  options = harness_->Options();
  options.epoch_key = options.lane_key;
  EXPECT_TRUE(absl::StrContains(RedisStore::Create(std::move(options)).status().message(), "lane_key"));
  options = harness_->Options();
  options.probe_timeout = absl::ZeroDuration();
  EXPECT_TRUE(absl::StrContains(RedisStore::Create(std::move(options)).status().message(), "probe_timeout"));
}

TEST_F(RedisStoreTest, ItIsDownWhenItFindsNoServerAndNotBeforeItLooked) {
  harness_->Stop();
  auto store = RedisStore::Create(harness_->Options());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_FALSE((*store)->IsDown());
  ASSERT_EQ((*store)->Start(&events_, &encoder_), absl::OkStatus());
  EXPECT_TRUE(Eventually([&] { return (*store)->IsDown(); }));
  harness_->Restart();
  EXPECT_TRUE(Eventually([&] { return !(*store)->IsDown(); })) << (*store)->LinkStatus();
}

// A server that accepts and does not answer: the connection stays, the breaker opens.
TEST_F(RedisStoreTest, ItIsDownWhileTheBreakerRefuses) {
  RedisStoreOptions options = harness_->Options();
  options.engine.breaker.open_time = options.engine.breaker.open_time_max = absl::Hours(1);
  options.engine.breaker.calls_min = 5;
  options.engine.breaker.slow_call = absl::Milliseconds(10);  // Callers who leave earlier show nothing.
  const std::unique_ptr<RedisStore> store = StartStore(std::move(options));
  ASSERT_TRUE(Eventually([&] { return store->GetStats().connected; }));
  EXPECT_FALSE(store->IsDown());
  harness_->Freeze();
  EXPECT_TRUE(Eventually([&] {
    absl::Notification read;
    ReadRequest request;
    request.keys = {"ns:1:k"};
    request.deadline = AddDuration(Clock::Real()->Now(), absl::Milliseconds(20));
    store->Read(std::move(request), [&](absl::StatusOr<ReadReply>) { read.Notify(); });
    read.WaitForNotification();
    return store->IsDown();
  }));
  EXPECT_EQ(store->GetStats().breaker_state, BreakerState::kOpen);
  EXPECT_TRUE(store->GetStats().connected);
  harness_->Thaw();
}

TEST_F(RedisStoreTest, ProbesAreNotPassedOnAndMoveNoLane) {
  Process first(harness_.get(), 1);
  Process second(harness_.get(), 2);
  second.store().ResetSession(absl::DataLossError("in doubt"));
  EXPECT_TRUE(second.WaitForSubscriptions(2));
  EXPECT_TRUE(first.ReadLane().lane.empty());
  EXPECT_EQ(first.Change(first.Request(ChangeKind::kDelete, "k", OperationId())).status, absl::OkStatus());
  EXPECT_EQ(first.WaitForMessages(1).size(), 1u);
  // A forged one is swallowed, and shows nothing.
  harness_->Publish(absl::StrCat(std::string(16, '\xFF'), "somebody's probe"));
  EXPECT_EQ(first.Change(first.Request(ChangeKind::kDelete, "k", OperationId())).status, absl::OkStatus());
  EXPECT_EQ(first.WaitForMessages(2).size(), 2u);
}

TEST_F(RedisStoreTest, ScriptsAreReloadedOnceAfterTheServerForgotThem) {
  Process process(harness_.get(), 1);
  const auto remove = [&] { return process.Change(process.Request(ChangeKind::kDelete, "k", OperationId())).status; };
  EXPECT_EQ(remove(), absl::OkStatus());
  const uint64_t before = process.store().GetStats().scripts_reloaded;
  EXPECT_EQ(remove(), absl::OkStatus());
  EXPECT_EQ(process.store().GetStats().scripts_reloaded, before);
  harness_->ForgetScripts();
  EXPECT_EQ(remove(), absl::OkStatus());
  EXPECT_EQ(remove(), absl::OkStatus());
  EXPECT_EQ(process.store().GetStats().scripts_reloaded, before + 1);
}

// --- Rights

TEST_F(RedisStoreTest, WithoutTheRightToPublishTheChannelNeverCountsAsUp) {
  harness_->Command({"ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-publish"});
  RedisStoreOptions options = QuickProbes();
  options.engine.user = "app";
  options.engine.password = "secret";
  const std::unique_ptr<RedisStore> store = StartStore(std::move(options));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(store->LinkStatus().message(), "publish"); }))
      << store->LinkStatus();
  EXPECT_FALSE(absl::StrContains(store->LinkStatus().message(), "secret"));
  EXPECT_EQ(events_.subscriptions, 0);
  EXPECT_FALSE(store->GetStats().subscribed);
  EXPECT_TRUE(store->GetStats().connected);
  harness_->Command({"ACL", "SETUSER", "app", "+publish"});
  EXPECT_TRUE(Eventually([&] { return events_.subscriptions == 1; }));
  EXPECT_EQ(store->LinkStatus(), absl::OkStatus());
}

TEST_F(RedisStoreTest, WithoutTheRightToTheChannelItNeverCountsAsUp) {
  harness_->Command({"ACL", "SETUSER", "app", "on", ">secret", "~*", "resetchannels", "+@all"});
  RedisStoreOptions options = QuickProbes();
  options.engine.user = "app";
  options.engine.password = "secret";
  const std::unique_ptr<RedisStore> store = StartStore(std::move(options));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(store->LinkStatus().message(), "permission"); }))
      << store->LinkStatus();
  EXPECT_EQ(events_.subscriptions, 0);
  harness_->Command({"ACL", "SETUSER", "app", "&ns:*"});
  EXPECT_TRUE(Eventually([&] { return events_.subscriptions == 1; })) << store->LinkStatus();
}

TEST_F(RedisStoreTest, KeysOutsideTheUsersRightsAreDeniedOneByOne) {
  harness_->Command({"ACL", "SETUSER", "app", "on", ">secret", "~ns:lane", "~ns:epoch", "~ns:missing", "~ns:1:mine*",
                     "&ns:*", "+@all"});
  TunedHarness tuned(harness_.get(), [](RedisStoreOptions& options) {
    options.engine.user = "app";
    options.engine.password = "secret";
  });
  Process process(&tuned, 1);
  const absl::StatusOr<OperationId> epoch = process.EnsureEpoch({9, 9});
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  EXPECT_TRUE(process.Change(process.Request(ChangeKind::kSet, "mine", *epoch, "v")).applied);
  const ChangeResult denied = process.Change(process.Request(ChangeKind::kSet, "theirs", *epoch, "v"));
  EXPECT_EQ(denied.status.code(), Code::kPermissionDenied) << denied.status;
  EXPECT_FALSE(denied.unknown);
  EXPECT_EQ(process.Read({"theirs"}).status().code(), Code::kPermissionDenied);
  EXPECT_TRUE(process.Read({"mine"}).ok());
  EXPECT_EQ(harness_->Peek("ns:1:theirs"), absl::nullopt);
}

TEST_F(RedisStoreTest, TooFewReplicasMeanThatTheServerIsLeft) {
  Process process(harness_.get(), 1);
  harness_->Command({"CONFIG", "SET", "min-replicas-to-write", "1"});
  const LaneReading reading = process.ReadLane();
  EXPECT_EQ(reading.status.code(), Code::kUnavailable) << reading.status;
  EXPECT_TRUE(reading.leave_server);
  const ChangeResult result = process.Change(process.Request(ChangeKind::kDelete, "k", OperationId()));
  EXPECT_EQ(result.status.code(), Code::kUnavailable) << result.status;
  EXPECT_FALSE(result.unknown);
}

// --- Lost connections

// Keeps writes waiting on the server, so that they are in flight for as long as a test likes.
class PausedWrites {
 public:
  explicit PausedWrites(RedisHarness* harness) : harness_(*harness) {
    harness_.Command({"CLIENT", "PAUSE", "60000", "WRITE"});
  }
  ~PausedWrites() { harness_.Command({"CLIENT", "UNPAUSE"}); }

 private:
  RedisHarness& harness_;
};

TEST_F(RedisStoreTest, ADeleteIsSentAgainUnderANewLaneIdAndASetIsNot) {
  Process process(harness_.get(), 1);
  ASSERT_EQ(process.EnsureEpoch({9, 9})->counter, 9u);
  ChangeRequest remove = process.Request(ChangeKind::kDelete, "k", OperationId());
  ChangeRequest set = process.Request(ChangeKind::kSet, "k", {9, 9}, "v");
  const OperationId remove_id = remove.id;
  remove.deadline = set.deadline = process.Deadline();
  absl::Notification removed, stored;
  ChangeResult remove_result, set_result;
  {
    PausedWrites paused(harness_.get());
    const uint64_t batches = process.store().GetStats().batches;
    process.store().Change(std::move(set), [&](ChangeResult result) {
      set_result = std::move(result);
      stored.Notify();
    });
    ASSERT_TRUE(Eventually([&] { return process.store().GetStats().batches > batches; }));
    process.store().Change(std::move(remove), [&](ChangeResult result) {
      remove_result = std::move(result);
      removed.Notify();
    });
    ASSERT_TRUE(Eventually([&] { return process.store().GetStats().batches > batches + 1; }));
    harness_->Command({"CLIENT", "KILL", "TYPE", "normal"});
    stored.WaitForNotification();
    EXPECT_FALSE(removed.HasBeenNotified());
  }
  removed.WaitForNotification();
  EXPECT_EQ(set_result.status.code(), Code::kUnavailable) << set_result.status;
  EXPECT_TRUE(set_result.unknown);
  EXPECT_EQ(remove_result.status, absl::OkStatus());
  const std::vector<std::string> messages = process.WaitForMessages(1);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_TRUE(absl::StrContains(messages[0], remove_id.ToBytes()));
  EXPECT_NE(messages[0].substr(16, 16), remove_id.ToBytes());
  EXPECT_EQ(process.ReadLane().lane.ToBytes(), messages[0].substr(16, 16));
  // The data link came back to the same server: the channel was never down.
  EXPECT_EQ(process.downs(), 0);
  EXPECT_EQ(process.store().GetStats().retries, 1u);
}

TEST_F(RedisStoreTest, WithoutBudgetADeleteIsNotSentAgain) {
  harness_->SetRetriesMax(0);
  Process process(harness_.get(), 1);
  ASSERT_EQ(process.EnsureEpoch({9, 9})->counter, 9u);
  ChangeRequest remove = process.Request(ChangeKind::kDelete, "k", OperationId());
  remove.deadline = process.Deadline();
  absl::Notification removed;
  ChangeResult result;
  {
    PausedWrites paused(harness_.get());
    const uint64_t batches = process.store().GetStats().batches;
    process.store().Change(std::move(remove), [&](ChangeResult change) {
      result = std::move(change);
      removed.Notify();
    });
    ASSERT_TRUE(Eventually([&] { return process.store().GetStats().batches > batches; }));
    harness_->Command({"CLIENT", "KILL", "TYPE", "normal"});
    removed.WaitForNotification();
  }
  EXPECT_EQ(result.status.code(), Code::kUnavailable) << result.status;
  EXPECT_TRUE(result.unknown);
  EXPECT_EQ(process.store().GetStats().retries, 0u);
  EXPECT_EQ(process.store().GetStats().retries_refused, 1u);
}

// --- Sessions

// Sends the connections of one store to one of two servers, as a proxy or a fail-over would.
class Switch {
 public:
  Switch(std::string first, std::string second) : paths_{std::move(first), std::move(second)} {}

  TransportFactory Factory() {
    return [this](const TransportRequest& request) {
      TransportRequest redirected = request;
      const int connection = connections_.fetch_add(1);
      const bool alternate = alternate_.load();
      redirected.address = Address::Unix(paths_[alternate ? connection % 2 : target_.load()]);
      return OpenPlainTransport(redirected);
    };
  }
  // From now on one connection goes here, the next there.
  void Alternate() { alternate_ = true; }
  void PointAt(int target) {
    target_ = target;
    alternate_ = false;
  }
  int connections() const { return connections_; }

 private:
  const std::string paths_[2];
  std::atomic<bool> alternate_{false};
  std::atomic<int> target_{0};
  std::atomic<int> connections_{0};
};

TEST_F(RedisStoreTest, LinksThatReachDifferentServersNeverMakeASession) {
  const std::unique_ptr<RedisHarness> other = RedisHarness::Start();
  Switch proxy(harness_->redis().socket_path(), other->redis().socket_path());
  proxy.Alternate();
  RedisStoreOptions options = QuickProbes();
  options.engine.transport_factory = proxy.Factory();
  const std::unique_ptr<RedisStore> store = StartStore(std::move(options));
  EXPECT_TRUE(Eventually([&] {
    // They may meet by chance of the order in which they come, and then stay; not so if the commands' link comes again.
    if (store->LinkStatus().ok()) {
      harness_->Command({"CLIENT", "KILL", "TYPE", "normal"});
      other->Command({"CLIENT", "KILL", "TYPE", "normal"});
    }
    return store->GetStats().session_changes >= 2;
  })) << store->LinkStatus();
  // But they do not stay apart and are called subscribed.
  proxy.PointAt(1);
  EXPECT_TRUE(Eventually([&] { return store->LinkStatus().ok(); })) << store->LinkStatus();
  EXPECT_TRUE(Eventually([&] { return events_.subscriptions == events_.downs + 1; }));
  EXPECT_EQ(other->Command({"PUBSUB", "NUMSUB", "ns:channel"}).find(":0\r\n"), std::string::npos);
}

TEST_F(RedisStoreTest, AFailOverMovesBothLinksThoughTheOldServerStillAnswers) {
  const std::unique_ptr<RedisHarness> other = RedisHarness::Start();
  Switch proxy(harness_->redis().socket_path(), other->redis().socket_path());
  TunedHarness tuned(harness_.get(),
                     [&](RedisStoreOptions& options) { options.engine.transport_factory = proxy.Factory(); });
  Process process(&tuned, 1);
  // The data link moves; the channel's server stays up, answers, and would be heard for ever.
  proxy.PointAt(1);
  harness_->Command({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_TRUE(process.WaitForDowns(1));
  EXPECT_TRUE(process.WaitForSubscriptions(2)) << process.store().LinkStatus();
  EXPECT_EQ(process.store().GetStats().session_changes, 1u);
  EXPECT_EQ(process.Change(process.Request(ChangeKind::kDelete, "k", OperationId())).status, absl::OkStatus());
  EXPECT_EQ(process.WaitForMessages(1).size(), 1u);
  EXPECT_TRUE(harness_->Peek("ns:lane") == absl::nullopt);
  EXPECT_TRUE(other->Peek("ns:lane").has_value());
}

// Swallows what holds the mark of a probe, while `deaf` is set: a channel that is connected and hears nothing.
class DeafTransport final : public Transport {
 public:
  DeafTransport(std::unique_ptr<Transport> inner, const std::atomic<bool>* deaf)
      : inner_(std::move(inner)), deaf_(*deaf) {}
  int descriptor() const override { return inner_->descriptor(); }
  IoResult FinishConnect() override { return inner_->FinishConnect(); }
  IoResult Write(absl::Span<const iovec> parts) override { return inner_->Write(parts); }
  IoResult Read(char* buffer, size_t capacity) override {
    IoResult result = inner_->Read(buffer, capacity);
    const bool probe = result.kind == IoResult::Kind::kDone &&
                       absl::StrContains(absl::string_view(buffer, result.bytes), std::string(16, '\xFF'));
    if (probe && deaf_) result = IoResult{IoResult::Kind::kWantRead, 0, absl::OkStatus()};
    return result;
  }

 private:
  const std::unique_ptr<Transport> inner_;
  const std::atomic<bool>& deaf_;
};

TEST_F(RedisStoreTest, AChannelThatDoesNotDeliverIsReplacedUntilItDoes) {
  std::atomic<bool> deaf{true};
  RedisStoreOptions options = QuickProbes();
  options.engine.transport_factory =
      [&deaf](const TransportRequest& request) -> absl::StatusOr<std::unique_ptr<Transport>> {
    absl::StatusOr<std::unique_ptr<Transport>> inner = OpenPlainTransport(request);
    if (!inner.ok()) return inner.status();
    return std::make_unique<DeafTransport>(*std::move(inner), &deaf);
  };
  const std::unique_ptr<RedisStore> store = StartStore(std::move(options));
  EXPECT_TRUE(Eventually([&] { return store->GetStats().connects >= 4; })) << store->LinkStatus();
  EXPECT_EQ(events_.subscriptions, 0);
  EXPECT_FALSE(store->LinkStatus().ok());
  deaf = false;
  EXPECT_TRUE(Eventually([&] { return events_.subscriptions == 1; })) << store->LinkStatus();
  EXPECT_EQ(events_.downs, 0);
}

}  // namespace
}  // namespace nearcache::internal::remote
