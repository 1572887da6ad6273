// Contract: each kind of change, its condition, its effect on bytes and life.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

constexpr ChangeKind kAllKinds[] = {ChangeKind::kSet,    ChangeKind::kAdd,      ChangeKind::kReplace,
                                    ChangeKind::kDelete, ChangeKind::kTouch,    ChangeKind::kPersist,
                                    ChangeKind::kExpire, ChangeKind::kIncrement};
constexpr ChangeKind kFrameKinds[] = {ChangeKind::kSet, ChangeKind::kAdd, ChangeKind::kReplace, ChangeKind::kIncrement};

// Bytes that are in the way without being present.
std::vector<std::string> NotPresent(OperationId epoch) {
  return {"",
          "no frame",
          MakeFrame({5, 5}, {6, 6}, "of another epoch"),
          MakeFrame(epoch, {6, 6}, "expired", FrameCodec::kRaw, FrameState::kExpired),
          MakeFrame(epoch, {6, 6}, "cut").substr(0, 23),
          absl::StrCat("\xC4N\x02", MakeFrame(epoch, {6, 6}, "of another version").substr(3))};
}

TEST_P(StoreContract, SetStoresTheFrameAndItsLife) {
  ChangeRequest request = process().Request(ChangeKind::kSet, "k", epoch(), "v");
  request.time_to_live = absl::Seconds(1000);
  const std::string frame = request.value;
  const ChangeResult result = process().Change(std::move(request));
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_TRUE(result.applied);
  EXPECT_FALSE(result.unknown);
  EXPECT_EQ(server().Peek("ns:1:k"), frame);
  EXPECT_GT(server().PeekTimeToLive("ns:1:k").value_or(absl::ZeroDuration()), absl::Seconds(900));
  // A later set without a life takes the old one away.
  StoreValue("k", "w");
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "w");
  EXPECT_EQ(server().PeekTimeToLive("ns:1:k"), absl::nullopt);
}

TEST_P(StoreContract, LivesAreRoundedUpAndCapped) {
  ChangeRequest request = process().Request(ChangeKind::kSet, "short", epoch(), "v");
  request.time_to_live = absl::Nanoseconds(1);
  EXPECT_EQ(process().Change(std::move(request)).status, absl::OkStatus());
  EXPECT_TRUE(Eventually([&] { return !server().Peek("ns:1:short").has_value(); }));
  request = process().Request(ChangeKind::kSet, "long", epoch(), "v");
  request.time_to_live = absl::Hours(24 * 365) * 1'000'000;
  EXPECT_EQ(process().Change(std::move(request)).status, absl::OkStatus());
  EXPECT_GT(server().PeekTimeToLive("ns:1:long").value_or(absl::ZeroDuration()), absl::Hours(24 * 365) * 99);
  request = process().Request(ChangeKind::kSet, "infinite", epoch(), "v");
  request.time_to_live = absl::InfiniteDuration();
  EXPECT_EQ(process().Change(std::move(request)).status, absl::OkStatus());
  EXPECT_EQ(server().PeekTimeToLive("ns:1:infinite"), absl::nullopt);
}

TEST_P(StoreContract, ImpossibleRequestsAreRefusedBeforeTheyLeave) {
  std::vector<ChangeRequest> requests;
  for (const absl::Duration life : {absl::ZeroDuration(), absl::Seconds(-1), -absl::InfiniteDuration()}) {
    for (const ChangeKind kind : {ChangeKind::kSet, ChangeKind::kTouch, ChangeKind::kIncrement}) {
      requests.push_back(process().Request(kind, "named", epoch(), "v"));
      requests.back().time_to_live = life;
    }
  }
  requests.push_back(process().Request(ChangeKind::kSet, "named", epoch(), "v"));
  requests.back().value.resize(kFrameHeaderSize - 1);
  requests.push_back(process().Request(ChangeKind::kDelete, "named", epoch()));
  requests.back().id = OperationId();
  for (ChangeRequest& request : requests) {
    const ChangeResult result = process().Change(std::move(request));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(result.status.message(), "named")) << result.status;
    EXPECT_FALSE(result.unknown);
  }
  ChangeRequest without_key = process().Request(ChangeKind::kSet, "k", epoch(), "v");
  without_key.redis_key.clear();
  EXPECT_EQ(process().Change(std::move(without_key)).status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(process().ReadLane().lane.empty());
}

