// Which changes leave together, and what each answer of the server means for each of them.

#include "nearcache/internal/remote/change_group.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

using Next = GroupVerdict::Next;

constexpr OperationId kEpoch{9, 9};
constexpr OperationId kOther{8, 8};

uint64_t last_id = 0;

PendingChange Change(ChangeKind kind, const std::string& key, MonotonicNanos deadline = 1'000'000'000) {
  PendingChange change;
  change.request.kind = kind;
  change.request.key = key;
  change.request.redis_key = key.empty() ? "" : absl::StrCat("ns:1:", key);
  change.request.id = {1, ++last_id};
  change.request.deadline = deadline;
  if (kind == ChangeKind::kSet) change.request.value = MakeFrame(kEpoch, change.request.id, "v");
  change.done = [](const ChangeResult&) {};
  return change;
}
PendingChange Set(const std::string& key) { return Change(ChangeKind::kSet, key); }
PendingChange Delete(const std::string& key) { return Change(ChangeKind::kDelete, key); }

template <typename... Changes>
std::vector<PendingChange> List(Changes... changes) {
  std::vector<PendingChange> list;
  (list.push_back(std::move(changes)), ...);
  return list;
}

// "a b | c": the keys of each group.
std::string Planned(std::vector<PendingChange> changes, const GroupLimits& limits = {}) {
  std::string text;
  for (const ChangeGroup& group : PlanGroups(std::move(changes), limits)) {
    if (!text.empty()) text += " |";
    for (const PendingChange& change : group) {
      absl::StrAppend(&text, text.empty() ? "" : " ", change.request.key.empty() ? "clear" : change.request.key);
    }
  }
  return text;
}

// --- Plans

TEST(PlanGroupsTest, SetsAndDeletesLeaveTogether) {
  EXPECT_EQ(Planned({}), "");
  EXPECT_EQ(Planned(List(Set("a"))), "a");
  EXPECT_EQ(Planned(List(Set("a"), Delete("b"), Set("c"))), "a b c");
}

TEST(PlanGroupsTest, AKeyOccursOnceAndItsChangesKeepTheirOrder) {
  EXPECT_EQ(Planned(List(Set("a"), Set("b"), Set("a"), Set("c"), Delete("a"))), "a b c | a | a");
  EXPECT_EQ(Planned(List(Set("a"), Delete("a"), Set("b"), Set("a"))), "a b | a | a");
}

TEST(PlanGroupsTest, ConditionalChangesAreAloneAndKeepTheirPlaceAmongThoseOfTheirKey) {
  EXPECT_EQ(Planned(List(Set("a"), Change(ChangeKind::kAdd, "x"), Set("b"))), "a b | x");
  EXPECT_EQ(Planned(List(Set("a"), Change(ChangeKind::kIncrement, "a"), Set("b"), Set("a"))), "a b | a | a");
  for (const ChangeKind kind : {ChangeKind::kAdd, ChangeKind::kReplace, ChangeKind::kTouch, ChangeKind::kPersist,
                                ChangeKind::kExpire, ChangeKind::kIncrement}) {
    EXPECT_EQ(Planned(List(Change(kind, "a"), Change(kind, "b"))), "a | b");
  }
}

TEST(PlanGroupsTest, NothingPassesAClear) {
  EXPECT_EQ(Planned(List(Set("a"), Change(ChangeKind::kClear, ""), Set("b"), Set("c"))), "a | clear | b c");
}

TEST(PlanGroupsTest, LimitsSplit) {
  GroupLimits limits;
  limits.changes_max = 2;
  EXPECT_EQ(Planned(List(Set("a"), Set("b"), Set("c"), Set("d"), Set("e")), limits), "a b | c d | e");
  limits = GroupLimits();
  limits.key_bytes_max = 5;
  EXPECT_EQ(Planned(List(Set("aaa"), Set("bbb"), Set("cc"), Set("much too long")), limits),
            "aaa cc | bbb | much too long");
  limits = GroupLimits();
  limits.command_bytes_max = 330;
  EXPECT_EQ(Planned(List(Set("a"), Set("b"), Set("c")), limits), "a b | c");
}

