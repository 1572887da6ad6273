#include "bench/support/spread.h"

#include <algorithm>
#include <set>
#include <vector>

#include "bench/support/random.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

TEST(SpreadTest, MedianAndQuartiles) {
  const Spread spread = SpreadOf({5, 1, 4, 2, 3});
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.low, 2);
  EXPECT_EQ(spread.high, 4);
  EXPECT_EQ(spread.count, 5u);
}

TEST(SpreadTest, FewSamplesSpreadFromTheLeastToTheGreatest) {
  const Spread spread = SpreadOf({10, 2});
  EXPECT_EQ(spread.median, 6);
  EXPECT_EQ(spread.low, 2);
  EXPECT_EQ(spread.high, 10);
}

TEST(SpreadTest, NothingIsZero) { EXPECT_EQ(SpreadOf({}).count, 0u); }

// The machine was three times as slow in the second round; the ratio does not notice.
TEST(PairedRatioTest, WhatDisturbsBothCancels) {
  const Spread ratio = PairedRatio({10, 30, 10}, {20, 60, 20});
  EXPECT_EQ(ratio.median, 0.5);
  EXPECT_EQ(ratio.low, 0.5);
  EXPECT_EQ(ratio.high, 0.5);
}

TEST(PairedRatioTest, RoundsWithoutAMeasurementAreLeftOut) {
  const Spread ratio = PairedRatio({10, 0, 10}, {20, 5, 0});
  EXPECT_EQ(ratio.count, 1u);
  EXPECT_EQ(ratio.median, 0.5);
}

TEST(ShuffledOrderTest, IsAPermutationAndEveryOneComesFirstAtTimes) {
  Random random(1);
  std::set<size_t> firsts;
  for (int i = 0; i < 200; ++i) {
    std::vector<size_t> order = ShuffledOrder(5, &random);
    firsts.insert(order[0]);
    std::sort(order.begin(), order.end());
    ASSERT_EQ(order, (std::vector<size_t>{0, 1, 2, 3, 4}));
  }
  EXPECT_EQ(firsts.size(), 5u);
}

}  // namespace
}  // namespace nearcache::bench