TEST_P(StoreContract, AddStoresOnlyWhereNothingIsPresent) {
  std::vector<std::string> in_the_way = NotPresent(epoch());
  for (size_t i = 0; i < in_the_way.size(); ++i) {
    const std::string key = absl::StrCat("k", i);
    if (i > 0) server().Put(absl::StrCat("ns:1:", key), in_the_way[i]);
    ChangeRequest request = process().Request(ChangeKind::kAdd, key, epoch(), "new");
    request.time_to_live = absl::Seconds(1000);
    const ChangeResult result = process().Change(std::move(request));
    EXPECT_EQ(result.status, absl::OkStatus());
    EXPECT_TRUE(result.applied) << i;
    EXPECT_EQ(PayloadOf(*server().Peek(absl::StrCat("ns:1:", key))), "new") << i;
    EXPECT_TRUE(server().PeekTimeToLive(absl::StrCat("ns:1:", key)).has_value()) << i;
  }
  const ChangeResult again = process().Change(process().Request(ChangeKind::kAdd, "k0", epoch(), "newer"));
  EXPECT_EQ(again.status, absl::OkStatus());
  EXPECT_FALSE(again.applied);
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k0")), "new");
  EXPECT_TRUE(server().PeekTimeToLive("ns:1:k0").has_value());
}

TEST_P(StoreContract, ReplaceTouchPersistAndExpireNeedAPresentKey) {
  const std::vector<std::string> in_the_way = NotPresent(epoch());
  for (const ChangeKind kind : {ChangeKind::kReplace, ChangeKind::kTouch, ChangeKind::kPersist, ChangeKind::kExpire}) {
    for (size_t i = 0; i < in_the_way.size(); ++i) {
      const std::string key = absl::StrCat("ns:1:k", i);
      if (i > 0) server().Put(key, in_the_way[i]);
      const ChangeResult result = process().Change(process().Request(kind, absl::StrCat("k", i), epoch(), "new"));
      EXPECT_EQ(result.status, absl::OkStatus());
      EXPECT_FALSE(result.applied) << i;
      EXPECT_EQ(server().Peek(key), i > 0 ? absl::make_optional(in_the_way[i]) : absl::nullopt) << i;
    }
  }
  EXPECT_TRUE(process().ReadLane().lane.empty());
}

TEST_P(StoreContract, ReplaceStoresTheNewFrameAndLife) {
  StoreValue("k", "old");
  ChangeRequest request = process().Request(ChangeKind::kReplace, "k", epoch(), "new");
  request.time_to_live = absl::Seconds(1000);
  EXPECT_TRUE(process().Change(std::move(request)).applied);
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:k")), "new");
  EXPECT_TRUE(server().PeekTimeToLive("ns:1:k").has_value());
}

TEST_P(StoreContract, TouchAndPersistChangeTheLifeAlone) {
  StoreValue("k", "v");
  const absl::optional<std::string> frame = server().Peek("ns:1:k");
  ChangeRequest touch = process().Request(ChangeKind::kTouch, "k", epoch());
  touch.time_to_live = absl::Seconds(1000);
  EXPECT_TRUE(process().Change(std::move(touch)).applied);
  EXPECT_GT(server().PeekTimeToLive("ns:1:k").value_or(absl::ZeroDuration()), absl::Seconds(900));
  EXPECT_TRUE(process().Change(process().Request(ChangeKind::kPersist, "k", epoch())).applied);
  EXPECT_EQ(server().PeekTimeToLive("ns:1:k"), absl::nullopt);
  // Also where there is nothing to take away any more: the key is present.
  EXPECT_TRUE(process().Change(process().Request(ChangeKind::kPersist, "k", epoch())).applied);
  touch = process().Request(ChangeKind::kTouch, "k", epoch());
  touch.time_to_live = absl::InfiniteDuration();
  EXPECT_TRUE(process().Change(std::move(touch)).applied);
  EXPECT_EQ(server().PeekTimeToLive("ns:1:k"), absl::nullopt);
  EXPECT_EQ(server().Peek("ns:1:k"), frame);
}

