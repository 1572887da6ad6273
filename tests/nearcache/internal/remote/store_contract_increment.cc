// Contract: kIncrement, to the last of 64 bits.

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

std::string NumberFrame(OperationId epoch, absl::string_view digits) {
  return MakeFrame(epoch, {6, 6}, absl::StrCat(digits, " ", digits), FrameCodec::kInteger);
}

TEST_P(StoreContract, IncrementCreatesFromZeroWithItsLife) {
  ChangeRequest request = process().Increment("n", epoch(), 5);
  const OperationId id = request.id;
  request.time_to_live = absl::Seconds(1000);
  ChangeResult result = process().Change(std::move(request));
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_TRUE(result.applied);
  EXPECT_EQ(result.integer, 5);
  EXPECT_EQ(server().Peek("ns:1:n"), MakeFrame(epoch(), id, "5 5", FrameCodec::kInteger));
  EXPECT_TRUE(server().PeekTimeToLive("ns:1:n").has_value());
  result = process().Change(process().Increment("other", epoch(), kMin));
  EXPECT_EQ(result.integer, kMin);
  EXPECT_EQ(server().PeekTimeToLive("ns:1:other"), absl::nullopt);
}

TEST_P(StoreContract, IncrementOfAPresentNumberKeepsItsLife) {
  ChangeRequest request = process().Increment("n", epoch(), 5);
  request.time_to_live = absl::Seconds(1000);
  ASSERT_TRUE(process().Change(std::move(request)).applied);
  request = process().Increment("n", epoch(), -12);
  const OperationId id = request.id;
  request.time_to_live = absl::Hours(1000);
  request.create = false;
  const ChangeResult result = process().Change(std::move(request));
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_EQ(result.integer, -7);
  EXPECT_EQ(server().Peek("ns:1:n"), MakeFrame(epoch(), id, "-7 -7", FrameCodec::kInteger));
  EXPECT_LE(server().PeekTimeToLive("ns:1:n").value_or(absl::ZeroDuration()), absl::Seconds(1000));
  EXPECT_GT(server().PeekTimeToLive("ns:1:n").value_or(absl::ZeroDuration()), absl::Seconds(900));
  ASSERT_TRUE(process().Change(process().Request(ChangeKind::kPersist, "n", epoch())).applied);
  request = process().Increment("n", epoch(), 1);
  request.time_to_live = absl::Seconds(1);
  EXPECT_EQ(process().Change(std::move(request)).integer, -6);
  EXPECT_EQ(server().PeekTimeToLive("ns:1:n"), absl::nullopt);
}

TEST_P(StoreContract, IncrementWithoutCreateLeavesAbsentKeysAbsent) {
  const std::string old_epoch = NumberFrame({5, 5}, "1");
  const std::string expired = MakeFrame(epoch(), {6, 6}, "1 1", FrameCodec::kInteger, FrameState::kExpired);
  for (const std::string& bytes : {std::string(), old_epoch, expired}) {
    if (!bytes.empty()) server().Put("ns:1:n", bytes);
    ChangeRequest request = process().Increment("n", epoch(), 5);
    request.create = false;
    const ChangeResult result = process().Change(std::move(request));
    EXPECT_EQ(result.status, absl::OkStatus());
    EXPECT_FALSE(result.applied);
    EXPECT_EQ(server().Peek("ns:1:n"), bytes.empty() ? absl::nullopt : absl::make_optional(bytes));
  }
  EXPECT_TRUE(process().ReadLane().lane.empty());
  EXPECT_EQ(process().Change(process().Increment("n", epoch(), 5)).integer, 5);
}

