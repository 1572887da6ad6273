#include "nearcache/internal/local/lane_lease.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::internal::local {
namespace {

TEST(LaneLeaseTest, BeginsClosed) {
  const LaneLease lease;
  EXPECT_EQ(lease.FillGeneration(), kNoGeneration);
  EXPECT_FALSE(lease.Covers(kNoGeneration, 0));
}

TEST(LaneLeaseTest, CoversItsGenerationUpToTheDeadline) {
  LaneLease lease;
  const Generation generation = lease.Open(100);
  EXPECT_NE(generation, kNoGeneration);
  EXPECT_EQ(lease.FillGeneration(), generation);
  EXPECT_TRUE(lease.Covers(generation, 100));
  EXPECT_FALSE(lease.Covers(generation, 101));
  EXPECT_FALSE(lease.Covers(generation + 1, 50));
  EXPECT_FALSE(lease.Covers(kNoGeneration, 50));
}

TEST(LaneLeaseTest, RenewalExtendsAndNeverShortens) {
  LaneLease lease;
  const Generation generation = lease.Open(100);
  lease.Renew(200);
  lease.Renew(150);
  EXPECT_TRUE(lease.Covers(generation, 200));
}

TEST(LaneLeaseTest, ClosingEndsTheGenerationForGood) {
  LaneLease lease;
  const Generation first = lease.Open(100);
  lease.Close();
  EXPECT_EQ(lease.FillGeneration(), kNoGeneration);
  EXPECT_FALSE(lease.Covers(first, 50));
  lease.Renew(200);
  EXPECT_FALSE(lease.Covers(first, 50));
  const Generation second = lease.Open(300);
  EXPECT_NE(first, second);
  EXPECT_FALSE(lease.Covers(first, 50));
  EXPECT_TRUE(lease.Covers(second, 250));
}

// A reader found an entry, and was not run while a message took it away and a heartbeat proved that all was heard. That
// proof is not about the entry that he holds.
TEST(LaneLeaseTest, AnExtensionAfterTheSearchBeganDoesNotCoverWhatWasFound) {
  LaneLease lease;
  std::atomic<Generation> generation{lease.Open(100)};
  const MonotonicNanos before_the_search = lease.deadline();
  lease.Renew(300);
  EXPECT_FALSE(lease.Covers(generation, 200, before_the_search));
  EXPECT_TRUE(lease.Covers(generation, 100, before_the_search));
  EXPECT_TRUE(lease.Covers(generation, 200));
}

// The entry of a generation that ended before the reader looked is not covered by the lease of a later one.
TEST(LaneLeaseTest, ReadersNeverSeeAnOldGenerationUnderANewDeadline) {
  LaneLease lease;
  const Generation first = lease.Open(1'000);
  lease.Close();
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) EXPECT_FALSE(lease.Covers(first, 2'000));
  });
  for (int i = 0; i < 100'000; ++i) {
    lease.Open(3'000);
    lease.Close();
  }
  done.store(true);
  reader.join();
}

}  // namespace
}  // namespace nearcache::internal::local
