#include "nearcache/internal/coherence/epoch_register.h"

#include <thread>  // NOLINT: readers and a writer at once.
#include <vector>

#include "gtest/gtest.h"

namespace nearcache::internal::coherence {
namespace {

constexpr OperationId kA{1, 1};
constexpr OperationId kB{1, 2};
constexpr OperationId kC{2, 1};
using Verdict = EpochRegister::Verdict;

TEST(EpochRegisterTest, KnowsNothingAtFirst) {
  EpochRegister epochs;
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_TRUE(epochs.Last().empty());
}

TEST(EpochRegisterTest, AReadingVouches) {
  EpochRegister epochs;
  EXPECT_EQ(epochs.Confirm(kA, epochs.version()), Verdict::kReplaced);
  EXPECT_EQ(epochs.Vouched(), kA);
  EXPECT_EQ(epochs.Confirm(kA, epochs.version()), Verdict::kConfirmed);
}

TEST(EpochRegisterTest, AReplyIsBelievedButNotVouchedForUntilALaterReadingAgrees) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  const uint64_t before = epochs.version();
  EXPECT_TRUE(epochs.Hear(kB));
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs.Last(), kB);
  EXPECT_FALSE(epochs.Hear(kB)) << "no news";
  EXPECT_EQ(epochs.Confirm(kB, before), Verdict::kOvertaken) << "sent before it was heard";
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs.Confirm(kB, epochs.version()), Verdict::kConfirmed);
  EXPECT_EQ(epochs.Vouched(), kB);
}

TEST(EpochRegisterTest, AClearOfTheChannelKeepsItVouched) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  epochs.Apply(kB);
  EXPECT_EQ(epochs.Vouched(), kB);
}

TEST(EpochRegisterTest, ALateReplyWithAReplacedEpochIsNoNews) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  epochs.Apply(kB);
  EXPECT_FALSE(epochs.Hear(kA));
  EXPECT_EQ(epochs.Vouched(), kB);
}

// Found by the simulation: a Clear, its message under way, then the server loses the epoch; a fresh read sees nothing.
// The next read must not see the value again.
TEST(EpochRegisterTest, AReplyWithoutAnyEpochEndsWhatIsVouchedFor) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  const uint64_t before = epochs.version();
  EXPECT_TRUE(epochs.Hear(OperationId()));
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs.Last(), kA);
  EXPECT_FALSE(epochs.Hear(OperationId())) << "no news";
  EXPECT_FALSE(epochs.Hear(kA)) << "a late reply";
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs.Confirm(kA, before), Verdict::kOvertaken);
  EXPECT_EQ(epochs.Confirm(kA, epochs.version()), Verdict::kConfirmed);
}

// Two Clears, B after A: a reply shows B first, then A's message arrives. To believe it would bring back what B
// removed.
TEST(EpochRegisterTest, AMessageDoesNotTurnBackWhatAReplyHasShown) {
  EpochRegister epochs;
  epochs.Confirm(kC, epochs.version());
  EXPECT_TRUE(epochs.Hear(kB));
  epochs.Apply(kA);
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs.Last(), kB);
}

TEST(EpochRegisterTest, AReadingThatAClearOvertookDecidesNothing) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  const uint64_t before = epochs.version();
  epochs.Apply(kB);
  EXPECT_EQ(epochs.Confirm(kA, before), Verdict::kOvertaken);
  EXPECT_EQ(epochs.Vouched(), kB);
}

TEST(EpochRegisterTest, AfterASnapshotWasPutBackAnOldEpochCountsAgain) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  epochs.Apply(kB);
  EXPECT_EQ(epochs.Confirm(kA, epochs.version()), Verdict::kReplaced);
  EXPECT_EQ(epochs.Vouched(), kA);
  EXPECT_TRUE(epochs.Hear(kB));
}

TEST(EpochRegisterTest, ADistrustedEpochIsRememberedButNotVouchedFor) {
  EpochRegister epochs;
  epochs.Confirm(kA, epochs.version());
  epochs.Distrust();
  EXPECT_EQ(epochs.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs.Last(), kA);
}

TEST(EpochRegisterTest, ReadersNeverSeeHalfAnEpoch) {
  EpochRegister epochs;
  epochs.Confirm({1, 1}, epochs.version());
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&epochs] {
      for (OperationId seen; seen.counter < 20'000;) {
        seen = epochs.Last();
        ASSERT_EQ(seen.nonce, seen.counter);
      }
    });
  }
  for (uint64_t i = 2; i <= 20'000; ++i) epochs.Apply({i, i});
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace nearcache::internal::coherence
