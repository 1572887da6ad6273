#include "nearcache/internal/local/entry_index.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/bucket.h"
#include "nearcache/internal/local/entry.h"

namespace nearcache::internal::local {
namespace {

// An index that grows as a stripe's does, and the entries that it should hold.
class IndexTest : public testing::Test {
 protected:
  IndexTest() { index_.BeginMove(BucketArray::Allocate(0)); }
  ~IndexTest() override {
    for (auto& [key, entry] : expected_) entry->Unref();
  }

  static HashedKey Hashed(const std::string& key) { return HashKey(key, 99); }

  void Insert(const HashedKey& key) {
    Entry* const entry = Entry::Make(key, "value", Provenance());
    EntryIndex::Displaced displaced;
    const auto old = expected_.find(std::string(key.key));
    if (old != expected_.end()) {
      index_.Replace(old->second, entry, EntryIndex::TagOf(key.hash), &displaced);
      old->second->Unref();
      expected_.erase(old);
    } else {
      index_.Insert(entry, EntryIndex::TagOf(key.hash), &displaced);
    }
    expected_[std::string(key.key)] = entry;
    Forget(displaced);
    Grow();
  }

  void Remove(const std::string& key) {
    index_.Remove(expected_.at(key));
    expected_.at(key)->Unref();
    expected_.erase(key);
  }

  void Forget(const EntryIndex::Displaced& displaced) {
    for (Entry* const entry : displaced) {
      ++displaced_;
      expected_.erase(std::string(entry->key()));
      entry->Unref();
    }
  }

  // Starts a move when one is due; a move under way takes one step per change.
  void Grow() {
    if (!index_.moving() && index_.WantedLog2(may_shrink_) != index_.log2()) {
      index_.BeginMove(BucketArray::Allocate(index_.WantedLog2(may_shrink_)));
    }
    if (!index_.moving()) return;
    EntryIndex::Displaced displaced;
    BucketArray drained = index_.Move(2, &displaced);
    drained.Free();
    Forget(displaced);
  }

  void ExpectExactlyTheExpected() {
    ASSERT_EQ(index_.size(), expected_.size());
    for (const auto& [key, entry] : expected_) ASSERT_EQ(index_.Find(Hashed(key)), entry) << key;
  }