TEST(PlanGroupsTest, DeadlinesThatLieApartPartTheirChanges) {
  GroupLimits limits;
  limits.deadline_spread_nanos = 10;
  EXPECT_EQ(Planned(List(Change(ChangeKind::kSet, "a", 100), Change(ChangeKind::kSet, "b", 111),
                         Change(ChangeKind::kSet, "c", 95), Change(ChangeKind::kSet, "d", 112)),
                    limits),
            "a c | b d");
  std::vector<PendingChange> changes = List(Change(ChangeKind::kSet, "a", 100), Change(ChangeKind::kSet, "b", 105));
  EXPECT_EQ(GroupOperation({"lane", "epoch", "missing", "channel"}, changes, {2, 2}, "m").deadline, 105);
}

TEST(PlanGroupsTest, IdsOfDifferentNoncesAreNotOfOneMessage) {
  std::vector<PendingChange> changes = List(Set("a"), Set("b"));
  changes[1].request.id.nonce = 77;
  EXPECT_EQ(Planned(std::move(changes)), "a | b");
}

TEST(PlanGroupsTest, ManyChangesOfOneKeyAreAllKept) {
  std::vector<PendingChange> changes;
  for (int i = 0; i < 1000; ++i) changes.push_back(Set(absl::StrCat(i % 3)));
  size_t count = 0;
  uint64_t last[3] = {0, 0, 0};
  for (const ChangeGroup& group : PlanGroups(std::move(changes), {})) {
    for (const PendingChange& change : group) {
      uint64_t& before = last[change.request.key[0] - '0'];
      EXPECT_LT(before, change.request.id.counter);
      before = change.request.id.counter;
      ++count;
    }
  }
  EXPECT_EQ(count, 1000u);
}

// --- Bytes

TEST(GroupOperationTest, IsATransactionWithTheScriptInFull) {
  std::vector<PendingChange> group = List(Set("a"), Delete("b"));
  group[0].request.time_to_live = absl::Milliseconds(250);
  const Operation operation = GroupOperation({"lane", "epoch", "missing", "channel"}, group, {2, 2}, "message");
  EXPECT_TRUE(absl::StartsWith(operation.bytes, "*1\r\n$5\r\nMULTI\r\n*8\r\n$4\r\nEVAL\r\n"));
  EXPECT_TRUE(absl::StrContains(operation.bytes, LaneScript().text));
  EXPECT_TRUE(absl::StrContains(operation.bytes, "$6\r\nPSETEX\r\n"));
  EXPECT_TRUE(absl::StrContains(operation.bytes, "UNLINK\r\n$6\r\nns:1:b\r\n"));
  EXPECT_TRUE(absl::EndsWith(operation.bytes, "*1\r\n$4\r\nEXEC\r\n"));
  EXPECT_EQ(operation.reply_count, 6);
  EXPECT_EQ(operation.resends_max, 0);
}

// --- Verdicts

Reply Simple(Reply::Type type, absl::string_view text) {
  Reply reply;
  reply.type = type;
  reply.string = Value::Copy(text);
  return reply;
}
Reply Error(absl::string_view text) { return Simple(Reply::Type::kError, text); }
Reply Ok() { return Simple(Reply::Type::kStatus, "OK"); }
Reply Bulk(absl::string_view text) { return Simple(Reply::Type::kString, text); }
Reply Integer(int64_t number) {
  Reply reply;
  reply.type = Reply::Type::kInteger;
  reply.integer = number;
  return reply;
}

// A set of "a" and a delete of "b", answered with what EXEC gives.
std::vector<GroupVerdict> Judged(Reply exec, Reply multi = Ok()) {
  OperationResult result;
  result.replies.push_back(std::move(multi));
  for (int i = 0; i < 4; ++i) result.replies.push_back(Simple(Reply::Type::kStatus, "QUEUED"));
  result.replies.push_back(std::move(exec));
  return JudgeGroup(List(Set("a"), Delete("b")), std::move(result));
}
Reply Executed(Reply lane, Reply set, Reply head, Reply removed) {
  Reply exec;
  exec.type = Reply::Type::kArray;
  exec.elements = {std::move(lane), std::move(set), std::move(head), std::move(removed)};
  return exec;
}

