// What a reading of the lane asks, and in which order.

#include "nearcache/internal/remote/read_replies.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/value.h"

namespace nearcache::internal::remote {
namespace {

const ScriptNames kNames{"the-lane", "the-epoch", "the-missing", "the-channel"};
constexpr OperationId kLane{1, 2};
constexpr OperationId kEpoch{3, 4};

Reply Bytes(const std::string& bytes) {
  Reply reply;
  reply.type = Reply::Type::kString;
  reply.string = Value::Copy(bytes);
  return reply;
}

Reply Integer(int64_t integer) {
  Reply reply;
  reply.type = Reply::Type::kInteger;
  reply.integer = integer;
  return reply;
}

// A Clear that is executed between the two must be told behind the epoch that was read; the coherence protocol rests on
// it (Store::ReadLane, and the mutant lane_first of the simulation).
TEST(ReadRepliesTest, AReadingTakesTheEpochBeforeTheLane) {
  const std::string bytes = LaneOperation(kNames).bytes;
  const size_t missing = bytes.find(kNames.missing_key);
  const size_t epoch = bytes.find(kNames.epoch_key);
  const size_t lane = bytes.find(kNames.lane_key);
  ASSERT_NE(lane, std::string::npos);
  EXPECT_LT(missing, epoch);
  EXPECT_LT(epoch, lane);

  OperationResult result;
  result.replies.push_back(Integer(0));
  result.replies.push_back(Bytes(kEpoch.ToBytes()));
  result.replies.push_back(Bytes(kLane.ToBytes()));
  const LaneReading reading = ParseLane(kNames, result);
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  EXPECT_EQ(reading.epoch, kEpoch);
  EXPECT_EQ(reading.lane, kLane);
}

}  // namespace
}  // namespace nearcache::internal::remote
