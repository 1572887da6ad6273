// Entries that end: by their time to live, by jitter, by an idle time-out; and their memory, which comes back unasked.

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/local/local_tier.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

// A step of the table's deadlines, by which expired memory may be late.
constexpr absl::Duration kTick = absl::Milliseconds(68);

class LocalTierExpiryTest : public TierTest {
 protected:
  LocalTierExpiryTest() { options_.staleness_bound = absl::InfiniteDuration(); }

  void PutMany(int count, absl::string_view prefix, MonotonicNanos expires_at) {
    for (int i = 0; i < count; ++i) Put(absl::StrCat(prefix, i), "v", expires_at);
  }
};

TEST_F(LocalTierExpiryTest, ExpiredEntriesAreRemovedWithoutReads) {
  PutMany(500, "short-", In(absl::Seconds(1)));
  PutMany(500, "long-", In(absl::Seconds(100)));
  PutMany(10, "for-ever-", kNever);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 1010u);
  clock_.Advance(absl::Seconds(1) + kTick);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 510u);
  EXPECT_EQ(tier().GetStats().removals_expired, 500u);
  clock_.Advance(absl::Seconds(99));
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 10u);
}

TEST_F(LocalTierExpiryTest, AllMemoryComesBackWhenTheLastEntryEnds) {
  PutMany(5000, "key-", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(1) + kTick);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().bytes, 0u);
}

TEST_F(LocalTierExpiryTest, ReadsAreExactWhenMemoryIsNotYetBack) {
  Put("k", "v", In(absl::Milliseconds(10)));
  clock_.Advance(absl::Milliseconds(9));
  EXPECT_EQ(Hit("k"), "v");
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(tier().GetStats().entries, 1u);
}

TEST_F(LocalTierExpiryTest, OneHoldOfTheLockTouchesTwentyFourEntriesAtMost) {
  options_.stripe_count = 1;
  PutMany(10'000, "key-", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(1) + kTick);
  uint64_t entries = tier().GetStats().entries;
  while (entries > 0) {
    tier().Maintain(now(), 1);
    const uint64_t left = tier().GetStats().entries;
    ASSERT_LE(entries - left, 24u);
    entries = left;
  }
}

TEST_F(LocalTierExpiryTest, AClearIsBoundedInTheSameWay) {
  options_.stripe_count = 1;
  PutMany(10'000, "key-", kNever);
  MaintainAll();
  tier().Clear();
  uint64_t entries = tier().GetStats().entries;
  while (entries > 0) {
    tier().Maintain(now(), 1);
    const uint64_t left = tier().GetStats().entries;
    ASSERT_LE(entries - left, 24u);
    ASSERT_LT(left, entries);
    entries = left;
  }
}

TEST_F(LocalTierExpiryTest, WhatHasEndedMakesRoomBeforeWhatHasNot) {
  options_.capacity_bytes = 1'000'000;
  options_.seed = 7;
  const std::string value(1000, 'v');
  for (int i = 0; i < 400; ++i) Put(absl::StrCat("kept-", i), value);
  for (int i = 0; i < 400; ++i) Put(absl::StrCat("short-", i), value, In(absl::Seconds(1)));
  MaintainAll();  // While a table moves, it does not know of all that has ended.
  clock_.Advance(absl::Seconds(1) + kTick);
  for (int i = 0; i < 300; ++i) Put(absl::StrCat("new-", i), value);
  EXPECT_GT(tier().GetStats().removals_expired, 200u);
  EXPECT_EQ(tier().GetStats().removals_capacity, 0u);
}

TEST_F(LocalTierExpiryTest, AWriteThatLivesLongerOutlivesTheDeadlineOfTheOldOne) {
  Put("k", "short", In(absl::Seconds(1)));
  Put("k", "long", In(absl::Seconds(100)));
  clock_.Advance(absl::Seconds(2));
  MaintainAll();
  EXPECT_EQ(Hit("k"), "long");
  clock_.Advance(absl::Seconds(98) + kTick);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 0u);
}

TEST_F(LocalTierExpiryTest, AWriteThatLivesShorterEndsInTime) {
  Put("k", "long", In(absl::Hours(100)));
  Put("k", "short", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(1) + kTick);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 0u);
}

