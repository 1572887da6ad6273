#include "nearcache/internal/local/deadline_tree.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::internal::local {
namespace {

using Tick = DeadlineTree::Tick;

class DeadlineTreeTest : public testing::Test {
 protected:
  DeadlineTree Tree(int log2) {
    nodes_.assign(DeadlineTree::Bytes(log2) / sizeof(uint32_t), 0);
    return {nodes_.data(), log2};
  }

  std::vector<uint32_t> nodes_;
};

TEST_F(DeadlineTreeTest, HasNoDeadlineAtFirst) {
  EXPECT_EQ(Tree(0).earliest(), DeadlineTree::kNeverTick);
  EXPECT_EQ(Tree(9).earliest(), DeadlineTree::kNeverTick);
}

TEST_F(DeadlineTreeTest, NeedsFourBytesPerLeafAndAFifteenthMore) {
  EXPECT_EQ(DeadlineTree::Bytes(0), 4u);
  EXPECT_EQ(DeadlineTree::Bytes(4), 4u * (16 + 1));
  EXPECT_EQ(DeadlineTree::Bytes(5), 4u * (32 + 2 + 1));
  EXPECT_EQ(DeadlineTree::Bytes(12), 4u * (4096 + 256 + 16 + 1));
}

TEST_F(DeadlineTreeTest, FollowsAPlainListOfDeadlines) {
  for (const int log2 : {0, 1, 3, 4, 5, 9}) {
    const size_t leaves = size_t{1} << log2;
    DeadlineTree tree = Tree(log2);
    std::vector<Tick> plain(leaves, DeadlineTree::kNeverTick);
    std::mt19937 random(static_cast<unsigned>(log2));
    for (int step = 0; step < 3000; ++step) {
      const size_t leaf = random() % leaves;
      const Tick tick = random() % 5 == 0 ? DeadlineTree::kNeverTick : random() % 1000;
      if (random() % 2 == 0) {
        tree.Lower(leaf, tick);
        plain[leaf] = std::min(plain[leaf], tick);
      } else {
        tree.Set(leaf, tick);
        plain[leaf] = tick;
      }
      const Tick earliest = *std::min_element(plain.begin(), plain.end());
      ASSERT_EQ(tree.earliest(), earliest);
      if (earliest != DeadlineTree::kNeverTick) {
        ASSERT_EQ(plain[tree.EarliestLeaf()], earliest);
      }
    }
  }
}

TEST_F(DeadlineTreeTest, ABucketThatIsDueHoldsNothingThatOnlySeemsToBe) {
  for (const MonotonicNanos deadline : {int64_t{1}, int64_t{1} << 26, (int64_t{1} << 26) + 1, int64_t{1} << 50}) {
    const Tick tick = DeadlineTree::FirstTickAfter(deadline);
    EXPECT_LT(DeadlineTree::TickAt(deadline - 1), tick) << deadline;
    EXPECT_GE(DeadlineTree::TickAt(deadline + (int64_t{1} << 26) - 1), tick) << deadline;
  }
}

TEST_F(DeadlineTreeTest, DeadlinesBeforeTheClockBeganAreDueAtOnce) {
  EXPECT_LE(DeadlineTree::FirstTickAfter(-1), DeadlineTree::TickAt(0));
  EXPECT_LE(DeadlineTree::FirstTickAfter(0), DeadlineTree::TickAt(-5));
}

TEST_F(DeadlineTreeTest, DeadlinesBeyondTheLastTickAreNeverDue) {
  EXPECT_EQ(DeadlineTree::FirstTickAfter(kNever), DeadlineTree::kNeverTick);
  EXPECT_LT(DeadlineTree::FirstTickAfter(kNever - 1), DeadlineTree::kNeverTick);
  EXPECT_LT(DeadlineTree::TickAt(kNever), DeadlineTree::FirstTickAfter(kNever - 1));
}

}  // namespace
}  // namespace nearcache::internal::local