TEST_P(StoreContract, ExpireKeepsTheBytesAndTheLife) {
  ChangeRequest request = process().Request(ChangeKind::kSet, "k", epoch(), "v");
  request.time_to_live = absl::Seconds(1000);
  std::string frame = request.value;
  ASSERT_TRUE(process().Change(std::move(request)).applied);
  EXPECT_TRUE(process().Change(process().Request(ChangeKind::kExpire, "k", epoch())).applied);
  frame[kFrameStateOffset] = static_cast<char>(FrameState::kExpired);
  EXPECT_EQ(server().Peek("ns:1:k"), frame);
  EXPECT_TRUE(server().PeekTimeToLive("ns:1:k").has_value());
  EXPECT_FALSE(process().Change(process().Request(ChangeKind::kExpire, "k", epoch())).applied);
}

TEST_P(StoreContract, DeleteRemovesAnythingAndSaysWhetherItWasPresent) {
  StoreValue("k", "v");
  EXPECT_TRUE(process().Change(process().Request(ChangeKind::kDelete, "k", epoch())).applied);
  EXPECT_EQ(server().Peek("ns:1:k"), absl::nullopt);
  for (const std::string& bytes : NotPresent(epoch())) {
    if (!bytes.empty()) server().Put("ns:1:k", bytes);
    const ChangeResult result = process().Change(process().Request(ChangeKind::kDelete, "k", epoch()));
    EXPECT_EQ(result.status, absl::OkStatus());
    EXPECT_FALSE(result.applied);
    EXPECT_EQ(server().Peek("ns:1:k"), absl::nullopt);
  }
  EXPECT_EQ(process().WaitForMessages(8).size(), 8u);
}

// --- The epoch

TEST_P(StoreContract, ClearGivesTheNamespaceANewEpoch) {
  StoreValue("k", "v");
  ChangeRequest clear = process().Request(ChangeKind::kClear, "", epoch());
  const OperationId id = clear.id;
  const ChangeResult result = process().Change(std::move(clear));
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_TRUE(result.applied);
  EXPECT_EQ(process().Read({}, true)->epoch, id);
  const LaneReading reading = process().ReadLane();
  EXPECT_EQ(reading.epoch, id);
  EXPECT_EQ(reading.lane, id);
  EXPECT_EQ(process().ReadTimeToLive("k")->values[0].state, Fetched::State::kAbsent);
  EXPECT_TRUE(server().Peek("ns:1:k").has_value());
  EXPECT_TRUE(process().Change(process().Request(ChangeKind::kAdd, "k", id, "w")).applied);
}

TEST_P(StoreContract, AFrameOfAnotherEpochIsRefusedAndNothingHappens) {
  const OperationId before = StoreValue("k", "v");
  const OperationId number = process().NextId();
  for (const ChangeKind kind : kFrameKinds) {
    const ChangeResult result = process().Change(process().Request(kind, "k", {5, 5}, "new"));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kAborted);
    EXPECT_TRUE(absl::StrContains(result.status.message(), "ns:1:k"));
    EXPECT_FALSE(result.unknown);
    EXPECT_FALSE(result.applied);
    EXPECT_EQ(result.epoch, epoch());
    // The same with the epoch that was given works.
    if (kind != ChangeKind::kIncrement) {
      ChangeRequest again = process().Request(kind, absl::StrCat("again", static_cast<int>(kind)), result.epoch, "v");
      EXPECT_EQ(process().Change(std::move(again)).status, absl::OkStatus());
    }
  }
  EXPECT_EQ(IdOf(*server().Peek("ns:1:k")), before);
  EXPECT_NE(number, before);
}

