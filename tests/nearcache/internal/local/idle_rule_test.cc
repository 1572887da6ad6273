#include "nearcache/internal/local/idle_rule.h"

#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/local/entry_use.h"

namespace nearcache::internal::local {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(IdleRuleTest, EndsWithinASixteenthBeforeTheTimeoutAndNeverLater) {
  for (const int64_t timeout : {int64_t{64}, int64_t{12'345}, kSecond, 30 * kSecond, 1'000'000 * kSecond}) {
    const IdleRule rule(timeout);
    for (const MonotonicNanos read_at : {int64_t{0}, int64_t{1}, 77 * kSecond, 5'000'000 * kSecond}) {
      const uint32_t stamp = rule.Stamp(read_at);
      EXPECT_FALSE(rule.Ended(stamp, read_at + timeout - timeout / 16)) << timeout << " " << read_at;
      EXPECT_TRUE(rule.Ended(stamp, read_at + timeout)) << timeout << " " << read_at;
    }
  }
}

TEST(IdleRuleTest, TheDeadlineIsTheFirstMomentAtWhichItHasEnded) {
  const IdleRule rule(10 * kSecond);
  const uint32_t stamp = rule.Stamp(100 * kSecond);
  const MonotonicNanos deadline = rule.Deadline(stamp, 103 * kSecond);
  EXPECT_FALSE(rule.Ended(stamp, deadline - 1));
  EXPECT_TRUE(rule.Ended(stamp, deadline));
}

TEST(IdleRuleTest, AReadOfAMomentLaterIsYoung) {
  const IdleRule rule(10 * kSecond);
  EXPECT_FALSE(rule.Ended(rule.Stamp(100 * kSecond + kSecond / 8), 100 * kSecond));
}

TEST(IdleRuleTest, OffMeansNever) { EXPECT_FALSE(IdleRule(kNever).on()); }

TEST(EntryUseTest, CountsHitsUpToTheLimitOfThePolicy) {
  EntryUse use;
  use.NoteHit(1);
  use.NoteHit(1);
  EXPECT_EQ(use.hits(), 1u);
  use.NoteHit(2);
  use.NoteHit(2);
  EXPECT_EQ(use.hits(), 2u);
  use.SetHits(0);
  EXPECT_EQ(use.hits(), 0u);
}

TEST(EntryUseTest, KeepsItsPartsApart) {
  EntryUse use;
  use.set_in_main(true);
  use.NoteHitAt(2, EntryUse::kStampMask);
  use.NoteHitAt(2, EntryUse::kStampMask);
  EXPECT_TRUE(use.in_main());
  EXPECT_EQ(use.hits(), 2u);
  EXPECT_EQ(use.stamp(), EntryUse::kStampMask);
  use.NoteHitAt(2, 5);
  use.set_in_main(false);
  use.SetHits(1);
  EXPECT_EQ(use.stamp(), 5u);
  EXPECT_EQ(use.hits(), 1u);
  EXPECT_FALSE(use.in_main());
}

TEST(EntryUseTest, AStampAloneCountsNoHit) {
  EntryUse use;
  use.NoteHitAt(0, 9);
  EXPECT_EQ(use.hits(), 0u);
  EXPECT_EQ(use.stamp(), 9u);
}

}  // namespace
}  // namespace nearcache::internal::local
