#include "nearcache/internal/base/clock.h"

#include <time.h>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/fake_clock.h"

namespace nearcache::internal {
namespace {

TEST(AddDurationTest, AddsNanoseconds) {
  EXPECT_EQ(AddDuration(5, absl::Nanoseconds(7)), 12);
  EXPECT_EQ(AddDuration(5, absl::Nanoseconds(-7)), -2);
}

TEST(AddDurationTest, InfiniteAndHugeDurationsGiveNever) {
  EXPECT_EQ(AddDuration(5, absl::InfiniteDuration()), kNever);
  EXPECT_EQ(AddDuration(kNever - 1, absl::Seconds(1)), kNever);
  EXPECT_EQ(AddDuration(kNever, absl::Nanoseconds(1)), kNever);
}

TEST(RealClockTest, CoarseTimeIsNeverAheadAndLagsByTheStatedLagAtMost) {
  const Clock& clock = *Clock::Real();
  for (int i = 0; i < 10'000; ++i) {
    const MonotonicNanos before = clock.Now();
    const MonotonicNanos coarse = clock.NowCoarse();
    EXPECT_LE(coarse, clock.Now());
    EXPECT_LE(before - coarse, clock.CoarseLagNanos());
  }
}

TEST(RealClockTest, LagIsTwiceTheKernelsResolution) {
  timespec resolution;
  ASSERT_EQ(clock_getres(CLOCK_MONOTONIC_COARSE, &resolution), 0);
  EXPECT_EQ(Clock::Real()->CoarseLagNanos(), 2 * resolution.tv_nsec);
  EXPECT_GT(Clock::Real()->CoarseLagNanos(), 0);
}

TEST(FakeClockTest, StandsStillUntilItIsMoved) {
  FakeClock clock(100);
  EXPECT_EQ(clock.Now(), 100);
  EXPECT_EQ(clock.NowCoarse(), 100);
  EXPECT_EQ(clock.CoarseLagNanos(), 0);
  clock.Advance(absl::Nanoseconds(11));
  EXPECT_EQ(clock.Now(), 111);
  EXPECT_EQ(clock.NowCoarse(), 111);
}

TEST(FakeClockTest, SuspensionDoesNotMoveTheMonotonicClock) {
  FakeClock clock(100);
  clock.Suspend(absl::Seconds(3));
  EXPECT_EQ(clock.Now(), 100);
  EXPECT_EQ(clock.SuspendedNanos(), 3'000'000'000);
}

}  // namespace
}  // namespace nearcache::internal
