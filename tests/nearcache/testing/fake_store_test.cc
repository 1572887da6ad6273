// What only FakeStore has: gates, losses, cuts, step by step.

#include "nearcache/testing/fake_store.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::remote {
namespace {

using Code = absl::StatusCode;

constexpr OperationId kEpoch = {9, 9};

std::string Frame(OperationId id, absl::string_view payload) {
  std::string frame(kFrameHeaderSize, '\0');
  frame[kFrameMagicOffset] = kFrameMagic[0];
  frame[kFrameMagicOffset + 1] = kFrameMagic[1];
  frame[kFrameVersionOffset] = static_cast<char>(kFrameVersion);
  frame.replace(kFrameEpochOffset, kFrameEpochSize, kEpoch.ToBytes());
  frame.replace(kFrameOperationIdOffset, kFrameOperationIdSize, id.ToBytes());
  return absl::StrCat(frame, payload);
}

// One process: a store and what happened to it, in order.
class Process : public ChannelEvents {
 public:
  Process(FakeServer* server, uint64_t nonce, FakeStoreOptions options = {})
      : server_(*server), ids_(nonce), store(server, std::move(options)) {
    EXPECT_EQ(store.Start(this, &encoder_), absl::OkStatus());
  }

  void OnSubscribed() override { log.push_back("up"); }
  void OnMessage(absl::string_view payload) override { log.push_back(absl::StrCat("message ", payload.substr(16))); }
  void OnChannelDown(const absl::Status&) override { log.push_back("down"); }

  // `timeout` after now.
  void Set(std::string key, std::string payload, absl::Duration timeout = absl::Seconds(1)) {
    ChangeRequest request;
    request.key = request.redis_key = std::move(key);
    request.id = ids_.Next();
    request.value = Frame(request.id, payload);
    request.deadline = AddDuration(server_.loop().Now(), timeout);
    store.Change(std::move(request), [this, payload](ChangeResult result) {
      log.push_back(absl::StrCat("set ", payload, " ", absl::StatusCodeToString(result.status.code()),
                                 result.unknown ? " unknown" : ""));
    });
  }

  void Get(std::string key, absl::Duration timeout = absl::Seconds(1)) {
    ReadRequest request;
    request.keys = {std::move(key)};
    request.deadline = AddDuration(server_.loop().Now(), timeout);
    store.Read(std::move(request), [this](absl::StatusOr<ReadReply> reply) {
      const std::string value = !reply.ok() ? absl::StatusCodeToString(reply.status().code())
                                            : std::string(reply->values[0].bytes.view().substr(
                                                  std::min(reply->values[0].bytes.size(), kFrameHeaderSize)));
      log.push_back(absl::StrCat("get ", value));
    });
  }

  std::vector<std::string> TakeLog() { return std::exchange(log, {}); }

 private:
  FakeServer& server_;
  OperationIdSource ids_;
  AnnouncementEncoder encoder_ = [](OperationId, absl::Span<const Announced> changes) {
    return std::string(changes[0].key);
  };

 public:
  FakeStore store;
  std::vector<std::string> log;
};

using Log = std::vector<std::string>;

class FakeStoreTest : public ::testing::Test {
 protected:
  FakeStoreTest() : server_(&clock_), first_(&server_, 1), second_(&server_, 2) {
    server_.Put("epoch", kEpoch.ToBytes());
    server_.RunUntilIdle();
    EXPECT_EQ(first_.TakeLog(), (Log{"up"}));
    EXPECT_EQ(second_.TakeLog(), (Log{"up"}));
  }

