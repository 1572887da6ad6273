#include "bench/support/zipf.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "bench/processes/key_space.h"
#include "bench/support/random.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

// Shares of the draws that fell on each rank.
std::vector<double> DrawShares(uint32_t rank_count, double exponent, int draws) {
  const Zipf zipf(rank_count, exponent);
  Random random(7);
  std::vector<double> shares(rank_count);
  for (int i = 0; i < draws; ++i) shares[zipf.Draw(&random)] += 1.0 / draws;
  return shares;
}

void ExpectSharesFollowTheLaw(uint32_t rank_count, double exponent) {
  const std::vector<double> shares = DrawShares(rank_count, exponent, 1'000'000);
  double sum = 0;
  for (uint32_t rank = 0; rank < rank_count; ++rank) sum += std::pow(rank + 1.0, -exponent);
  for (uint32_t rank = 0; rank < rank_count; ++rank) {
    EXPECT_NEAR(shares[rank], std::pow(rank + 1.0, -exponent) / sum, 0.002) << "rank " << rank;
  }
}

TEST(ZipfTest, SharesFollowTheLaw) {
  ExpectSharesFollowTheLaw(100, 0.99);
  ExpectSharesFollowTheLaw(100, 1);
  ExpectSharesFollowTheLaw(10, 2);
}

TEST(ZipfTest, OneRankIsAlwaysDrawn) {
  const Zipf zipf(1, 0.99);
  Random random(1);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(zipf.Draw(&random), 0u);
}

TEST(ZipfTest, RareRanksOfALargeSetAreReached) {
  const Zipf zipf(200'000, 0.99);
  Random random(3);
  int upper_half = 0;
  for (int i = 0; i < 100'000; ++i) {
    const uint32_t rank = zipf.Draw(&random);
    ASSERT_LT(rank, 200'000u);
    upper_half += rank >= 100'000;
  }
  // The upper half of the ranks holds 5.8 percent of the probability.
  EXPECT_NEAR(upper_half, 5800, 400);
}

TEST(KeySpaceTest, EachRankHasItsOwnKey) {
  for (const uint32_t count : {8u, 12u, 1000u, 200'000u}) {
    const KeySpace keys(count, 8);
    std::vector<bool> seen(count);
    for (uint32_t rank = 0; rank < count; ++rank) {
      const uint32_t key = keys.KeyOfRank(rank);
      ASSERT_LT(key, count);
      ASSERT_FALSE(seen[key]) << "count " << count << ", key " << key;
      seen[key] = true;
    }
  }
}

TEST(KeySpaceTest, PopularRanksAreNotNeighbours) {
  const KeySpace keys(200'000, 8);
  for (uint32_t rank = 1; rank < 100; ++rank) {
    EXPECT_GT(std::abs(int64_t{keys.KeyOfRank(rank)} - int64_t{keys.KeyOfRank(rank - 1)}), 1000);
  }
}

TEST(KeySpaceTest, NeighbourBelongsToItsSlot) {
  const KeySpace keys(1003, 8);  // Not a multiple of the slots: the last keys have no full row of neighbours.
  for (uint32_t key = 0; key < 1003; ++key) {
    for (uint32_t slot = 0; slot < 8; ++slot) {
      const uint32_t neighbour = keys.NeighbourOwnedBy(slot, key);
      ASSERT_LT(neighbour, 1003u);
      ASSERT_EQ(keys.OwnerOf(neighbour), slot);
    }
  }
}

TEST(KeyNameTest, IsPrefixAndTenDigits) {
  EXPECT_EQ(KeyName(42).view(), "record:0000000042");
  EXPECT_EQ(KeyName(4'294'967'295u).view(), "record:4294967295");
}

}  // namespace
}  // namespace nearcache::bench
