// What the tier says that it holds, against what the allocator says. Needs the real allocator: not under sanitizers.

#include <malloc.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/entry_heap.h"
#include "nearcache/internal/local/local_tier.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

class LocalTierAccountingTest : public TierTest {
 protected:
  LocalTierAccountingTest() {
    options_.staleness_bound = absl::InfiniteDuration();
    // What the heap needs for itself, once in a process, belongs to nobody.
    EntryHeap::Process().Free(EntryHeap::Process().Allocate(1), 1);
  }
};

size_t AllocatedByMalloc() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// By malloc, and by the heap of the entries: spans that are not full count whole.
size_t AllocatedByTheProcess() { return AllocatedByMalloc() + EntryHeap::Process().held_bytes(); }

// The figure of the tier against that of the allocator, for small and for large values, while the tier grows, when it
// is full, and after churn.
void ExpectAccountedWithinThreePercent(LocalTier* tier, size_t value_bytes, int entries) {
  const std::string value(value_bytes, 'v');
  const size_t before = AllocatedByTheProcess();
  for (int i = 0; i < entries; ++i) {
    const std::string key = absl::StrCat("key-number-", i);
    tier->Put(HashKey(key, tier->hash_seed()), value, OperationId{1, static_cast<uint64_t>(i) + 1}, 1, kNever);
    if (i % (entries / 10) != entries / 10 - 1) continue;
    const auto accounted = static_cast<double>(tier->GetStats().bytes);
    const auto allocated = static_cast<double>(AllocatedByTheProcess() - before);
    EXPECT_LT(accounted, 1.03 * allocated) << "after " << i;
    EXPECT_GT(accounted, 0.97 * allocated) << "after " << i;
  }
}

TEST_F(LocalTierAccountingTest, AccountedBytesAreWhatTheAllocatorHoldsForSmallValues) {
  options_.capacity_bytes = 12'000'000;
  ExpectAccountedWithinThreePercent(&tier(), 50, 200'000);
  EXPECT_GT(tier().GetStats().removals_capacity, 10'000u);
}

TEST_F(LocalTierAccountingTest, AccountedBytesAreWhatTheAllocatorHoldsForLargeValues) {
  options_.capacity_bytes = size_t{40} << 20;
  ExpectAccountedWithinThreePercent(&tier(), 50 * 1024, 3'000);
  EXPECT_GT(tier().GetStats().removals_capacity, 1'000u);
}

// The ghosts of a single stripe take more than the slack of the budget, so a full cache has to give room for them.
TEST_F(LocalTierAccountingTest, AFullCacheMakesRoomForGhosts) {
  options_.capacity_bytes = 4'000'000;
  options_.stripe_count = 1;
  const size_t before = AllocatedByMalloc();
  for (int i = 0; i < 100'000; ++i) Put(absl::StrCat("key-", i), "v");
  // Entries and tables are not malloc's: five bytes for each entry, and some for the tier itself.
  EXPECT_GT(AllocatedByMalloc() - before, 4 * tier().GetStats().entries);
  EXPECT_LE(tier().GetStats().bytes, options_.capacity_bytes);
}

// What the system gave: whole chunks of 2 MiB, with the rests that no block fits into.
TEST_F(LocalTierAccountingTest, AccountedBytesAreWhatTheSystemGave) {
  options_.capacity_bytes = size_t{192} << 20;
  const std::string value(1'400, 'v');
  for (uint64_t i = 1; i <= 200'000; ++i) {
    const std::string key = absl::StrCat("key-number-", i);
    const absl::string_view bytes = absl::string_view(value).substr(0, i * 7919 % value.size());
    tier().Put(HashKey(key, tier().hash_seed()), bytes, OperationId{1, i}, 1, kNever);
  }
  const auto accounted = static_cast<double>(tier().GetStats().bytes);
  const auto mapped = static_cast<double>(EntryHeap::Process().mapped_bytes());
  EXPECT_LT(accounted, mapped);
  EXPECT_GT(accounted, 0.96 * mapped);
}

}  // namespace
}  // namespace nearcache::internal::local
