// Contract: reads, the lane, the epoch, other commands.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

using State = Fetched::State;

TEST_P(StoreContract, ReadTellsAbsentFoundAndOtherTypeApart) {
  server().Put("ns:1:found", "bytes");
  server().PutOtherType("ns:1:hash");
  const absl::StatusOr<ReadReply> reply = process().Read({"absent", "found", "hash"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->values.size(), 3u);
  EXPECT_EQ(reply->values[0].state, State::kAbsent);
  EXPECT_EQ(reply->values[1].state, State::kFound);
  EXPECT_EQ(reply->values[1].bytes.view(), "bytes");
  EXPECT_EQ(reply->values[1].time_to_live, absl::nullopt);
  EXPECT_EQ(reply->values[2].state, State::kWrongType);
  EXPECT_TRUE(reply->epoch.empty());
}

TEST_P(StoreContract, ReadGivesTheEpochIfItIsWanted) {
  absl::StatusOr<ReadReply> reply = process().Read({"absent"}, /*want_epoch=*/true);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->epoch, epoch());
  server().FlushAll();
  reply = process().Read({"absent"}, /*want_epoch=*/true);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->epoch.empty());
  server().Put("ns:epoch", "seventeen bytes..");
  EXPECT_TRUE(process().Read({"absent"}, true)->epoch.empty());
  server().PutOtherType("ns:epoch");
  EXPECT_TRUE(process().Read({"absent"}, true)->epoch.empty());
}

TEST_P(StoreContract, ReadOfNothingIsEmpty) {
  absl::StatusOr<ReadReply> reply = process().Read({});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->values.empty());
  reply = process().Read({}, /*want_epoch=*/true);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->epoch, epoch());
}

TEST_P(StoreContract, ReadOfManyKeysKeepsTheirOrder) {
  std::vector<std::string> keys;
  for (int i = 0; i < 500; ++i) {
    keys.push_back(absl::StrCat("k", i));
    if (i % 3 != 0) server().Put(absl::StrCat("ns:1:k", i), absl::StrCat("value ", i));
  }
  const absl::StatusOr<ReadReply> reply = process().Read(keys, /*want_epoch=*/true);
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->values.size(), keys.size());
  EXPECT_EQ(reply->epoch, epoch());
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(reply->values[i].state, i % 3 != 0 ? State::kFound : State::kAbsent);
    EXPECT_EQ(reply->values[i].bytes.view(), i % 3 != 0 ? absl::StrCat("value ", i) : "");
  }
}

TEST_P(StoreContract, KeysAndValuesAreAnyBytes) {
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  absl::StrAppend(&all_bytes, "\r\n$5\r\n{}\r\n");
  const OperationId id = StoreValue(all_bytes, all_bytes);
  const absl::StatusOr<ReadReply> reply = process().Read({all_bytes, all_bytes.substr(0, 255)});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(PayloadOf(reply->values[0].bytes.view()), all_bytes);
  EXPECT_EQ(IdOf(reply->values[0].bytes.view()), id);
  EXPECT_EQ(reply->values[1].state, State::kAbsent);
  EXPECT_TRUE(absl::StrContains(process().WaitForMessages(1)[0], all_bytes));
}

