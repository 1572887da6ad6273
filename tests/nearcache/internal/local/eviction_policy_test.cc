// The policies as stories, on entries of equal size unless sizes are what the story is about.

#include "nearcache/internal/local/eviction_policy.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/ghost_table.h"
#include "nearcache/internal/local/small_share.h"

namespace nearcache::internal::local {
namespace {

constexpr size_t kValueBytes = 100;

// A cache of `capacity` entries around a policy.
class PolicyTest : public testing::Test {
 protected:
  ~PolicyTest() override {
    for (auto& [key, entry] : resident_) {
      policy_->Remove(entry, Departure::kForgotten);
      entry->Unref();
    }
  }

  void Make(PolicyKind kind, size_t capacity) {
    capacity_bytes_ = capacity * EntryBytes();
    share_.set_capacity(capacity_bytes_);
    hits_max_ = EvictionPolicy::HitsMax(kind);
    policy_ = EvictionPolicy::Create(kind, &share_);
    GhostTable::Memory ghosts = GhostTable::Memory::Allocate(GhostTable::SetsFor(capacity));
    policy_->AdoptGhosts(&ghosts);
  }

  static size_t EntryBytes() {
    Entry* const entry = MakeEntry("key-000", kValueBytes, 1);
    const size_t bytes = entry->AllocatedSize();
    entry->Unref();
    return bytes;
  }

  static Entry* MakeEntry(const std::string& key, size_t value_bytes, Era era) {
    Provenance provenance;
    provenance.era = era;
    return Entry::Make(HashKey(key, 1), std::string(value_bytes, 'v'), provenance);
  }

  // A read, and on a miss the insertion. True for a hit.
  bool Read(const std::string& key, size_t value_bytes = kValueBytes) {
    const auto found = resident_.find(key);
    if (found != resident_.end()) {
      found->second->use.NoteHit(hits_max_);
      return true;
    }
    Entry* const entry = MakeEntry(key, value_bytes, era_);
    while (bytes_ + entry->AllocatedSize() > capacity_bytes_) Evict();
    Keep(key, entry);
    policy_->Insert(entry);
    return false;
  }

  void Keep(const std::string& key, Entry* entry) {
    bytes_ += entry->AllocatedSize();
    resident_[key] = entry;
  }

  void Evict() {
    int chances = 1000;
    Entry* const victim = policy_->Victim(era_, /*force=*/true, &chances);
    ASSERT_NE(victim, nullptr);
    Leave(victim, Departure::kEvicted);
  }

  void Leave(Entry* entry, Departure departure) {
    bytes_ -= entry->AllocatedSize();
    policy_->Remove(entry, departure);
    resident_.erase(std::string(entry->key()));
    entry->Unref();
  }

  int HitsOf(int count, const std::string& prefix) {
    int hits = 0;
    for (int i = 0; i < count; ++i) hits += Read(absl::StrCat(prefix, i)) ? 1 : 0;
    return hits;
  }

  std::vector<std::string> Order(bool from_hottest) const {
    std::vector<std::string> keys;
    const auto visit = [&](const Entry& entry) {
      keys.emplace_back(entry.key());
      return true;
    };
    from_hottest ? policy_->ForEachFromHottest(visit) : policy_->ForEachFromColdest(visit);
    return keys;
  }

