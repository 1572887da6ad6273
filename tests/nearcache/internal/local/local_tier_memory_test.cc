// The byte budget: exact, hard, shared, and given back.

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/local/striped_local_tier.h"
#include "nearcache/value.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

class LocalTierMemoryTest : public TierTest {
 protected:
  LocalTierMemoryTest() { options_.staleness_bound = absl::InfiniteDuration(); }

  size_t bytes() { return tier().GetStats().bytes; }

  // Puts `count` entries of `size` bytes and checks the bound at each step.
  void PutMany(int count, size_t size, absl::string_view prefix = "key-") {
    const std::string value(size, 'v');
    for (int i = 0; i < count; ++i) {
      Put(absl::StrCat(prefix, i), value);
      ASSERT_LE(bytes(), options_.capacity_bytes);
    }
  }
};

TEST_F(LocalTierMemoryTest, TheSumNeverExceedsTheCapacityAndComesCloseToIt) {
  options_.capacity_bytes = 1'000'000;
  PutMany(20'000, 100);
  EXPECT_GT(bytes(), 950'000u);
  EXPECT_EQ(tier().GetStats().entries_refused, 0u);
}

TEST_F(LocalTierMemoryTest, ValuesOfAllSizesStayBelowTheCapacity) {
  options_.capacity_bytes = 300'000;
  for (int i = 0; i < 5'000; ++i) {
    Put(absl::StrCat("key-", i), std::string(static_cast<size_t>(i * 7919 % 40'000), 'v'));
    ASSERT_LE(bytes(), options_.capacity_bytes);
  }
  EXPECT_GT(tier().GetStats().entries, 1u);
}

TEST_F(LocalTierMemoryTest, AnEntryAboveTheLimitIsDeliveredAndNotKept) {
  options_.entry_bytes_max = 1000;
  const FlightRef flight = Lead("k");
  ASSERT_EQ(RoleOf("k"), Role::kJoin);
  Complete(flight, std::string(1001, 'v'), Id(1));
  EXPECT_EQ(TakeDelivered(), std::vector<std::string>{std::string(1001, 'v')});
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(tier().GetStats().entries_too_large, 1u);
}

TEST_F(LocalTierMemoryTest, APutThatIsTooLargeRemovesTheOldEntry) {
  options_.entry_bytes_max = 1000;
  Put("k", "old");
  EXPECT_FALSE(Put("k", std::string(1001, 'v')));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(LocalTierMemoryTest, ACapacityTooSmallForAnythingKeepsNothing) {
  options_.capacity_bytes = 100;  // Too small for a table.
  EXPECT_FALSE(Put("k", "v"));
  EXPECT_EQ(bytes(), 0u);
  EXPECT_EQ(tier().GetStats().entries_refused, 1u);
}

// All keys in one stripe: the whole budget is theirs before anything is evicted.
TEST_F(LocalTierMemoryTest, ASkewedLoadDoesNotEvictEarly) {
  options_.capacity_bytes = 1'000'000;
  options_.stripe_count = 64;
  const std::string value(1000, 'v');
  int put = 0;
  for (int i = 0; tier().GetStats().removals_capacity == 0; ++i) {
    const std::string key = absl::StrCat("key-", i);
    HashedKey hashed = Key(key);
    hashed.hash &= ~uint64_t{0} >> 6;  // The first stripe of 64.
    tier().Put(hashed, value, Id(1), now(), kNever);
    ++put;
  }
  EXPECT_GT(put, 850);
  EXPECT_GT(bytes(), 950'000u);
}

// And a stripe whose keys come to be in demand later takes over what the others hold.
TEST_F(LocalTierMemoryTest, ADemandThatMovesToOneStripeTakesOverTheBudget) {
  options_.capacity_bytes = 1'000'000;
  options_.stripe_count = 16;
  PutMany(2'000, 1000);
  const std::string value(1000, 'v');
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 700; ++i) {
      const std::string key = absl::StrCat("wanted-", i);
      HashedKey hashed = Key(key);
      hashed.hash &= ~uint64_t{0} >> 4;
      std::string copy;
      if (!tier().GetCopy(hashed, now(), &copy)) tier().Put(hashed, value, Id(1), now(), kNever);
    }
  }
  const LocalTierStats before = tier().GetStats();
  for (int i = 0; i < 700; ++i) {
    const std::string key = absl::StrCat("wanted-", i);
    HashedKey hashed = Key(key);
    hashed.hash &= ~uint64_t{0} >> 4;
    std::string copy;
    tier().GetCopy(hashed, now(), &copy);
  }
  EXPECT_GT(tier().GetStats().hits - before.hits, 600u);
}

TEST_F(LocalTierMemoryTest, EntriesThatAreReadSurviveThoseThatAreNot) {
  options_.capacity_bytes = 1'000'000;
  PutMany(100, 1000, "hot-");
  for (int i = 0; i < 20'000; ++i) {
    Put(absl::StrCat("cold-", i), std::string(1000, 'v'));
    ASSERT_TRUE(Hit(absl::StrCat("hot-", i % 100)).has_value()) << i;
  }
}

TEST_F(LocalTierMemoryTest, OneLargeValueDrivesOutManySmallOnes) {
  options_.capacity_bytes = 1'000'000;
  PutMany(10'000, 10);
  EXPECT_TRUE(Put("large", std::string(600'000, 'v')));
  EXPECT_TRUE(Hit("large").has_value());
  EXPECT_LE(bytes(), options_.capacity_bytes);
  EXPECT_GT(tier().GetStats().entries, 1'000u);
}

TEST_F(LocalTierMemoryTest, AccountingReturnsToZeroAfterClear) {
  options_.capacity_bytes = 3'000'000;
  PutMany(20'000, 200);
  for (int i = 0; i < 20'000; i += 3) tier().Remove(Key(absl::StrCat("key-", i)));
  tier().Clear();
  MaintainAll();
  const LocalTierStats stats = tier().GetStats();
  EXPECT_EQ(stats.bytes, 0u);
  EXPECT_EQ(stats.retired_bytes, 0u);
  EXPECT_EQ(stats.entries, 0u);
}

TEST_F(LocalTierMemoryTest, TablesShrinkWhenMostEntriesAreGone) {
  PutMany(50'000, 10);
  for (int i = 100; i < 50'000; ++i) tier().Remove(Key(absl::StrCat("key-", i)));
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 100u);
  EXPECT_LT(bytes(), 100u * 300);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Hit(absl::StrCat("key-", i)).has_value());
}

TEST_F(LocalTierMemoryTest, ASmallerCapacityTakesEffectInSteps) {
  options_.capacity_bytes = 2'000'000;
  PutMany(3'000, 500);
  tier().SetCapacity(500'000);
  MaintainAll();
  EXPECT_LE(bytes(), 500'000u);
  EXPECT_EQ(tier().GetStats().capacity_bytes, 500'000u);
  tier().SetCapacity(2'000'000);
  PutMany(3'000, 500);
  EXPECT_GT(bytes(), 1'800'000u);
}

TEST_F(LocalTierMemoryTest, AValueThatIsHeldIsOutsideTheBudget) {
  Put("k", std::string(10'000, 'v'));
  Value value;
  EntryInfo info;
  ASSERT_TRUE(tier().Get(Key("k"), now(), &value, &info));
  tier().Remove(Key("k"));
  MaintainAll();
  EXPECT_EQ(bytes(), 0u);
  EXPECT_EQ(value.size(), 10'000u);
}

// A visitor that does not return holds memory back. It is bounded, the tier goes on, and afterwards all is as before.
TEST_F(LocalTierMemoryTest, AReaderThatStaysInsideBlocksNobodyAndRetiredMemoryIsBounded) {
  options_.capacity_bytes = 1'000'000;
  PutMany(2'000, 1000);
  Put("held", "v");
  absl::Notification inside;
  absl::Notification leave;
  std::thread reader([&] {
    tier().Read(Key("held"), now(), [&](absl::string_view) {
      inside.Notify();
      leave.WaitForNotification();
    });
  });
  inside.WaitForNotification();
  size_t retired_max = 0;
  for (int i = 0; i < 5'000; ++i) {
    Put(absl::StrCat("more-", i), std::string(1000, 'v'));
    retired_max = std::max<size_t>(retired_max, tier().GetStats().retired_bytes);
    ASSERT_LE(bytes(), options_.capacity_bytes);
  }
  EXPECT_GT(retired_max, 0u);
  EXPECT_LT(retired_max, options_.capacity_bytes / 4);
  EXPECT_GT(tier().GetStats().entries_refused, 0u);
  EXPECT_GT(tier().GetStats().entries, 600u);
  leave.Notify();
  reader.join();
  PutMany(100, 1000, "after-");
  EXPECT_TRUE(Hit("after-99").has_value());
}

// Crafted keys with one and the same hash: the work of a search stays what it was.
TEST_F(LocalTierMemoryTest, EqualHashesDoNotSlowTheTier) {
  StripedLocalTier flooded(options_);
  const auto steps = [&](const HashedKey& key) {
    const SearchSteps search = flooded.CountSearchSteps(key);
    return search.buckets + search.entries;
  };
  const auto average = [&] {
    int sum = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::string key = absl::StrCat("good-", i);
      sum += steps(HashKey(key, flooded.hash_seed()));
    }
    return sum;
  };
  for (int i = 0; i < 1000; ++i) {
    const std::string key = absl::StrCat("good-", i);
    flooded.Put(HashKey(key, flooded.hash_seed()), "v", Id(1), now(), kNever);
  }
  const int before = average();
  const uint64_t hash = HashKey("good-0", flooded.hash_seed()).hash;
  int evil = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = absl::StrCat("evil-", i);
    flooded.Put({key, hash}, "v", Id(1), now(), kNever);
    evil += steps({key, hash});
  }
  EXPECT_LE(average(), 2 * before);
  EXPECT_LE(evil / 100, 2 * before);
}

// Tables that were outgrown do not stay behind until something is evicted.
TEST_F(LocalTierMemoryTest, ATierThatOnlyGrowsGivesItsOldTablesBack) {
  options_.capacity_bytes = 100'000'000;
  options_.stripe_count = 1;
  PutMany(50'000, 10);
  EXPECT_EQ(tier().GetStats().retired_bytes, 0u);
}

// Everything at once: tables grow and shrink, entries end, a Clear is under way, the budget changes, values of all
// sizes come. No hold of a stripe's mutex touches more than 24 entries.
TEST_F(LocalTierMemoryTest, OneHoldTouchesFewEntriesWhateverThereIsToDo) {
  for (const PolicyKind policy : {PolicyKind::kLru, PolicyKind::kScanResistant}) {
    options_.policy = policy;
    options_.stripe_count = 2;
    options_.capacity_bytes = 4'000'000;
    const std::unique_ptr<LocalTier> tier = LocalTier::Create(options_);
    const std::string value(20'000, 'v');
    for (uint64_t i = 0; i < 200'000; ++i) {
      const std::string key = absl::StrCat("key-", i * 7919 % 30'000);
      const HashedKey hashed = HashKey(key, tier->hash_seed());
      std::string copy;
      if (tier->GetCopy(hashed, now(), &copy)) continue;
      const size_t size = i % 500 == 0 ? value.size() : i % 100;
      const MonotonicNanos end = i % 3 == 0 ? In(absl::Milliseconds(i % 1'000)) : kNever;
      tier->Put(hashed, absl::string_view(value).substr(0, size), Id(i + 1), now(), end);
      if (i % 1'000 == 0) clock_.Advance(absl::Milliseconds(20));
      if (i % 777 == 0) tier->Maintain(now(), 64);
      if (i % 40'000 == 39'999) tier->Clear();
      if (i % 10'000 == 0) tier->SetCapacity(i % 20'000 == 0 ? 4'000'000 : 400'000);
      if (i % 50'000 == 0) tier->ForEach([](const EntrySnapshot&) { return true; });
    }
    EXPECT_GT(tier->GetStats().removals_expired, 100u);
    EXPECT_GT(tier->GetStats().removals_capacity, 100u);
    EXPECT_GT(tier->GetStats().removals_cleared, 100u);
    EXPECT_GE(tier->GetStats().hold_entries_max, 16u);
    EXPECT_LE(tier->GetStats().hold_entries_max, 24u);
  }
}

}  // namespace
}  // namespace nearcache::internal::local
