// Group commit against a real server: what is announced, and each row of the table in change_group.h.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/redis_store.h"
#include "tests/nearcache/internal/remote/redis_harness.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

using Code = absl::StatusCode;
constexpr OperationId kEpoch{9, 9};

class NoEvents final : public ChannelEvents {
  void OnSubscribed() override {}
  void OnMessage(absl::string_view) override {}
  void OnChannelDown(const absl::Status&) override {}
};

class RedisStoreGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    harness_ = RedisHarness::Start();
    ASSERT_NE(harness_, nullptr);
    process_ = std::make_unique<Process>(harness_.get(), 1);
    ASSERT_EQ(*process_->EnsureEpoch(kEpoch), kEpoch);
  }

  std::vector<ChangeRequest> Sets(int count, const std::string& prefix = "k") {
    std::vector<ChangeRequest> requests;
    for (int i = 0; i < count; ++i) {
      requests.push_back(process_->Request(ChangeKind::kSet, absl::StrCat(prefix, i), kEpoch, "v"));
    }
    return requests;
  }
  StoreStats Stats() const { return process_->store().GetStats(); }

  std::unique_ptr<RedisHarness> harness_;
  std::unique_ptr<Process> process_;
};

TEST_F(RedisStoreGroupTest, AGroupIsAnnouncedOnceUnderALaneIdOfItsOwn) {
  std::vector<ChangeRequest> requests = Sets(100);
  std::vector<OperationId> ids;
  for (const ChangeRequest& request : requests) ids.push_back(request.id);
  for (const ChangeResult& result : process_->ChangeTogether(std::move(requests))) EXPECT_TRUE(result.applied);
  // The first left at once, alone.
  EXPECT_EQ(Stats().change_groups, 1u);
  EXPECT_EQ(Stats().grouped_changes, 99u);
  const std::vector<std::string> messages = process_->WaitForMessages(2);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].substr(0, 16), ids[0].ToBytes());
  EXPECT_EQ(messages[1].substr(16, 16), process_->ReadLane().lane.ToBytes());
  for (const OperationId& id : ids) EXPECT_NE(messages[1].substr(16, 16), id.ToBytes());
}

TEST_F(RedisStoreGroupTest, GroupsAreSplitAboveTheLimit) {
  for (const ChangeResult& result : process_->ChangeTogether(Sets(600))) EXPECT_TRUE(result.applied);
  EXPECT_EQ(Stats().change_groups, 3u);
  EXPECT_EQ(process_->WaitForMessages(4).size(), 4u);
}

TEST_F(RedisStoreGroupTest, OneRefusedKeyFailsAlone) {
  harness_->Command({"ACL", "SETUSER", "default", "resetkeys", "~ns:lane", "~ns:epoch", "~ns:missing", "~ns:1:k*"});
  std::vector<ChangeRequest> requests = Sets(5);
  requests.push_back(process_->Request(ChangeKind::kSet, "theirs", kEpoch, "v"));
  const std::vector<ChangeResult> results = process_->ChangeTogether(std::move(requests));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(results[static_cast<size_t>(i)].status, absl::OkStatus());
  EXPECT_EQ(results[5].status.code(), Code::kPermissionDenied) << results[5].status;
  EXPECT_FALSE(results[5].unknown);
  EXPECT_EQ(Stats().change_groups, 1u);
  // Nothing of the group had run: six scripts' worth of messages, less the one that was refused.
  EXPECT_EQ(process_->WaitForMessages(5).size(), 5u);
}

TEST_F(RedisStoreGroupTest, AGroupThatCannotAnnounceTakesItsKeysAwayOnceItCan) {
  harness_->SetPublishForbidden(true);
  std::vector<ChangeRequest> requests = Sets(3);
  const std::vector<ChangeResult> results = process_->ChangeTogether(std::move(requests));
  // The first was alone: its script stopped before the key.
  EXPECT_FALSE(results[0].unknown);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(results[i].status.code(), Code::kPermissionDenied) << results[i].status;
    EXPECT_TRUE(results[i].unknown);
  }
  // The lane moved and nobody was told: no heartbeat can be proven.
  EXPECT_TRUE(process_->Messages().empty());
  harness_->SetPublishForbidden(false);
  EXPECT_TRUE(process_->ChangeTogether(Sets(3))[2].applied);
}

