// Contract: announcements, the chain of lane ids, the channel.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

const char kNoPrevious[17] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

TEST_P(StoreContract, AnAnnouncementIsThePreviousLaneIdAndTheMessage) {
  ChangeRequest first = process().Request(ChangeKind::kSet, "k", epoch(), "v");
  ChangeRequest second = process().Request(ChangeKind::kDelete, "k", epoch());
  const std::string first_message = Announcement(first);
  const std::string second_message = Announcement(second);
  const OperationId first_id = first.id;
  ASSERT_TRUE(process().Change(std::move(first)).applied);
  ASSERT_TRUE(process().Change(std::move(second)).applied);
  const std::vector<std::string> messages = process().WaitForMessages(2);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0], absl::StrCat(absl::string_view(kNoPrevious, 16), first_message));
  EXPECT_EQ(messages[1], absl::StrCat(first_id.ToBytes(), second_message));
}

TEST_P(StoreContract, EveryKindOfChangeIsAnnounced) {
  const std::vector<ChangeKind> kinds = {ChangeKind::kSet,     ChangeKind::kReplace, ChangeKind::kTouch,
                                         ChangeKind::kPersist, ChangeKind::kExpire,  ChangeKind::kAdd,
                                         ChangeKind::kDelete};
  std::vector<std::string> expected;
  for (const ChangeKind kind : kinds) {
    ChangeRequest request = process().Request(kind, "k", epoch(), "v");
    expected.push_back(Announcement(request));
    EXPECT_TRUE(process().Change(std::move(request)).applied) << static_cast<int>(kind);
  }
  ChangeRequest increment = process().Increment("n", epoch(), 1);
  expected.push_back(Announcement(increment));
  EXPECT_TRUE(process().Change(std::move(increment)).applied);
  ChangeRequest clear = process().Request(ChangeKind::kClear, "", epoch());
  expected.push_back(Announcement(clear));
  EXPECT_TRUE(process().Change(std::move(clear)).applied);
  const std::vector<std::string> messages = process().WaitForMessages(expected.size());
  ASSERT_EQ(messages.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(messages[i].substr(16), expected[i]);
  ExpectChain(messages, OperationId());
}

TEST_P(StoreContract, WhoIsToForgetAllHearsOfItAndNothingElseChanges) {
  StoreValue("k", "v");
  ChangeRequest forget = process().Request(ChangeKind::kForgetAll, "", epoch());
  const std::string announcement = Announcement(forget);
  const OperationId id = forget.id;
  EXPECT_TRUE(process().Change(std::move(forget)).applied);
  const std::vector<std::string> messages = process().WaitForMessages(2);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].substr(16), announcement);
  ExpectChain(messages, OperationId());
  EXPECT_EQ(process().ReadLane().lane, id);
  EXPECT_EQ(process().ReadLane().epoch, epoch());
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "v");
}

// An announcement that was made, and no other, is reported, under the id to which it moved the lane.
TEST_P(StoreContract, TellsWhichOwnAnnouncementsWereAcknowledged) {
  Process second(harness_.get(), 2);
  process().Change(process().Request(ChangeKind::kSet, "k", epoch(), "v"));
  process().Change(process().Request(ChangeKind::kAdd, "k", epoch(), "w"));            // There is one.
  process().Change(process().Request(ChangeKind::kTouch, "nothing", epoch()));         // There is none.
  process().Change(process().Request(ChangeKind::kSet, "k", OperationId{4, 4}, "w"));  // Of another epoch.
  process().Change(process().Request(ChangeKind::kDelete, "nothing", epoch()));        // Is announced all the same.
  process().Change(process().Request(ChangeKind::kClear, "", epoch()));
  const std::vector<std::string> messages = process().WaitForMessages(3);
  ASSERT_EQ(messages.size(), 3u);
  std::vector<OperationId> announced;
  for (const std::string& message : messages) announced.push_back(*OperationId::FromBytes(message.substr(16, 16)));
  EXPECT_EQ(process().Acknowledged(), announced);
  EXPECT_TRUE(second.Acknowledged().empty());
}

TEST_P(StoreContract, TheAnnouncementOfAGroupIsAcknowledgedUnderItsOwnId) {
  std::vector<ChangeRequest> requests;
  for (const char* key : {"a", "b", "c"}) requests.push_back(process().Request(ChangeKind::kSet, key, epoch(), "v"));
  for (const ChangeResult& result : process().ChangeTogether(std::move(requests))) EXPECT_TRUE(result.applied);
  const OperationId last = process().ReadLane().lane;
  const std::vector<OperationId> acknowledged = process().Acknowledged();
  ASSERT_FALSE(acknowledged.empty());
  EXPECT_EQ(acknowledged.back(), last);
}

TEST_P(StoreContract, TheChainRunsThroughAllProcesses) {
  Process second(harness_.get(), 2);
  Process third(harness_.get(), 3);
  Process* const processes[] = {&process(), &second, &third};
  for (int i = 0; i < 60; ++i) {
    Process& writer = *processes[i % 3];
    EXPECT_TRUE(writer.Change(writer.Request(ChangeKind::kSet, absl::StrCat("k", i % 7), epoch(), "v")).applied);
  }
  const std::vector<std::string> messages = process().WaitForMessages(60);
  ASSERT_EQ(messages.size(), 60u);
  ExpectChain(messages, OperationId());
  EXPECT_EQ(second.WaitForMessages(60), messages);
  EXPECT_EQ(third.WaitForMessages(60), messages);
  EXPECT_EQ(process().ReadLane().lane.ToBytes(), messages.back().substr(16, 16));
}

