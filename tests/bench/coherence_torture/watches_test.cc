// What is judged of a process rather than of a read: C5, C6, and what readers saw of writes without an answer.

#include <cstdint>
#include <vector>

#include "bench/coherence_torture/loss_watch.h"
#include "bench/coherence_torture/recovery_watch.h"
#include "bench/coherence_torture/sightings.h"
#include "bench/support/clock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;
constexpr int64_t kMilli = kNanosPerMilli;

class LossWatchTest : public testing::Test {
 protected:
  using Finding = LossWatch::Finding;

  Finding Look(int64_t at_millis, uint64_t generations, bool open, int64_t heard_until_millis, bool losing = false) {
    return watch_.OnLook({at_millis * kMilli, generations, open, heard_until_millis * kMilli, stalled_nanos_}, losing);
  }
  void Lose(int64_t begun_millis, int64_t ended_millis) { watch_.OnLoss(begun_millis * kMilli, ended_millis * kMilli); }

  int64_t stalled_nanos_ = 0;
  LossWatch watch_{500 * kMilli};
};

TEST_F(LossWatchTest, NewGenerationIsNotice) {
  Look(1000, 3, true, 990);
  Lose(1001, 1002);
  EXPECT_EQ(Look(1010, 3, true, 1000), Finding::kNothing);
  EXPECT_EQ(Look(1020, 4, false, 1000), Finding::kNoticed);
  EXPECT_EQ(Look(1030, 4, true, 1025), Finding::kNothing) << "told once";
}

TEST_F(LossWatchTest, LeaseThatVouchesForLaterWithoutANewGenerationIsAViolation) {
  Look(1000, 3, true, 990);
  Lose(1001, 1002);
  EXPECT_EQ(Look(1010, 3, true, 1003), Finding::kNothing) << "the count may have been read a moment too early";
  EXPECT_EQ(Look(1020, 3, true, 1003), Finding::kUnnoticed);
}

TEST_F(LossWatchTest, NoNewGenerationWithinBoundAndReconnectTimeIsAViolation) {
  Look(1000, 3, true, 990);
  Lose(1001, 1002);
  EXPECT_EQ(Look(1502, 3, false, 1000), Finding::kNothing);
  EXPECT_EQ(Look(1503, 3, false, 1000), Finding::kLate);
}

TEST_F(LossWatchTest, TimeInWhichItCouldNotRunIsNotCounted) {
  Look(1000, 3, true, 990);
  Lose(1001, 1002);
  stalled_nanos_ = 200 * kMilli;
  EXPECT_EQ(Look(2302, 3, false, 1000), Finding::kNothing);
  EXPECT_EQ(watch_.allowed_nanos(), 1300 * kMilli);
  EXPECT_EQ(Look(2303, 3, false, 1000), Finding::kLate);
}

TEST_F(LossWatchTest, WhoWasStoppedIsNotBlamedBeforeTheStopIsMeasured) {
  const auto look = [](int64_t at_millis, uint64_t generations, int64_t stalled_millis) {
    return CoherenceLook{at_millis * kMilli, generations, false, 1000 * kMilli, stalled_millis * kMilli};
  };
  EXPECT_FALSE(watch_.IsLate(look(9000, 3, 0))) << "nothing was lost";
  Look(1000, 3, true, 990);
  Lose(1001, 1002);
  EXPECT_FALSE(watch_.IsLate(look(1502, 3, 0)));
  EXPECT_TRUE(watch_.IsLate(look(4000, 3, 0)));
  EXPECT_FALSE(watch_.IsLate(look(4000, 4, 0))) << "noticed";
  EXPECT_FALSE(watch_.IsLate(look(4000, 3, 2400)));
  stalled_nanos_ = 2400 * kMilli;
  EXPECT_EQ(Look(4000, 3, false, 1000), Finding::kNothing);
}

TEST_F(LossWatchTest, ClosedMemoryHasNothingToNotice) {
  Look(1000, 3, false, 500);
  Lose(1001, 1002);
  EXPECT_EQ(Look(5000, 3, true, 4990), Finding::kNothing);
  EXPECT_EQ(Look(5010, 3, true, 5000), Finding::kNothing);
}

TEST_F(LossWatchTest, LookBetweenBeginAndEndDoesNotHideTheOneBefore) {
  Look(1000, 3, true, 990);
  Look(1010, 4, false, 1000, /*losing=*/true);
  Lose(1005, 1100);
  EXPECT_EQ(Look(1110, 4, false, 1000), Finding::kNoticed);
}

TEST_F(LossWatchTest, LookThatCrossedTheBeginDoesNotHideTheOneBefore) {
  Look(1000, 3, true, 990);
  Look(1006, 3, true, 1000);
  Lose(1005, 1100);
  EXPECT_EQ(Look(1110, 4, false, 1000), Finding::kNoticed);
}

class RecoveryWatchTest : public testing::Test {
 protected:
  using Lack = RecoveryWatch::Lack;

  RecoveryWatchTest() {
    look_.open = true;
    look_.has_baseline = true;
    look_.now = look_.baseline = {10, 5, 1 << 20};
  }