TEST_F(RedisStoreGroupTest, ALaneOfAnotherTypeIsHealedByAGroupAndIsAGap) {
  harness_->PutOtherType("ns:lane");
  std::vector<ChangeRequest> requests = Sets(4);
  // A conditional change that does not apply leaves the lane alone, so that the group meets it.
  requests.insert(requests.begin(), process_->Request(ChangeKind::kReplace, "nothing there", kEpoch, "v"));
  const std::vector<ChangeResult> results = process_->ChangeTogether(std::move(requests));
  for (size_t i = 1; i < results.size(); ++i) EXPECT_TRUE(results[i].applied);
  const std::vector<std::string> messages = process_->WaitForMessages(1);
  EXPECT_EQ(messages[0].substr(0, 16), OperationId().ToBytes());
  EXPECT_EQ(process_->ReadLane().lane.ToBytes(), messages[0].substr(16, 16));
}

TEST_F(RedisStoreGroupTest, AnEpochOfAnotherTypeCountsAsNone) {
  harness_->PutOtherType("ns:epoch");
  std::vector<ChangeRequest> requests = Sets(3);
  requests.insert(requests.begin(), process_->Request(ChangeKind::kDelete, "k9", kEpoch));
  const std::vector<ChangeResult> results = process_->ChangeTogether(std::move(requests));
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_EQ(results[i].status.code(), Code::kAborted) << results[i].status;
    EXPECT_TRUE(results[i].epoch.empty());
    EXPECT_TRUE(results[i].unknown);
  }
}

TEST_F(RedisStoreGroupTest, ScriptsThatTheServerForgotDoNotMatterToAGroup) {
  harness_->ForgetScripts();
  for (const ChangeResult& result : process_->ChangeTogether(Sets(9))) EXPECT_TRUE(result.applied);
  EXPECT_EQ(process_->WaitForMessages(2).size(), 2u);
}

TEST_F(RedisStoreGroupTest, WithoutTheRightToTransactionsThereAreNoGroups) {
  harness_->Command({"ACL", "SETUSER", "default", "-multi"});
  Process other(harness_.get(), 2);
  std::vector<ChangeRequest> requests;
  for (int i = 0; i < 9; ++i) {
    requests.push_back(other.Request(ChangeKind::kSet, absl::StrCat("k", i), kEpoch, "v"));
  }
  for (const ChangeResult& result : other.ChangeTogether(std::move(requests))) EXPECT_TRUE(result.applied);
  EXPECT_EQ(other.store().GetStats().change_groups, 0u);
  EXPECT_EQ(other.WaitForMessages(9).size(), 9u);
}

TEST_F(RedisStoreGroupTest, ARightToTransactionsThatIsLostMeanwhileLeavesNoKeyUnannounced) {
  harness_->Command({"ACL", "SETUSER", "default", "-multi"});
  const std::vector<ChangeResult> results = process_->ChangeTogether(Sets(4));
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_EQ(results[i].status.code(), Code::kPermissionDenied) << results[i].status;
    EXPECT_TRUE(results[i].unknown);
    // The set ran by itself, behind its announcement; so it was taken away, with another one.
    EXPECT_EQ(harness_->Peek(absl::StrCat("ns:1:k", i)), absl::nullopt);
  }
  EXPECT_EQ(process_->WaitForMessages(5).size(), 5u);
  // From now on each goes alone.
  for (const ChangeResult& result : process_->ChangeTogether(Sets(4))) EXPECT_TRUE(result.applied);
  EXPECT_EQ(Stats().change_groups, 1u);
}