  FakeClock clock_;
  FakeServer server_;
  Process first_;
  Process second_;
};

TEST_F(FakeStoreTest, NothingHappensButInSteps) {
  first_.Set("k", "v");
  EXPECT_TRUE(first_.log.empty());
  EXPECT_EQ(server_.Peek("k"), absl::nullopt);
  while (first_.log.empty()) ASSERT_TRUE(server_.Step());
  EXPECT_TRUE(server_.Peek("k").has_value());
  server_.RunUntilIdle();
  EXPECT_EQ(second_.TakeLog(), (Log{"message k"}));
}

TEST_F(FakeStoreTest, ARefusedCallEndsInsideTheCall) {
  FakeStoreOptions options;
  options.operations_max = 2;
  Process small(&server_, 3, options);
  small.Get("k");
  small.Get("k");
  EXPECT_TRUE(small.log.empty());
  small.Get("k");
  EXPECT_EQ(small.TakeLog(), (Log{"get RESOURCE_EXHAUSTED"}));
  EXPECT_EQ(small.store.GetStats().rejected, 1u);
  server_.RunUntilIdle();
  EXPECT_EQ(small.store.GetStats().queued_operations, 0u);
}

TEST_F(FakeStoreTest, AHeldReadDoesNotHoldUpAWrite) {
  first_.Set("k", "old");
  server_.RunUntilIdle();
  first_.TakeLog();
  first_.store.HoldReplies(kReadCalls);
  first_.Get("k");
  server_.RunUntilIdle();
  EXPECT_EQ(first_.store.held_replies(), 1u);
  first_.Set("k", "new");
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"message k", "set new OK"}));
  first_.store.ReleaseReplies();
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"get old"}));
}

TEST_F(FakeStoreTest, HeldRequestsExecuteInTheOrderOfTheirRelease) {
  first_.store.HoldRequests();
  first_.Set("k", "a");
  first_.Set("k", "b");
  server_.RunUntilIdle();
  EXPECT_EQ(first_.store.held_requests(), 2u);
  first_.store.ReleaseRequests(1);
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"message k", "set a OK"}));
  first_.store.ResumeRequests();
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"message k", "set b OK"}));
}

TEST_F(FakeStoreTest, ARequestHeldOverACutIsAZombie) {
  first_.store.HoldRequests();
  first_.Set("k", "zombie");
  server_.RunUntilIdle();
  first_.store.CutData();
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"set zombie UNAVAILABLE unknown"}));
  EXPECT_EQ(server_.Peek("k"), absl::nullopt);
  first_.store.ResumeRequests();
  server_.RunUntilIdle();
  EXPECT_TRUE(server_.Peek("k").has_value());
  EXPECT_EQ(second_.TakeLog(), (Log{"message k"}));
  EXPECT_EQ(first_.TakeLog(), (Log{"message k"}));
}

TEST_F(FakeStoreTest, ALateReplyIsCountedAndGoesNowhere) {
  first_.store.HoldReplies();
  first_.Set("k", "v", absl::Milliseconds(10));
  server_.Advance(absl::Milliseconds(10));
  EXPECT_EQ(first_.TakeLog(), (Log{"message k", "set v DEADLINE_EXCEEDED unknown"}));
  first_.store.ResumeReplies();
  server_.RunUntilIdle();
  EXPECT_TRUE(first_.log.empty());
  EXPECT_EQ(first_.store.GetStats().late_replies, 1u);
}

TEST_F(FakeStoreTest, ALostReplyEndsAtTheDeadline) {
  first_.store.DropReplies(1);
  first_.Get("k", absl::Milliseconds(10));
  first_.Get("k", absl::Milliseconds(10));
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"get "}));
  server_.Advance(absl::Milliseconds(9));
  EXPECT_TRUE(first_.log.empty());
  server_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(first_.TakeLog(), (Log{"get DEADLINE_EXCEEDED"}));
}

TEST_F(FakeStoreTest, MessagesAreHeldDroppedAndLostWithTheirConnection) {
  second_.store.HoldMessages();
  for (const char* key : {"a", "b", "c"}) first_.Set(key, "v");
  server_.RunUntilIdle();
  EXPECT_EQ(second_.store.held_messages(), 3u);
  second_.store.ReleaseMessages(1);
  server_.RunUntilIdle();
  EXPECT_EQ(second_.TakeLog(), (Log{"message a"}));
  second_.store.CutChannel();
  server_.RunUntilIdle();
  second_.store.ResumeMessages();
  server_.RunUntilIdle();
  EXPECT_EQ(second_.TakeLog(), (Log{"down", "up"}));
  second_.store.DropMessages(1);
  first_.Set("lost", "v");
  first_.Set("heard", "v");
  server_.RunUntilIdle();
  EXPECT_EQ(second_.TakeLog(), (Log{"message heard"}));
}