TEST_P(StoreContract, IncrementIsExactAtEveryEdge) {
  const std::vector<int64_t> edges = {0,
                                      1,
                                      -1,
                                      999'999'999,
                                      1'000'000'000,
                                      -1'000'000'000,
                                      -999'999'999,
                                      (int64_t{1} << 53) - 1,
                                      int64_t{1} << 53,
                                      (int64_t{1} << 53) + 1,
                                      -(int64_t{1} << 53) - 1,
                                      9'223'372'036'000'000'000,
                                      -9'223'372'036'000'000'000,
                                      kMax - 1,
                                      kMax,
                                      kMin + 1,
                                      kMin};
  for (const int64_t number : edges) {
    for (const int64_t delta : edges) {
      const std::string frame = NumberFrame(epoch(), absl::StrCat(number));
      server().Put("ns:1:n", frame);
      const ChangeResult result = process().Change(process().Increment("n", epoch(), delta));
      int64_t sum = 0;
      if (__builtin_add_overflow(number, delta, &sum)) {
        EXPECT_EQ(result.status.code(), absl::StatusCode::kOutOfRange) << number << " + " << delta;
        EXPECT_FALSE(result.unknown);
        EXPECT_EQ(server().Peek("ns:1:n"), frame);
      } else {
        EXPECT_EQ(result.status, absl::OkStatus()) << number << " + " << delta;
        EXPECT_EQ(result.integer, sum) << number << " + " << delta;
        EXPECT_EQ(PayloadOf(*server().Peek("ns:1:n")), absl::StrCat(sum, " ", sum)) << number << " + " << delta;
      }
    }
  }
}

TEST_P(StoreContract, IncrementIsExactForRandomNumbers) {
  std::mt19937_64 random(20240722);
  for (int i = 0; i < 300; ++i) {
    // Of every length.
    const int64_t number = static_cast<int64_t>(random()) >> (random() % 63);
    const int64_t delta = static_cast<int64_t>(random()) >> (random() % 63);
    int64_t sum = 0;
    if (__builtin_add_overflow(number, delta, &sum)) continue;
    server().Put("ns:1:n", NumberFrame(epoch(), absl::StrCat(number)));
    EXPECT_EQ(process().Change(process().Increment("n", epoch(), delta)).integer, sum) << number << " + " << delta;
  }
}

TEST_P(StoreContract, IncrementRefusesWhatIsNoNumber) {
  std::vector<std::string> frames = {MakeFrame(epoch(), {6, 6}, "5"), MakeFrame(epoch(), {6, 6}, "text"),
                                     NumberFrame(epoch(), "5").substr(0, 40)};
  for (const char* digits : {"", "-", "+5", "05", "-0", "00", " 5", "5 ", "5\n", "1e3", "0x10", "12345678901234567890",
                             "9223372036854775808", "-9223372036854775809", "-99999999999999999999", "5.0"}) {
    frames.push_back(NumberFrame(epoch(), digits));
  }
  for (const char* payload : {"5", "5 6", "55", "5 5 5"}) {
    frames.push_back(MakeFrame(epoch(), {6, 6}, payload, FrameCodec::kInteger));
  }
  frames.push_back(NumberFrame(epoch(), std::string(1000, '1')));
  for (const std::string& frame : frames) {
    server().Put("ns:1:n", frame);
    const ChangeResult result = process().Change(process().Increment("n", epoch(), 1));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kFailedPrecondition) << PayloadOf(frame);
    EXPECT_TRUE(absl::StrContains(result.status.message(), "ns:1:n"));
    EXPECT_FALSE(result.unknown);
    EXPECT_EQ(server().Peek("ns:1:n"), frame);
  }
  EXPECT_TRUE(process().ReadLane().lane.empty());
}

TEST_P(StoreContract, IncrementsOfManyProcessesAddUp) {
  Process second(harness_.get(), 2);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(process().Change(process().Increment("n", epoch(), 3)).applied);
    EXPECT_TRUE(second.Change(second.Increment("n", epoch(), -1)).applied);
  }
  EXPECT_EQ(PayloadOf(*server().Peek("ns:1:n")), "100 100");
}

}  // namespace
}  // namespace nearcache::internal::remote