TEST_P(StoreContract, WithoutAnEpochNothingIsPresentAndFramesAreRefused) {
  StoreValue("k", "v");
  const absl::optional<std::string> frame = server().Peek("ns:1:k");
  for (const char* stored : {"", "not an id", "seventeen bytes.."}) {
    server().FlushAll();
    server().Put("ns:1:k", *frame);
    if (*stored != '\0') server().Put("ns:epoch", stored);
    for (const ChangeKind kind : kFrameKinds) {
      const ChangeResult result = process().Change(process().Request(kind, "k", epoch(), "new"));
      EXPECT_EQ(result.status.code(), absl::StatusCode::kAborted);
      EXPECT_TRUE(result.epoch.empty());
    }
    for (const ChangeKind kind : {ChangeKind::kTouch, ChangeKind::kPersist, ChangeKind::kExpire}) {
      const ChangeResult result = process().Change(process().Request(kind, "k", epoch()));
      EXPECT_EQ(result.status, absl::OkStatus());
      EXPECT_FALSE(result.applied);
    }
    EXPECT_EQ(process().ReadTimeToLive("k")->values[0].state, Fetched::State::kAbsent);
    EXPECT_EQ(server().Peek("ns:1:k"), frame);
    EXPECT_TRUE(process().ReadLane().lane.empty());
    const ChangeResult removed = process().Change(process().Request(ChangeKind::kDelete, "k", epoch()));
    EXPECT_EQ(removed.status, absl::OkStatus());
    EXPECT_FALSE(removed.applied);
    EXPECT_EQ(server().Peek("ns:1:k"), absl::nullopt);
  }
}

TEST_P(StoreContract, ClearHealsAnEpochOfAnotherType) {
  server().PutOtherType("ns:epoch");
  const ChangeResult refused = process().Change(process().Request(ChangeKind::kSet, "k", epoch(), "v"));
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kAborted);
  ChangeRequest clear = process().Request(ChangeKind::kClear, "", epoch());
  const OperationId id = clear.id;
  EXPECT_EQ(process().Change(std::move(clear)).status, absl::OkStatus());
  EXPECT_EQ(process().Read({}, true)->epoch, id);
}

// --- Other types

TEST_P(StoreContract, AKeyOfAnotherTypeIsRefusedAndKept) {
  server().PutOtherType("ns:1:hash");
  for (const ChangeKind kind : kAllKinds) {
    if (kind == ChangeKind::kSet || kind == ChangeKind::kDelete) continue;
    const ChangeResult result = process().Change(process().Request(kind, "hash", epoch(), "v"));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kFailedPrecondition) << static_cast<int>(kind);
    EXPECT_TRUE(absl::StrContains(result.status.message(), "ns:1:hash")) << result.status;
    EXPECT_FALSE(result.unknown);
  }
  EXPECT_TRUE(server().HoldsOtherType("ns:1:hash"));
  EXPECT_TRUE(process().ReadLane().lane.empty());
}

TEST_P(StoreContract, SetAndDeleteDoNotLookAtTheType) {
  server().PutOtherType("ns:1:hash");
  EXPECT_EQ(process().Change(process().Request(ChangeKind::kSet, "hash", epoch(), "v")).status, absl::OkStatus());
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:hash")), "v");
  server().PutOtherType("ns:1:hash");
  const ChangeResult removed = process().Change(process().Request(ChangeKind::kDelete, "hash", epoch()));
  EXPECT_EQ(removed.status, absl::OkStatus());
  EXPECT_FALSE(removed.applied);
  EXPECT_EQ(server().Peek("ns:1:hash"), absl::nullopt);
}

}  // namespace
}  // namespace nearcache::internal::remote