TEST_F(RedisStoreGroupTest, WhenAConnectionIsLostUnderAGroupDeletesAreSentAgainAndSetsAreUnknown) {
  std::vector<ChangeRequest> requests = Sets(2);
  requests.push_back(process_->Request(ChangeKind::kDelete, "d", kEpoch));
  const OperationId removed_id = requests.back().id;
  std::vector<ChangeResult> results(requests.size());
  absl::BlockingCounter left(static_cast<int>(requests.size()));
  harness_->Command({"CLIENT", "PAUSE", "60000", "WRITE"});
  absl::Notification held, go_on;
  process_->store().RunAt(0, [&] {
    held.Notify();
    go_on.WaitForNotification();
  });
  held.WaitForNotification();
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].deadline = process_->Deadline();
    process_->store().Change(std::move(requests[i]), [&results, &left, i](ChangeResult result) {
      results[i] = std::move(result);
      left.DecrementCount();
    });
  }
  const uint64_t batches = Stats().batches;
  go_on.Notify();
  ASSERT_TRUE(Eventually([&] { return Stats().batches > batches && Stats().change_groups == 1; }));
  harness_->Command({"CLIENT", "KILL", "TYPE", "normal"});
  ASSERT_TRUE(Eventually([&] { return Stats().connects >= 3; }));
  harness_->Command({"CLIENT", "UNPAUSE"});
  left.Wait();
  EXPECT_TRUE(results[0].unknown);
  EXPECT_TRUE(results[1].unknown);
  EXPECT_EQ(results[1].status.code(), Code::kUnavailable) << results[1].status;
  EXPECT_EQ(results[2].status, absl::OkStatus());
  EXPECT_TRUE(Eventually([&] {
    const std::vector<std::string> messages = process_->Messages();
    return !messages.empty() && absl::StrContains(messages.back(), removed_id.ToBytes());
  }));
  EXPECT_NE(process_->Messages().back().substr(16, 16), removed_id.ToBytes());
}

TEST_F(RedisStoreGroupTest, EveryChangeEndsOnceThoughTheStoreIsShutDownMeanwhile) {
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &ended, t] {
      for (ChangeRequest& request : Sets(kEach, absl::StrCat("t", t, "-"))) {
        process_->store().Change(std::move(request), [&ended](const ChangeResult& result) {
          EXPECT_TRUE(result.applied || absl::IsCancelled(result.status)) << result.status;
          ended.fetch_add(1);
        });
      }
    });
  }
  ASSERT_TRUE(Eventually([&] { return ended > kEach / 2; }));
  process_->store().Shutdown();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ended, kThreads * kEach);
}

TEST_F(RedisStoreGroupTest, ChangesThatWaitCountAgainstTheLimit) {
  NoEvents recorder;
  RedisStoreOptions options = harness_->Options();
  options.engine.operations_max = 8;
  auto store = RedisStore::Create(std::move(options));
  ASSERT_TRUE(store.ok()) << store.status();
  const AnnouncementEncoder encoder = [](OperationId, absl::Span<const Announced>) { return std::string("message"); };
  ASSERT_EQ((*store)->Start(&recorder, &encoder), absl::OkStatus());
  absl::Notification held, go_on;
  (*store)->RunAt(0, [&] {
    held.Notify();
    go_on.WaitForNotification();
  });
  held.WaitForNotification();
  absl::BlockingCounter left(12);
  std::atomic<int> refused{0};
  for (ChangeRequest& request : Sets(12)) {
    request.deadline = process_->Deadline();
    (*store)->Change(std::move(request), [&](ChangeResult result) {
      refused += result.status.code() == Code::kResourceExhausted ? 1 : 0;
      left.DecrementCount();
    });
  }
  EXPECT_EQ(refused, 4);
  EXPECT_EQ((*store)->GetStats().rejected, 4u);
  EXPECT_GE((*store)->GetStats().queued_operations, 7u);
  go_on.Notify();
  left.Wait();
  (*store)->Shutdown();
}

}  // namespace
}  // namespace nearcache::internal::remote