  EntryIndex index_;
  std::map<std::string, Entry*> expected_;
  int displaced_ = 0;
  bool may_shrink_ = false;
};

TEST(TagsTest, FindsEveryMatchingSlotAndTheFreeOnes) {
  const Tags tags = Tags(0).With(0, 5).With(3, 5).With(6, 9).WithOverflow(200);
  EXPECT_EQ(tags.overflow(), 200);
  EXPECT_EQ(Tags::FirstOf(tags.Matching(5)), 0);
  EXPECT_EQ(Tags::FirstOf(Tags::DropFirst(tags.Matching(5))), 3);
  EXPECT_EQ(Tags::FirstOf(tags.Matching(9)), 6);
  EXPECT_EQ(tags.Matching(77), 0u);
  EXPECT_EQ(Tags::FirstOf(tags.Free()), 1);
  Tags full(0);
  for (int slot = 0; slot < Tags::kSlots; ++slot) full = full.With(slot, 1);
  EXPECT_EQ(full.Free(), 0u);
}

TEST_F(IndexTest, FindsNothingInAnEmptyTable) {
  EXPECT_EQ(index_.Find(Hashed("absent")), nullptr);
  const EntryIndex without_buckets;
  EXPECT_EQ(without_buckets.Find(Hashed("absent")), nullptr);
}

TEST_F(IndexTest, FollowsAMapThroughRandomChangesAndMoves) {
  std::mt19937_64 random(5);
  for (int step = 0; step < 60'000; ++step) {
    const std::string key = absl::StrCat("key-", random() % 4000);
    if (random() % 3 != 0 || expected_.count(key) == 0) {
      Insert(Hashed(key));
    } else {
      Remove(key);
    }
    if (step % 4096 == 0) ExpectExactlyTheExpected();
  }
  ExpectExactlyTheExpected();
  EXPECT_EQ(displaced_, 0);
}

TEST_F(IndexTest, ShrinksWhenItIsAlmostEmpty) {
  for (int i = 0; i < 2000; ++i) Insert(Hashed(absl::StrCat("key-", i)));
  const int log2_full = index_.log2();
  may_shrink_ = true;
  for (int i = 0; i < 1980; ++i) {
    Remove(absl::StrCat("key-", i));
    Grow();
  }
  for (int i = 0; i < 1000; ++i) Grow();
  EXPECT_LT(index_.log2(), log2_full - 4);
  ExpectExactlyTheExpected();
}

TEST_F(IndexTest, AShrinkingTableThatFillsUpAgainTurnsBackAndLosesNothing) {
  for (int i = 0; i < 5000; ++i) Insert(Hashed(absl::StrCat("key-", i)));
  while (index_.moving()) Grow();
  for (int i = 10; i < 5000; ++i) Remove(absl::StrCat("key-", i));
  may_shrink_ = true;
  Grow();
  Grow();
  ASSERT_TRUE(index_.moving());
  may_shrink_ = false;
  for (int i = 0; i < 1000; ++i) {
    Insert(Hashed(absl::StrCat("key-", i)));
    if (i % 100 == 0) ExpectExactlyTheExpected();
  }
  EXPECT_EQ(displaced_, 0);
  ExpectExactlyTheExpected();
}

TEST_F(IndexTest, HoldsFourFifthsOfItsSlotsWithoutDrivingOut) {
  for (int i = 0; i < 100'000; ++i) Insert(Hashed(absl::StrCat("key-", i)));
  EXPECT_LE(displaced_, 2);
  EXPECT_GE(static_cast<double>(index_.size()) / static_cast<double>(index_.bucket_count() * Tags::kSlots), 0.4);
}

// Average work of a search for keys that are there.
double StepsPerSearch(const EntryIndex& index, const std::vector<HashedKey>& keys) {
  int steps = 0;
  int found = 0;
  for (const HashedKey& key : keys) {
    SearchSteps search;
    if (index.Find(key, &search) == nullptr) continue;
    steps += search.buckets + search.entries;
    ++found;
  }
  return static_cast<double>(steps) / std::max(1, found);
}

TEST_F(IndexTest, EqualHashesSlowNobodyByMoreThanTwo) {
  std::vector<HashedKey> good;
  std::vector<std::string> names;
  names.reserve(12'000);
  for (int i = 0; i < 2000; ++i) {
    names.push_back(absl::StrCat("good-", i));
    good.push_back(Hashed(names.back()));
    Insert(good.back());
  }
  while (index_.moving()) Grow();
  const double before = StepsPerSearch(index_, good);
  std::vector<HashedKey> evil;
  for (int i = 0; i < 10'000; ++i) {
    names.push_back(absl::StrCat("evil-", i));
    evil.push_back({names.back(), good[0].hash});
    Insert(evil.back());
  }
  EXPECT_LE(StepsPerSearch(index_, good), 2 * before);
  EXPECT_LE(StepsPerSearch(index_, evil), 2 * before);
  // The flood itself is not kept.
  EXPECT_GE(displaced_, 9'990);
}

// Not the same hash, but the same bucket and the same way on from it, whatever the size of the table.
TEST_F(IndexTest, EqualBucketsBoundTheWorkOfASearch) {
  std::vector<HashedKey> evil;
  std::vector<std::string> names;
  names.reserve(10'000);
  for (uint64_t i = 0; i < 10'000; ++i) {
    names.push_back(absl::StrCat("evil-", i));
    evil.push_back({names.back(), (i << 32) | 12345});
    Insert(evil.back());
  }
  int most = 0;
  for (const HashedKey& key : evil) {
    SearchSteps steps;
    index_.Find(key, &steps);
    most = std::max(most, steps.buckets);
  }
  EXPECT_LE(most, EntryIndex::kProbesMax);
  EXPECT_LE(index_.size(), size_t{EntryIndex::kProbesMax} * Tags::kSlots);
}

}  // namespace
}  // namespace nearcache::internal::local
