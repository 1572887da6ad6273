// Contract: refusals of the server, lost connections, deadlines, shutdown.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

using Code = absl::StatusCode;

constexpr ChangeKind kStoringKinds[] = {ChangeKind::kSet, ChangeKind::kAdd, ChangeKind::kReplace};
constexpr ChangeKind kEndingKinds[] = {ChangeKind::kTouch, ChangeKind::kPersist, ChangeKind::kExpire,
                                       ChangeKind::kDelete};

TEST_P(StoreContract, AFullServerRefusesValuesAndPassesInvalidations) {
  const OperationId before = StoreValue("k", "v");
  server().SetOutOfMemory(true);
  for (const ChangeKind kind : kStoringKinds) {
    const ChangeResult result =
        process().Change(process().Request(kind, kind == ChangeKind::kReplace ? "k" : "new", epoch(), "w"));
    EXPECT_EQ(result.status.code(), Code::kResourceExhausted) << result.status;
    EXPECT_FALSE(result.unknown);
  }
  const ChangeResult increment = process().Change(process().Increment("n", epoch(), 1));
  EXPECT_EQ(increment.status.code(), Code::kResourceExhausted);
  EXPECT_EQ(process().ReadLane().lane, before);
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "v");
  for (const ChangeKind kind : kEndingKinds) {
    // After kExpire the key is no longer present; it is still there to be deleted.
    const ChangeResult result = process().Change(process().Request(kind, "k", epoch()));
    EXPECT_EQ(result.status, absl::OkStatus()) << static_cast<int>(kind);
    EXPECT_EQ(result.applied, kind != ChangeKind::kDelete) << static_cast<int>(kind);
  }
  EXPECT_EQ(server().Peek("ns:1:k"), absl::nullopt);
  for (const ChangeKind kind : {ChangeKind::kClear, ChangeKind::kForgetAll}) {
    EXPECT_EQ(process().Change(process().Request(kind, "", epoch())).status, absl::OkStatus());
  }
  EXPECT_EQ(process().ReadLane().status, absl::OkStatus());
  const std::vector<std::string> messages = process().WaitForMessages(7);
  ASSERT_EQ(messages.size(), 7u);
  ExpectChain(messages, OperationId());
  server().SetOutOfMemory(false);
}

TEST_P(StoreContract, AReadOnlyServerRefusesChangesAndIsToBeLeft) {
  StoreValue("k", "v");
  server().SetReadOnly(true);
  for (const ChangeKind kind : {ChangeKind::kSet, ChangeKind::kReplace, ChangeKind::kDelete, ChangeKind::kTouch,
                                ChangeKind::kPersist, ChangeKind::kExpire, ChangeKind::kClear}) {
    const ChangeResult result =
        process().Change(process().Request(kind, kind == ChangeKind::kClear ? "" : "k", epoch(), "w"));
    EXPECT_EQ(result.status.code(), Code::kUnavailable) << static_cast<int>(kind) << result.status;
    EXPECT_FALSE(result.unknown);
    EXPECT_TRUE(absl::StrContains(result.status.message(), "READONLY")) << result.status;
  }
  const LaneReading reading = process().ReadLane();
  EXPECT_EQ(reading.status.code(), Code::kUnavailable);
  EXPECT_TRUE(reading.leave_server);
  server().SetReadOnly(false);
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "v");
}

TEST_P(StoreContract, WithoutTheRightToPublishNoKeyChanges) {
  StoreValue("k", "v");
  const absl::optional<std::string> frame = server().Peek("ns:1:k");
  server().SetPublishForbidden(true);
  for (const ChangeKind kind : {ChangeKind::kSet, ChangeKind::kReplace, ChangeKind::kDelete, ChangeKind::kTouch,
                                ChangeKind::kPersist, ChangeKind::kExpire, ChangeKind::kClear}) {
    const ChangeResult result =
        process().Change(process().Request(kind, kind == ChangeKind::kClear ? "" : "k", epoch(), "w"));
    EXPECT_EQ(result.status.code(), Code::kPermissionDenied) << static_cast<int>(kind) << result.status;
    EXPECT_FALSE(result.unknown);
  }
  server().SetPublishForbidden(false);
  EXPECT_EQ(server().Peek("ns:1:k"), frame);
  EXPECT_EQ(process().Read({}, true)->epoch, epoch());
}