TEST(JudgeGroupTest, EachChangeHasItsOwnOutcome) {
  const std::string live = MakeFrame(kEpoch, {3, 3}, "v").substr(0, 24);
  std::vector<GroupVerdict> verdicts = Judged(Executed(Bulk(kEpoch.ToBytes()), Ok(), Bulk(live), Integer(1)));
  for (const GroupVerdict& verdict : verdicts) {
    EXPECT_EQ(verdict.next, Next::kDone);
    EXPECT_EQ(verdict.result.status, absl::OkStatus());
    EXPECT_TRUE(verdict.result.applied);
  }
  // What was there counted as absent.
  const std::string cleared = MakeFrame(kOther, {3, 3}, "v").substr(0, 24);
  verdicts = Judged(Executed(Bulk(kEpoch.ToBytes()), Ok(), Bulk(cleared), Integer(1)));
  EXPECT_FALSE(verdicts[1].result.applied);
  // A command that failed by itself did nothing.
  verdicts = Judged(Executed(Bulk(kEpoch.ToBytes()), Error("ERR why ever"), Bulk(live), Error("ERR why ever")));
  for (const GroupVerdict& verdict : verdicts) {
    EXPECT_EQ(verdict.next, Next::kDone);
    EXPECT_EQ(verdict.result.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(verdict.result.unknown);
  }
}

TEST(JudgeGroupTest, AnotherEpochSendsTheSetBackToItsWriter) {
  for (const Reply& epoch : {Bulk(kOther.ToBytes()), Reply(), Bulk("no id")}) {
    const std::vector<GroupVerdict> verdicts = Judged(Executed(epoch, Ok(), Bulk(""), Integer(0)));
    EXPECT_EQ(verdicts[0].result.status.code(), absl::StatusCode::kAborted);
    EXPECT_TRUE(verdicts[0].result.unknown);
    EXPECT_EQ(verdicts[0].result.epoch, epoch.text() == kOther.ToBytes() ? kOther : OperationId());
    EXPECT_EQ(verdicts[1].result.status, absl::OkStatus());
  }
}

TEST(JudgeGroupTest, WhatWasRefusedAsAWholeIsSentAlone) {
  for (const GroupVerdict& verdict : Judged(Error("EXECABORT Transaction discarded because of previous errors."))) {
    EXPECT_EQ(verdict.next, Next::kAlone);
  }
}

TEST(JudgeGroupTest, WhatMayHaveRunUnannouncedIsTakenAway) {
  std::vector<GroupVerdict> verdicts = Judged(Executed(Error("NOPERM no channel"), Ok(), Bulk(""), Integer(0)));
  for (const GroupVerdict& verdict : verdicts) {
    EXPECT_EQ(verdict.next, Next::kTakeAway);
    EXPECT_EQ(verdict.result.status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_TRUE(verdict.result.unknown);
  }
  for (const GroupVerdict& verdict : Judged(Error("ERR EXEC without MULTI"), Error("NOPERM no multi"))) {
    EXPECT_EQ(verdict.next, Next::kTakeAway);
  }
}

TEST(JudgeGroupTest, WithoutAnAnswerDeletesAreSentAgainIfTheyMayHaveRun) {
  OperationResult lost;
  lost.status = absl::UnavailableError("connection lost");
  lost.unknown = true;
  std::vector<GroupVerdict> verdicts = JudgeGroup(List(Set("a"), Delete("b")), std::move(lost));
  EXPECT_EQ(verdicts[0].next, Next::kDone);
  EXPECT_TRUE(verdicts[0].result.unknown);
  EXPECT_EQ(verdicts[1].next, Next::kAgain);
  OperationResult refused;
  refused.status = absl::ResourceExhaustedError("full");
  verdicts = JudgeGroup(List(Set("a"), Delete("b")), std::move(refused));
  for (const GroupVerdict& verdict : verdicts) {
    EXPECT_EQ(verdict.next, Next::kDone);
    EXPECT_FALSE(verdict.result.unknown);
  }
  OperationResult late;
  late.status = absl::DeadlineExceededError("late");
  late.unknown = true;
  verdicts = JudgeGroup(List(Set("a"), Delete("b")), std::move(late));
  EXPECT_EQ(verdicts[1].next, Next::kDone);
  EXPECT_TRUE(verdicts[1].result.unknown);
}

TEST(JudgeGroupTest, AnAnswerOfAnotherShapeSaysNothing) {
  Reply shorter = Executed(Bulk(kEpoch.ToBytes()), Ok(), Bulk(""), Integer(0));
  shorter.elements.pop_back();
  for (const Reply& exec : {Reply(), shorter}) {
    for (const GroupVerdict& verdict : Judged(exec)) {
      EXPECT_EQ(verdict.next, Next::kDone);
      EXPECT_EQ(verdict.result.status.code(), absl::StatusCode::kInternal);
      EXPECT_TRUE(verdict.result.unknown);
    }
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