TEST_F(FakeStoreTest, DelaysDoNotReorderAConnection) {
  second_.store.SetDelays(absl::ZeroDuration(), absl::ZeroDuration(), absl::Milliseconds(100));
  first_.Set("a", "v");
  server_.RunUntilIdle();
  second_.store.SetDelays(absl::ZeroDuration(), absl::ZeroDuration(), absl::ZeroDuration());
  first_.Set("b", "v");
  server_.RunUntilIdle();
  EXPECT_TRUE(second_.log.empty());
  server_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(second_.TakeLog(), (Log{"message a", "message b"}));
}

TEST_F(FakeStoreTest, ScriptedFailuresHitOneCallOfTheirKind) {
  first_.store.FailNext(kChangeCalls, absl::ResourceExhaustedError("full"));
  first_.store.FailNext(kChangeCalls, absl::UnavailableError("cut"), /*unknown=*/true, /*executed=*/true);
  first_.Get("k");
  first_.Set("k", "not");
  first_.Set("k", "done");
  first_.Set("other", "v");
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"set not RESOURCE_EXHAUSTED", "set done UNAVAILABLE unknown", "get ", "message k",
                                   "message other", "set v OK"}));
  EXPECT_TRUE(server_.Peek("k").has_value());
}

TEST_F(FakeStoreTest, WhileConnectsAreHeldCallsWaitForTheConnection) {
  first_.store.HoldConnects(true);
  first_.store.CutData();
  first_.Set("k", "early", absl::Milliseconds(10));
  first_.Set("k", "patient", absl::Seconds(1));
  server_.Advance(absl::Milliseconds(20));
  EXPECT_EQ(first_.TakeLog(), (Log{"set early UNAVAILABLE"}));
  EXPECT_EQ(first_.store.LinkStatus().code(), Code::kUnavailable);
  first_.store.HoldConnects(false);
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"message k", "set patient OK"}));
  EXPECT_EQ(first_.store.LinkStatus(), absl::OkStatus());
}

TEST_F(FakeStoreTest, ARestartIsAnotherSessionForEveryStore) {
  first_.Set("k", "v");
  server_.RunUntilIdle();
  const FakeKeyspace snapshot = server_.TakeSnapshot();
  first_.Set("k", "lost");
  server_.RunUntilIdle();
  first_.TakeLog();
  second_.TakeLog();
  server_.RestartWith(snapshot);
  server_.RunUntilIdle();
  EXPECT_EQ(first_.TakeLog(), (Log{"down", "up"}));
  EXPECT_EQ(second_.TakeLog(), (Log{"down", "up"}));
  EXPECT_EQ(second_.store.GetStats().session_changes, 1u);
  second_.Get("k");
  server_.RunUntilIdle();
  EXPECT_EQ(second_.TakeLog(), (Log{"get v"}));
}

TEST_F(FakeStoreTest, ShutdownEndsCallsWhereverTheyAre) {
  first_.store.HoldReplies();
  first_.Get("k");
  server_.RunUntilIdle();
  first_.Set("k", "v");  // Not even taken by the loop.
  first_.store.Shutdown();
  EXPECT_EQ(first_.TakeLog(), (Log{"get CANCELLED", "set v CANCELLED"}));
  first_.store.ResumeReplies();
  server_.Advance(absl::Seconds(10));
  EXPECT_TRUE(first_.log.empty());
  second_.Set("k", "w");
  server_.RunUntilIdle();
  EXPECT_EQ(second_.TakeLog(), (Log{"message k", "set w OK"}));
}

}  // namespace
}  // namespace nearcache::internal::remote