  SmallShare share_{1};
  std::unique_ptr<EvictionPolicy> policy_;
  std::map<std::string, Entry*> resident_;
  size_t capacity_bytes_ = 0;
  size_t bytes_ = 0;
  uint32_t hits_max_ = 0;
  Era era_ = 1;
};

// --- Both

class EveryPolicyTest : public PolicyTest, public testing::WithParamInterface<PolicyKind> {
 protected:
  EveryPolicyTest() { Make(GetParam(), 100); }
};

INSTANTIATE_TEST_SUITE_P(All, EveryPolicyTest, testing::Values(PolicyKind::kScanResistant, PolicyKind::kLru));

TEST_P(EveryPolicyTest, AnEmptyStripeHasNoVictim) {
  int chances = 5;
  EXPECT_EQ(policy_->Victim(era_, true, &chances), nullptr);
  EXPECT_EQ(policy_->Cleared(era_), nullptr);
}

TEST_P(EveryPolicyTest, TheOldestThatNobodyReadGoesFirst) {
  for (const char* const key : {"a", "b", "c"}) Read(key);
  Read("a");
  Evict();
  EXPECT_EQ(resident_.count("a"), 1u);
  EXPECT_EQ(resident_.count("b"), 0u);
  EXPECT_EQ(resident_.count("c"), 1u);
}

TEST_P(EveryPolicyTest, WhenAllAreInUseTheChancesAreBounded) {
  HitsOf(50, "key-");
  HitsOf(50, "key-");
  int chances = 3;
  EXPECT_EQ(policy_->Victim(era_, /*force=*/false, &chances), nullptr);
  EXPECT_EQ(chances, 0);
  EXPECT_NE(policy_->Victim(era_, /*force=*/true, &chances), nullptr);
}

TEST_P(EveryPolicyTest, WhatAClearLeftGetsNoSecondChanceAndIsFoundAtOnce) {
  HitsOf(20, "old-");
  HitsOf(20, "old-");
  int chances = 5;
  policy_->Victim(era_, false, &chances);
  ++era_;
  HitsOf(20, "new-");
  chances = 0;
  Entry* const victim = policy_->Victim(era_, false, &chances);
  ASSERT_NE(victim, nullptr);
  EXPECT_EQ(victim->era, 1u);
  int cleared = 0;
  while (Entry* const entry = policy_->Cleared(era_)) {
    Leave(entry, Departure::kForgotten);
    ++cleared;
  }
  EXPECT_EQ(cleared, 20);
  EXPECT_EQ(resident_.size(), 20u);
}

TEST_P(EveryPolicyTest, AWalkMeetsAllOnceAndBothWaysAreOpposite) {
  HitsOf(60, "key-");
  HitsOf(30, "key-");
  for (int i = 0; i < 20; ++i) Evict();
  std::vector<std::string> hottest = Order(true);
  const std::vector<std::string> coldest = Order(false);
  EXPECT_EQ(hottest.size(), 40u);
  EXPECT_EQ(coldest.size(), 40u);
  EXPECT_EQ(hottest.back(), coldest.front());
  EXPECT_EQ(coldest.back(), hottest.front());
}

TEST_P(EveryPolicyTest, AWalkEndsWhenItIsTold) {
  HitsOf(60, "key-");
  int visited = 0;
  policy_->ForEachFromHottest([&](const Entry&) { return ++visited < 7; });
  EXPECT_EQ(visited, 7);
}

TEST_P(EveryPolicyTest, SizesCountNotEntries) {
  for (int i = 0; i < 5; ++i) Read(absl::StrCat("large-", i), 20 * kValueBytes);
  EXPECT_LE(bytes_, capacity_bytes_);
  HitsOf(90, "small-");
  EXPECT_LE(bytes_, capacity_bytes_);
  EXPECT_GT(resident_.size(), 50u);
}

// --- LRU

TEST_F(PolicyTest, LruKeepsWhatWasReadLast) {
  Make(PolicyKind::kLru, 100);
  HitsOf(100, "old-");
  HitsOf(50, "old-");
  HitsOf(50, "new-");
  EXPECT_EQ(HitsOf(50, "old-"), 50);
}

TEST_F(PolicyTest, LruLosesAllToAScan) {
  Make(PolicyKind::kLru, 100);
  HitsOf(50, "hot-");
  HitsOf(1000, "scan-");
  EXPECT_EQ(HitsOf(50, "hot-"), 0);
}

// --- Scan-resistant

class ScanResistantTest : public PolicyTest {
 protected:
  ScanResistantTest() { Make(PolicyKind::kScanResistant, 100); }