TEST_F(LocalTierExpiryTest, DeadlinesSurviveTheGrowthOfTheTable) {
  options_.stripe_count = 1;
  PutMany(100, "short-", In(absl::Seconds(1)));
  PutMany(20'000, "long-", kNever);
  clock_.Advance(absl::Seconds(1) + kTick);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 20'000u);
}

TEST_F(LocalTierExpiryTest, AClockThatJumpsByYearsIsOneStepLikeAnyOther) {
  PutMany(1000, "key-", In(absl::Seconds(1)));
  Put("far", "v", In(absl::Hours(24 * 365 * 5)));
  clock_.Advance(absl::Hours(24 * 365 * 4));
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 1u);
  EXPECT_EQ(Hit("far"), "v");
  clock_.Advance(absl::Hours(24 * 365 * 2));
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 0u);
}

// --- Jitter

class LocalTierJitterTest : public LocalTierExpiryTest {
 protected:
  LocalTierJitterTest() {
    options_.time_to_live_jitter = 0.2;
    options_.seed = 42;
  }

  // How many of a thousand entries that were stored together for 100 s are left after so long.
  int LeftAfter(absl::Duration duration) {
    PutMany(1000, "key-", In(absl::Seconds(100)));
    clock_.Advance(duration);
    int left = 0;
    for (int i = 0; i < 1000; ++i) left += Hit(absl::StrCat("key-", i)).has_value() ? 1 : 0;
    return left;
  }
};

TEST_F(LocalTierJitterTest, NoLifeIsShortenedByMoreThanItsPart) {
  EXPECT_EQ(LeftAfter(absl::Milliseconds(79'999)), 1000);
}

TEST_F(LocalTierJitterTest, EntriesStoredTogetherEndOneAfterTheOther) {
  const int left = LeftAfter(absl::Seconds(90));
  EXPECT_GT(left, 400);
  EXPECT_LT(left, 600);
}

TEST_F(LocalTierJitterTest, NoLifeIsLongerThanItWasGiven) { EXPECT_EQ(LeftAfter(absl::Seconds(100)), 0); }

TEST_F(LocalTierJitterTest, TheSameSeedGivesTheSameLives) {
  const int left = LeftAfter(absl::Seconds(90));
  clock_.Advance(absl::Seconds(-90));
  Open();
  EXPECT_EQ(LeftAfter(absl::Seconds(90)), left);
}

TEST_F(LocalTierJitterTest, WhatNeverEndsStaysSo) {
  Put("k", "v");
  clock_.Advance(absl::Hours(10'000));
  EXPECT_EQ(Hit("k"), "v");
}

// --- Idle time-out

class LocalTierIdleTest : public LocalTierExpiryTest {
 protected:
  static constexpr absl::Duration kIdle = absl::Seconds(10);

  LocalTierIdleTest() { options_.idle_timeout = kIdle; }
};

TEST_F(LocalTierIdleTest, AnEntryThatNobodyReadsGoes) {
  Put("k", "v");
  clock_.Advance(kIdle);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(LocalTierIdleTest, AnEntryThatIsReadStays) {
  Put("k", "v");
  for (int i = 0; i < 1000; ++i) {
    clock_.Advance(kIdle * 0.9);
    ASSERT_EQ(Hit("k"), "v") << i;
    MaintainAll();
  }
}

TEST_F(LocalTierIdleTest, ItsMemoryComesBackWithoutReads) {
  PutMany(1000, "key-", kNever);
  clock_.Advance(kIdle * 0.5);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Hit(absl::StrCat("key-", i)).has_value());
  clock_.Advance(kIdle * 0.5 + kTick);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 100u);
  clock_.Advance(kIdle);
  MaintainAll();
  EXPECT_EQ(tier().GetStats().bytes, 0u);
}

TEST_F(LocalTierIdleTest, ReadingDoesNotMakeALifeLonger) {
  Put("k", "v", In(kIdle * 2));
  for (int i = 0; i < 19; ++i) {
    clock_.Advance(kIdle * 0.1);
    ASSERT_EQ(Hit("k"), "v") << i;
  }
  clock_.Advance(kIdle * 0.1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(LocalTierIdleTest, TheReadUnderTheLockCountsToo) {
  Put("k", "v");
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(kIdle * 0.9);
    ASSERT_EQ(RoleOf("k"), Role::kHit) << i;
  }
}

}  // namespace
}  // namespace nearcache::internal::local