  // A second passes, with so many reads.
  Lack Look(uint64_t hits, uint64_t reads) {
    look_.at_nanos += kSecond;
    look_.hits += hits;
    look_.reads += reads;
    watch_.OnLook(look_);
    return watch_.verdict().lack;
  }

  RecoveryLook look_;
  RecoveryWatch watch_{kSecond};
};

TEST_F(RecoveryWatchTest, AsBeforeIsRecovered) {
  EXPECT_EQ(Look(0, 0), Lack::kNotSeen) << "one look shows no rate";
  EXPECT_EQ(Look(950, 1000), Lack::kNothing);
  EXPECT_TRUE(watch_.recovered());
  EXPECT_EQ(Look(0, 1000), Lack::kNothing) << "it was, in time";
}

TEST_F(RecoveryWatchTest, NamesWhatIsLacking) {
  Look(0, 0);
  look_.open = false;
  EXPECT_EQ(Look(1000, 1000), Lack::kMemoryClosed);
  look_.open = true;
  EXPECT_EQ(Look(890, 1000), Lack::kFewHits);
  EXPECT_EQ(watch_.verdict().amount, 890);
  EXPECT_EQ(Look(50, 50), Lack::kFewHits) << "too few to say";
  look_.now.descriptors = 11;
  EXPECT_EQ(Look(1000, 1000), Lack::kDescriptors);
  look_.now = look_.baseline;
  look_.now.threads = 6;
  EXPECT_EQ(Look(1000, 1000), Lack::kThreads);
  look_.now = look_.baseline;
  look_.now.heap_bytes += (4 << 20) + 1;
  EXPECT_EQ(Look(1000, 1000), Lack::kHeap);
  EXPECT_FALSE(watch_.recovered());
  look_.now.heap_bytes -= 1;
  EXPECT_EQ(Look(1000, 1000), Lack::kNothing);
}

TEST_F(RecoveryWatchTest, WithoutABaselineGrowthIsNotJudged) {
  look_.has_baseline = false;
  look_.now.descriptors = 1000;
  Look(0, 0);
  EXPECT_EQ(Look(1000, 1000), Lack::kNothing);
}

TEST_F(RecoveryWatchTest, DeadlineIsFiveSecondsAndWhatItCouldNotRun) {
  EXPECT_EQ(watch_.deadline_nanos(), 6 * kSecond);
  Look(0, 0);
  look_.stalled_nanos = kSecond / 2;
  Look(0, 1000);
  EXPECT_EQ(watch_.deadline_nanos(), 8 * kSecond);
  EXPECT_FALSE(watch_.starved());
  look_.stalled_nanos = 1000 * kSecond;
  Look(0, 1000);
  EXPECT_EQ(watch_.deadline_nanos(), 66 * kSecond) << "but an end there is";
  EXPECT_TRUE(watch_.starved());
}

class SightingsTest : public testing::Test {
 protected:
  SightingsTest() : memory_(Sightings::BytesNeeded(4) / sizeof(uint64_t)), sightings_(memory_.data(), kStart) {}

  static constexpr int64_t kStart = 50 * kSecond;
  std::vector<uint64_t> memory_;
  Sightings sightings_;
};

TEST_F(SightingsTest, VersionSeenUnderWayIsKeptWhenItsWriteEndsWithoutAnAnswer) {
  EXPECT_FALSE(sightings_.SeenInFlight(2, 7));
  sightings_.NoteInFlight(2, 7, kStart + kSecond);
  EXPECT_TRUE(sightings_.SeenInFlight(2, 7));
  EXPECT_EQ(sightings_.SeenNanos(2, 7), 0) << "its outcome is not known yet";
  sightings_.MarkUnknown(2, 7);
  EXPECT_GE(sightings_.SeenNanos(2, 7), kStart + kSecond);
  EXPECT_LE(sightings_.SeenNanos(2, 7), kStart + kSecond + kMilli);
  EXPECT_EQ(sightings_.SeenNanos(1, 7), 0);
}

TEST_F(SightingsTest, FirstSightCountsAndNewerVersionsTakeItsPlace) {
  sightings_.NoteUnknown(0, 3, kStart + kSecond);
  const int64_t first_nanos = sightings_.SeenNanos(0, 3);
  sightings_.NoteUnknown(0, 3, kStart + 2 * kSecond);
  EXPECT_EQ(sightings_.SeenNanos(0, 3), first_nanos);
  sightings_.NoteUnknown(0, 5, kStart + 3 * kSecond);
  EXPECT_EQ(sightings_.SeenNanos(0, 3), 0) << "forgotten, which errs on the side of the cache";
  sightings_.NoteUnknown(0, 4, kStart + 4 * kSecond);
  EXPECT_EQ(sightings_.SeenNanos(0, 5), first_nanos + 2 * kSecond);
}

TEST_F(SightingsTest, UnseenVersionOfAWriteWithoutAnAnswerStaysUnseen) {
  sightings_.NoteInFlight(2, 6, kStart + kSecond);
  sightings_.MarkUnknown(2, 7);
  EXPECT_EQ(sightings_.SeenNanos(2, 7), 0);
}

}  // namespace
}  // namespace nearcache::bench::torture