  // Keys that are asked for again and again, and are known for it.
  void MakePopular(int count) {
    for (int round = 0; round < 3; ++round) HitsOf(count, "hot-");
    HitsOf(100, "once-");
  }
};

TEST_F(ScanResistantTest, AScanDoesNotDriveOutWhatIsAskedForAgain) {
  MakePopular(50);
  HitsOf(1000, "scan-");
  EXPECT_EQ(HitsOf(50, "hot-"), 50);
}

TEST_F(ScanResistantTest, AKeyThatComesBackSoonIsKeptFromThenOn) {
  HitsOf(95, "other-");
  Read("back");
  HitsOf(95, "scan-");
  HitsOf(20, "more-");
  ASSERT_FALSE(Read("back"));
  HitsOf(150, "again-");
  EXPECT_TRUE(Read("back"));
}

TEST_F(ScanResistantTest, AKeyThatComesBackLateIsANewcomer) {
  HitsOf(95, "other-");
  Read("back");
  HitsOf(2000, "scan-");
  ASSERT_FALSE(Read("back"));
  HitsOf(150, "again-");
  EXPECT_FALSE(Read("back"));
}

TEST_F(ScanResistantTest, ReturnsOfNewcomersGiveThemMoreRoom) {
  HitsOf(100, "fill-");
  const double before = share_.value();
  // Twelve newcomers pass between two requests of a key: too many for a tenth, few enough for a fifth.
  for (int i = 0; i < 400; ++i) Read(absl::StrCat("a-", i % 2 == 0 ? i : i - 25));
  EXPECT_GT(share_.value(), before);
}

TEST_F(ScanResistantTest, ReturnsOfEstablishedKeysTakeRoomFromNewcomers) {
  // More popular keys than `main` can hold.
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 96; ++i) {
      Read(absl::StrCat("hot-", i));
      Read(absl::StrCat("hot-", i));
    }
    HitsOf(3, absl::StrCat("once-", round, "-"));
  }
  EXPECT_LT(share_.value(), SmallShare::kAtFirst);
}

TEST_F(ScanResistantTest, TheSplitHasBounds) {
  for (int i = 0; i < 1000; ++i) share_.Grow(EntryBytes());
  EXPECT_EQ(share_.value(), SmallShare::kMost);
  EXPECT_TRUE(share_.FavoursRecency());
  for (int i = 0; i < 1000; ++i) share_.Shrink(EntryBytes());
  EXPECT_EQ(share_.value(), SmallShare::kLeast);
  EXPECT_FALSE(share_.FavoursRecency());
}

TEST_F(ScanResistantTest, AWriteKeepsThePlaceOfItsKey) {
  MakePopular(50);
  for (int i = 0; i < 50; ++i) {
    const std::string key = absl::StrCat("hot-", i);
    Entry* const old = resident_[key];
    Entry* const written = MakeEntry(key, kValueBytes, era_);
    policy_->Replace(old, written);
    resident_[key] = written;
    old->Unref();
  }
  HitsOf(1000, "scan-");
  EXPECT_EQ(HitsOf(50, "hot-"), 50);
}

TEST_F(ScanResistantTest, AnInvalidatedKeyThatComesBackIsNoNewcomer) {
  MakePopular(50);
  for (int i = 0; i < 50; ++i) Leave(resident_[absl::StrCat("hot-", i)], Departure::kDisplaced);
  HitsOf(50, "hot-");
  HitsOf(1000, "scan-");
  EXPECT_EQ(HitsOf(50, "hot-"), 50);
}

TEST_F(ScanResistantTest, ARemovedKeyThatComesBackIsOne) {
  MakePopular(50);
  for (int i = 0; i < 50; ++i) Leave(resident_[absl::StrCat("hot-", i)], Departure::kForgotten);
  HitsOf(50, "hot-");
  HitsOf(1000, "scan-");
  EXPECT_EQ(HitsOf(50, "hot-"), 0);
}

TEST_F(ScanResistantTest, GhostsAreWantedOnceSomethingWasEvicted) {
  GhostTable::Memory none;
  policy_->AdoptGhosts(&none);
  HitsOf(100, "key-");
  EXPECT_EQ(policy_->WantedGhostSets(100), 0u);
  Evict();
  EXPECT_EQ(policy_->WantedGhostSets(100), GhostTable::SetsFor(100));
  GhostTable::Memory ghosts = GhostTable::Memory::Allocate(GhostTable::SetsFor(100));
  policy_->AdoptGhosts(&ghosts);
  EXPECT_EQ(policy_->WantedGhostSets(110), 0u);
  EXPECT_GT(policy_->WantedGhostSets(1000), 0u);
}

TEST_F(ScanResistantTest, EstablishedKeysAreHotterThanNewcomers) {
  MakePopular(10);
  const std::vector<std::string> hottest = Order(true);
  EXPECT_EQ(hottest[0].substr(0, 4), "hot-");
  EXPECT_EQ(Order(false)[0].substr(0, 5), "once-");
}

}  // namespace
}  // namespace nearcache::internal::local