TEST_P(StoreContract, CallsInFlightTogetherStillMakeOneChain) {
  Process second(harness_.get(), 2);
  constexpr int kCalls = 200;
  absl::Mutex mutex;
  int done = 0;
  for (int i = 0; i < kCalls; ++i) {
    Process& writer = i % 2 == 0 ? process() : second;
    ChangeRequest request = writer.Request(ChangeKind::kSet, absl::StrCat("k", i), epoch(), "v");
    request.deadline = writer.Deadline();
    writer.store().Change(std::move(request), [&](ChangeResult result) {
      EXPECT_EQ(result.status, absl::OkStatus());
      absl::MutexLock lock(&mutex);
      ++done;
    });
  }
  EXPECT_TRUE(Eventually([&] {
    absl::MutexLock lock(&mutex);
    return done == kCalls;
  }));
  // Several may have been announced together.
  const std::string last = process().ReadLane().lane.ToBytes();
  for (Process* const reader : {&process(), &second}) {
    EXPECT_TRUE(Eventually([&] { return reader->WaitForMessages(1).back().substr(16, 16) == last; }));
  }
  const std::vector<std::string> messages = second.Messages();
  ExpectChain(messages, OperationId());
  EXPECT_EQ(process().Messages(), messages);
  std::string all;
  for (const std::string& message : messages) all += message.substr(32);
  for (int i = 0; i < kCalls; ++i) EXPECT_TRUE(absl::StrContains(all, absl::StrCat(",k", i, ";"))) << i;
}

TEST_P(StoreContract, WhatDoesNotApplyMovesNoLaneAndIsNotAnnounced) {
  const OperationId last = StoreValue("k", "v");
  EXPECT_FALSE(process().Change(process().Request(ChangeKind::kAdd, "k", epoch(), "w")).applied);
  for (const ChangeKind kind : {ChangeKind::kReplace, ChangeKind::kTouch, ChangeKind::kPersist, ChangeKind::kExpire}) {
    EXPECT_FALSE(process().Change(process().Request(kind, "absent", epoch(), "w")).applied);
  }
  EXPECT_FALSE(process().Change(process().Request(ChangeKind::kSet, "k", {5, 5}, "w")).applied);
  EXPECT_FALSE(process().Change(process().Increment("k", epoch(), 1)).applied);
  EXPECT_EQ(process().ReadLane().lane, last);
  // The next announcement follows the one before.
  StoreValue("k", "w");
  const std::vector<std::string> messages = process().WaitForMessages(2);
  ASSERT_EQ(messages.size(), 2u);
  ExpectChain(messages, OperationId());
}

TEST_P(StoreContract, ALostOrForeignLaneShowsAsNoPrevious) {
  StoreValue("k", "v");
  server().FlushAll();
  ASSERT_TRUE(process().Change(process().Request(ChangeKind::kDelete, "k", epoch())).applied == false);
  server().Put("ns:lane", "seventeen bytes..");
  process().Change(process().Request(ChangeKind::kDelete, "k", epoch()));
  server().Put("ns:lane", "");
  process().Change(process().Request(ChangeKind::kDelete, "k", epoch()));
  server().PutOtherType("ns:lane");
  ChangeRequest last = process().Request(ChangeKind::kDelete, "k", epoch());
  const OperationId id = last.id;
  EXPECT_EQ(process().Change(std::move(last)).status, absl::OkStatus());
  const std::vector<std::string> messages = process().WaitForMessages(5);
  ASSERT_EQ(messages.size(), 5u);
  for (const std::string& message : messages) {
    EXPECT_EQ(message.substr(0, 16), absl::string_view(kNoPrevious, 16));
  }
  EXPECT_EQ(process().ReadLane().lane, id);
}

TEST_P(StoreContract, MessagesOfStrangersArePassedOnAsTheyAre) {
  const std::vector<std::string> strange = {"", "x", std::string(100'000, 'y'), std::string("\0\r\n", 3)};
  for (const std::string& payload : strange) server().Publish(payload);
  EXPECT_EQ(process().WaitForMessages(strange.size()), strange);
}

TEST_P(StoreContract, ResetChannelReportsDownAndSubscribesAgain) {
  process().store().ResetChannel(absl::DataLossError("a gap"));
  EXPECT_TRUE(process().WaitForSubscriptions(2));
  EXPECT_EQ(process().downs(), 1);
  StoreValue("k", "v");
  EXPECT_EQ(process().WaitForMessages(1).size(), 1u);
  EXPECT_EQ(process().store().GetStats().session_changes, 0u);
  EXPECT_TRUE(process().store().GetStats().subscribed);
}

TEST_P(StoreContract, ResetSessionConnectsAnewToTheSameServer) {
  process().store().ResetSession(absl::DataLossError("in doubt"));
  EXPECT_TRUE(process().WaitForSubscriptions(2));
  EXPECT_EQ(process().downs(), 1);
  StoreValue("k", "v");
  EXPECT_EQ(process().WaitForMessages(1).size(), 1u);
  EXPECT_EQ(process().store().GetStats().session_changes, 0u);
}

}  // namespace
}  // namespace nearcache::internal::remote
