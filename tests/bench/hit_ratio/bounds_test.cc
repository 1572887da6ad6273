// The bounds against examples done by hand, and against the best of all possible caches where few keys allow to try
// all.

#include "bench/hit_ratio/bounds.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/support/random.h"
#include "gtest/gtest.h"

namespace nearcache::hit_ratio {
namespace {

using Requests = std::vector<uint32_t>;
using Weights = std::vector<uint32_t>;

// The most hits of any cache: all sets of keys that it could hold, followed from request to request.
uint64_t BestHits(const Requests& requests, const Weights& weights, uint64_t capacity) {
  const size_t sets = size_t{1} << weights.size();
  const auto fits = [&weights, capacity](size_t set) {
    uint64_t held = 0;
    for (size_t key = 0; key < weights.size(); ++key) held += (set >> key & 1) * weights[key];
    return held <= capacity;
  };
  // Hits so far, by the set that is held; -1: it cannot be.
  std::vector<int> best(sets, -1);
  best[0] = 0;
  for (const uint32_t key : requests) {
    std::vector<int> after(sets, -1);
    for (size_t set = 0; set < sets; ++set) {
      if (best[set] < 0) continue;
      const int hits = best[set] + static_cast<int>(set >> key & 1);
      const size_t most = set | size_t{1} << key;
      for (size_t kept = most;; kept = (kept - 1) & most) {
        if (fits(kept)) after[kept] = std::max(after[kept], hits);
        if (kept == 0) break;
      }
    }
    best = after;
  }
  return static_cast<uint64_t>(*std::max_element(best.begin(), best.end()));
}

Requests RandomRequests(bench::Random* random, size_t length, uint32_t key_count) {
  Requests requests(length);
  for (uint32_t& key : requests) key = random->Below(key_count);
  return requests;
}

TEST(MinHitsTest, KeepsWhatIsAskedForNext) {
  // Of 0, 1 and 2, asked for in turn, two can stay; the third is passed by.
  EXPECT_EQ(MinHits({0, 1, 2, 0, 1, 2, 0, 1, 2}, 3, 2), 4u);
  EXPECT_EQ(MinHits({0, 1, 2, 0, 1, 2, 0, 1, 2}, 3, 3), 6u);
  // 0 is asked for last, so it goes for 2.
  EXPECT_EQ(MinHits({0, 1, 2, 1, 2, 0}, 3, 2), 2u);
  EXPECT_EQ(MinHits({0, 0, 0}, 1, 1), 2u);
  EXPECT_EQ(MinHits({0, 0, 0}, 1, 0), 0u);
  EXPECT_EQ(MinHits({}, 0, 1), 0u);
}

TEST(MinHitsTest, SavesAFaultInTheTextbooksExampleByPassingByAKey) {
  // Silberschatz, Galvin, Gagne: "Operating System Concepts", page replacement with three frames: at best 9 faults
  // where each page has to be taken in. The 4, asked for once, need not be.
  const Requests requests = {7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1};
  EXPECT_EQ(requests.size() - MinHits(requests, 8, 3), 8u);
  EXPECT_EQ(BestHits(requests, Weights(8, 1), 3), 12u);
  EXPECT_EQ(requests.size() - LruHits(requests, Weights(8, 1), 3), 12u);
  EXPECT_EQ(requests.size() - FifoHits(requests, Weights(8, 1), 3), 15u);
}

TEST(MinHitsTest, IsTheBestOfAll) {
  bench::Random random(1);
  for (int round = 0; round < 300; ++round) {
    const Requests requests = RandomRequests(&random, 14, 5);
    const uint64_t capacity = 1 + random.Below(4);
    EXPECT_EQ(MinHits(requests, 5, capacity), BestHits(requests, Weights(5, 1), capacity)) << "round " << round;
  }
}

TEST(IntervalBoundTest, TakesTheCheapestIntervals) {
  // Prices 2 · 1 and 1 · 3 for a budget of 1 · 5; the heavy one does not fit at all.
  EXPECT_EQ(IntervalBoundHits({0, 1, 1, 0, 2}, {1, 2, 1}, 1), 1u);
  EXPECT_EQ(IntervalBoundHits({0, 1, 1, 0, 2}, {1, 2, 1}, 2), 2u);
  // One of two intervals of 5 for a budget of 6.
  EXPECT_EQ(IntervalBoundHits({0, 1, 2, 2, 1, 0}, {1, 1, 1}, 1), 2u);
}

TEST(IntervalBoundTest, NoCacheIsAboveIt) {
  bench::Random random(2);
  uint64_t best = 0;
  uint64_t bound = 0;
  for (int round = 0; round < 300; ++round) {
    const Requests requests = RandomRequests(&random, 14, 5);
    Weights weights(5);
    for (uint32_t& weight : weights) weight = 1 + random.Below(6);
    const uint64_t capacity = 1 + random.Below(12);
    const uint64_t most = BestHits(requests, weights, capacity);
    EXPECT_GE(IntervalBoundHits(requests, weights, capacity), most) << "round " << round;
    EXPECT_LE(LruHits(requests, weights, capacity), most);
    EXPECT_LE(FifoHits(requests, weights, capacity), most);
    best += most;
    bound += IntervalBoundHits(requests, weights, capacity);
  }
  EXPECT_LT(bound, best * 3 / 2) << "so loose that it says nothing";
}

TEST(QueueHitsTest, LruRenewsAndFifoDoesNot) {
  EXPECT_EQ(LruHits({0, 1, 0, 2, 0}, {1, 1, 1}, 2), 2u);
  EXPECT_EQ(FifoHits({0, 1, 0, 2, 0}, {1, 1, 1}, 2), 1u);
}

TEST(QueueHitsTest, AHeavyEntryDrivesOutSeveralAndOneTooHeavyNone) {
  EXPECT_EQ(LruHits({0, 1, 2, 0, 1}, {1, 1, 2}, 2), 0u);
  EXPECT_EQ(LruHits({0, 1, 2, 0, 1}, {1, 1, 3}, 2), 2u);
}

}  // namespace
}  // namespace nearcache::hit_ratio