TEST_P(StoreContract, EmptyAndLargeValuesComeBackWhole) {
  std::string large(size_t{1} << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 97) large[i] = static_cast<char>(i);
  StoreValue("large", large);
  StoreValue("empty", "");
  server().Put("ns:1:nothing", "");
  const absl::StatusOr<ReadReply> reply = process().Read({"large", "empty", "nothing"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(PayloadOf(reply->values[0].bytes.view()) == large);
  EXPECT_EQ(reply->values[1].bytes.size(), kFrameHeaderSize);
  EXPECT_EQ(reply->values[2].state, State::kFound);
  EXPECT_TRUE(reply->values[2].bytes.empty());
}

TEST_P(StoreContract, ReadGivesTheRemainingLife) {
  ChangeRequest request = process().Request(ChangeKind::kSet, "k", epoch(), "v");
  request.time_to_live = absl::Seconds(1000);
  ASSERT_EQ(process().Change(std::move(request)).status, absl::OkStatus());
  const absl::StatusOr<ReadReply> reply = process().Read({"k"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_TRUE(reply->values[0].time_to_live.has_value());
  EXPECT_GT(*reply->values[0].time_to_live, absl::Seconds(900));
  EXPECT_LE(*reply->values[0].time_to_live, absl::Seconds(1000));
}

TEST_P(StoreContract, ReadTimeToLiveAnswersForPresentKeysOnly) {
  ChangeRequest request = process().Request(ChangeKind::kSet, "limited", epoch(), "v");
  const OperationId id = request.id;
  request.time_to_live = absl::Seconds(1000);
  ASSERT_EQ(process().Change(std::move(request)).status, absl::OkStatus());
  absl::StatusOr<ReadReply> reply = process().ReadTimeToLive("limited");
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->values.size(), 1u);
  EXPECT_EQ(reply->values[0].state, State::kFound);
  EXPECT_EQ(reply->values[0].bytes.size(), kFrameHeaderSize);
  EXPECT_EQ(IdOf(reply->values[0].bytes.view()), id);
  EXPECT_GT(reply->values[0].time_to_live.value_or(absl::ZeroDuration()), absl::Seconds(900));
  EXPECT_EQ(reply->epoch, epoch());

  StoreValue("unlimited", "v");
  reply = process().ReadTimeToLive("unlimited");
  EXPECT_EQ(reply->values[0].state, State::kFound);
  EXPECT_EQ(reply->values[0].time_to_live, absl::nullopt);

  server().Put("ns:1:foreign", "no frame");
  server().Put("ns:1:other", MakeFrame({5, 5}, {6, 6}, "v"));
  server().Put("ns:1:expired", MakeFrame(epoch(), {6, 6}, "v", FrameCodec::kRaw, FrameState::kExpired));
  for (const char* key : {"absent", "foreign", "other", "expired"}) {
    reply = process().ReadTimeToLive(key);
    ASSERT_TRUE(reply.ok()) << key << reply.status();
    EXPECT_EQ(reply->values[0].state, State::kAbsent) << key;
  }
  server().PutOtherType("ns:1:hash");
  EXPECT_EQ(process().ReadTimeToLive("hash")->values[0].state, State::kWrongType);
}

// --- The lane and the epoch

TEST_P(StoreContract, ReadLaneGivesTheLastOperationAndTheEpoch) {
  // The time of a reading is that of the loop's turn, which may be the one in which the set was answered.
  const MonotonicNanos before = Clock::Real()->Now();
  const OperationId id = StoreValue("k", "v");
  const LaneReading reading = process().ReadLane();
  EXPECT_EQ(reading.status, absl::OkStatus());
  EXPECT_EQ(reading.lane, id);
  EXPECT_EQ(reading.epoch, epoch());
  EXPECT_GE(reading.sent_at, before);
  EXPECT_LE(reading.sent_at, Clock::Real()->Now());
  EXPECT_FALSE(reading.leave_server);
}

TEST_P(StoreContract, ReadLaneOfALostOrForeignRegisterIsEmpty) {
  StoreValue("k", "v");
  server().FlushAll();
  LaneReading reading = process().ReadLane();
  EXPECT_EQ(reading.status, absl::OkStatus());
  EXPECT_TRUE(reading.lane.empty());
  EXPECT_TRUE(reading.epoch.empty());
  server().Put("ns:lane", "too short");
  reading = process().ReadLane();
  EXPECT_EQ(reading.status, absl::OkStatus());
  EXPECT_TRUE(reading.lane.empty());
}

TEST_P(StoreContract, ReadLaneOfAnotherTypeIsAnErrorThatHeals) {
  server().PutOtherType("ns:lane");
  const LaneReading reading = process().ReadLane();
  EXPECT_EQ(reading.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(reading.status.message(), "ns:lane")) << reading.status;
  EXPECT_FALSE(reading.leave_server);
  EXPECT_TRUE(Eventually([&] { return process().ReadLane().status.ok(); }));
}

TEST_P(StoreContract, TheFirstEpochStaysUntilItIsLost) {
  EXPECT_EQ(*process().EnsureEpoch({7, 7}), epoch());
  EXPECT_EQ(server().Peek("ns:epoch"), epoch().ToBytes());
  server().FlushAll();
  EXPECT_EQ(*process().EnsureEpoch({7, 7}), (OperationId{7, 7}));
  server().Put("ns:epoch", "not an id");
  EXPECT_EQ(*process().EnsureEpoch({8, 8}), (OperationId{8, 8}));
  server().PutOtherType("ns:epoch");
  EXPECT_EQ(*process().EnsureEpoch({9, 9}), (OperationId{9, 9}));
  EXPECT_TRUE(process().Messages().empty());
}

TEST_P(StoreContract, EnsuringAnEpochAlsoMakesTheLaneThatIsMissing) {
  EXPECT_EQ(*process().EnsureEpoch({7, 7}), epoch());
  EXPECT_EQ(process().ReadLane().lane, (OperationId{7, 7}));
  EXPECT_EQ(*process().EnsureEpoch({8, 8}), epoch());
  EXPECT_EQ(process().ReadLane().lane, (OperationId{7, 7})) << "the lane that is there stays";
  EXPECT_TRUE(process().Messages().empty());
}

// --- Other commands

TEST_P(StoreContract, ExecuteGivesTheReplyOfAnyCommand) {
  absl::StatusOr<Reply> reply = process().Execute({"SET", "plain", "\r\nvalue"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "OK");
  EXPECT_EQ(process().Execute({"get", "plain"})->text(), "\r\nvalue");
  EXPECT_EQ(process().Execute({"EXISTS", "plain"})->integer, 1);
  EXPECT_TRUE(process().Execute({"GET", "absent"})->is_nil());
  server().PutOtherType("hash");
  reply = process().Execute({"GET", "hash"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->is_error());
  EXPECT_TRUE(absl::StartsWith(reply->text(), "WRONGTYPE"));
}

TEST_P(StoreContract, ExecuteRefusesWhatWouldChangeOrBlockTheConnection) {
  const std::vector<std::vector<std::string>> refused = {{},
                                                         {""},
                                                         {"SUBSCRIBE", "c"},
                                                         {"select", "1"},
                                                         {"MULTI"},
                                                         {"Auth", "secret"},
                                                         {"HELLO"},
                                                         {"QUIT"},
                                                         {"RESET"},
                                                         {"CLIENT", "REPLY", "OFF"},
                                                         {"MONITOR"},
                                                         {"BLPOP", "k", "0"},
                                                         {"WATCH", "k"},
                                                         {"WAIT", "1", "0"},
                                                         {"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}};
  for (const std::vector<std::string>& arguments : refused) {
    const absl::StatusOr<Reply> reply = process().Execute(arguments);
    EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(absl::StrContains(reply.status().message(), "secret"));
  }
  EXPECT_EQ(process().Execute({"PING"})->text(), "PONG");
}

}  // namespace
}  // namespace nearcache::internal::remote