TEST_P(StoreContract, ScriptsThatTheServerForgotAreSentAgain) {
  StoreValue("k", "v");
  server().ForgetScripts();
  StoreValue("k", "w");
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "w");
  EXPECT_EQ(process().WaitForMessages(2).size(), 2u);
}

// --- Time and connections

TEST_P(StoreContract, CallsEndAtTheirDeadlinesAndLateRepliesGoNowhere) {
  StoreValue("k", "v");
  server().Freeze();
  process().set_timeout(absl::Milliseconds(50));
  const ChangeResult change = process().Change(process().Request(ChangeKind::kSet, "k", epoch(), "late"));
  EXPECT_EQ(change.status.code(), Code::kDeadlineExceeded) << change.status;
  EXPECT_TRUE(change.unknown);
  EXPECT_EQ(process().Read({"k"}).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(process().ReadTimeToLive("k").status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(process().ReadLane().status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(process().EnsureEpoch({7, 7}).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(process().Execute({"PING"}).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(process().store().GetStats().timeouts, 6u);
  server().Thaw();
  process().set_timeout(absl::Seconds(10));
  // No reply is given to another call.
  EXPECT_EQ(process().Execute({"ECHO", "mine"})->text(), "mine");
  EXPECT_TRUE(process().Read({"k"}).ok());
}

TEST_P(StoreContract, WhatWasSentWhenTheConnectionBrokeIsUnknown) {
  StoreValue("k", "v");
  server().Freeze();
  const uint64_t batches = process().store().GetStats().batches;
  absl::Notification written;
  ChangeResult change;
  ChangeRequest request = process().Request(ChangeKind::kSet, "k", epoch(), "lost");
  request.deadline = process().Deadline();
  process().store().Change(std::move(request), [&](ChangeResult result) {
    change = std::move(result);
    written.Notify();
  });
  ASSERT_TRUE(Eventually([&] { return process().store().GetStats().batches > batches; }));
  server().Stop();
  written.WaitForNotification();
  EXPECT_EQ(change.status.code(), Code::kUnavailable) << change.status;
  EXPECT_TRUE(change.unknown);
  EXPECT_TRUE(process().WaitForDowns(1));
}

TEST_P(StoreContract, WithoutAServerNothingIsExecuted) {
  StoreValue("k", "v");
  server().Stop();
  EXPECT_TRUE(process().WaitForDowns(1));
  EXPECT_TRUE(Eventually([&] { return !process().store().GetStats().connected; }));
  process().set_timeout(absl::Milliseconds(50));
  const ChangeResult change = process().Change(process().Request(ChangeKind::kSet, "k", epoch(), "w"));
  EXPECT_EQ(change.status.code(), Code::kUnavailable) << change.status;
  EXPECT_FALSE(change.unknown);
  const ChangeResult removed = process().Change(process().Request(ChangeKind::kDelete, "k", epoch()));
  EXPECT_EQ(removed.status.code(), Code::kUnavailable) << removed.status;
  EXPECT_FALSE(removed.unknown);
  EXPECT_EQ(process().Read({"k"}).status().code(), Code::kUnavailable);
  EXPECT_EQ(process().ReadLane().status.code(), Code::kUnavailable);
  EXPECT_FALSE(process().store().LinkStatus().ok());
  EXPECT_FALSE(process().store().GetStats().subscribed);
  EXPECT_TRUE(Eventually([&] { return process().store().GetStats().queued_operations == 0; }));
}

TEST_P(StoreContract, ItIsDownFromTheLossOfItsConnectionUntilItHasAnother) {
  EXPECT_FALSE(process().store().IsDown());
  server().Stop();
  EXPECT_TRUE(Eventually([&] { return process().store().IsDown(); }));
  server().Restart();
  EXPECT_TRUE(Eventually([&] { return !process().store().IsDown(); })) << process().store().LinkStatus();
}

TEST_P(StoreContract, WithoutItsChannelAloneItIsNotDown) {
  process().store().ResetChannel(absl::DataLossError("in doubt"));
  EXPECT_TRUE(process().WaitForDowns(1));
  EXPECT_FALSE(process().store().IsDown());
  EXPECT_TRUE(process().WaitForSubscriptions(2));
  EXPECT_FALSE(process().store().IsDown());
}

TEST_P(StoreContract, ARestartedServerIsAnotherSession) {
  StoreValue("k", "v");
  ASSERT_EQ(process().WaitForMessages(1).size(), 1u);
  server().Restart();
  EXPECT_TRUE(process().WaitForSubscriptions(2)) << process().store().LinkStatus();
  EXPECT_EQ(process().downs(), 1);
  EXPECT_EQ(process().store().GetStats().session_changes, 1u);
  EXPECT_TRUE(process().ReadLane().lane.empty());
  const ChangeResult result = process().Change(process().Request(ChangeKind::kSet, "k", epoch(), "v"));
  EXPECT_EQ(result.status.code(), Code::kAborted);
  ASSERT_TRUE(process().EnsureEpoch(epoch()).ok());
  StoreValue("k", "w");
  EXPECT_EQ(process().WaitForMessages(2).size(), 2u);
  EXPECT_EQ(process().store().LinkStatus(), absl::OkStatus());
}

// --- The end

TEST_P(StoreContract, ShutdownEndsEverythingAndIsFinal) {
  server().Freeze();
  absl::Mutex mutex;
  std::vector<absl::Status> ends;
  bool task_ran = false;
  const auto note = [&](absl::Status status) {
    absl::MutexLock lock(&mutex);
    ends.push_back(std::move(status));
  };
  ChangeRequest request = process().Request(ChangeKind::kSet, "k", epoch(), "v");
  process().store().Change(std::move(request), [&](ChangeResult result) { note(result.status); });
  ReadRequest reading;
  reading.keys = {"ns:1:k"};
  process().store().Read(reading, [&](absl::StatusOr<ReadReply> reply) { note(reply.status()); });
  process().store().ReadLane(kNever, [&](LaneReading result) { note(result.status); });
  process().store().RunAt(AddDuration(Clock::Real()->Now(), absl::Hours(1)), [&] { task_ran = true; });
  process().store().Shutdown();
  process().store().Shutdown();
  {
    absl::MutexLock lock(&mutex);
    EXPECT_EQ(ends.size(), 3u);
    for (const absl::Status& status : ends) EXPECT_EQ(status.code(), Code::kCancelled) << status;
  }
  const int downs = process().downs();
  server().Thaw();
  EXPECT_EQ(process().Read({"k"}).status().code(), Code::kCancelled);
  const ChangeResult change = process().Change(process().Request(ChangeKind::kSet, "k", epoch(), "v"));
  EXPECT_EQ(change.status.code(), Code::kCancelled);
  EXPECT_FALSE(change.unknown);
  EXPECT_EQ(process().ReadLane().status.code(), Code::kCancelled);
  EXPECT_EQ(process().downs(), downs);
  EXPECT_FALSE(task_ran);
}

TEST_P(StoreContract, TasksRunOnTheLoopWhenTheirTimeHasCome) {
  absl::Mutex mutex;
  std::vector<int> order;
  const MonotonicNanos start = Clock::Real()->Now();
  MonotonicNanos ran_at = 0;
  const auto add = [&](int i) {
    absl::MutexLock lock(&mutex);
    order.push_back(i);
    ran_at = Clock::Real()->Now();
  };
  process().store().RunAt(AddDuration(start, absl::Milliseconds(60)), [&] { add(2); });
  process().store().RunAt(start - 1, [&] { add(1); });
  EXPECT_TRUE(Eventually([&] {
    absl::MutexLock lock(&mutex);
    return order.size() == 2;
  }));
  absl::MutexLock lock(&mutex);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_GE(ran_at, AddDuration(start, absl::Milliseconds(60)));
}

TEST_P(StoreContract, CallsBeforeStartAreRefusedAndASecondStartToo) {
  const std::unique_ptr<Store> store = server().NewStore();
  absl::Status status;
  store->Change(process().Request(ChangeKind::kDelete, "k", epoch()),
                [&](ChangeResult result) { status = result.status; });
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  AnnouncementEncoder encoder = [](OperationId, absl::Span<const Announced>) { return std::string(); };
  EXPECT_EQ(process().store().Start(&process(), &encoder).code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace nearcache::internal::remote
