// Memory that is not there: the n-th allocation of entries and tables fails, for each n. Nothing crashes, nothing wrong
// is served, what could not be kept is counted, and no byte of the budget or of the heap is lost.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/local/entry_heap.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

constexpr int kFailuresAt = 1000;
constexpr int kKeys = 300;

// Of all sizes that the heap treats differently: blocks, wider blocks, runs.
std::string ValueOf(int i) {
  const size_t sizes[] = {1, 40, 300, 900, 3'000, 9'000};
  return absl::StrCat(i, std::string(sizes[i % 6], 'v'));
}

class AllocationFailureTest : public TierTest, public testing::WithParamInterface<PolicyKind> {
 protected:
  AllocationFailureTest() {
    options_.policy = GetParam();
    options_.staleness_bound = absl::InfiniteDuration();
    options_.seed = 7;
  }

  // Stores so many values, by turns in each of the three ways there are. Tables grow, entries are replaced, and at
  // least so many allocations are made. stored_ is what must be there afterwards.
  void RunScript(int stores) {
    stored_.assign(kKeys, "");
    for (int i = 0; i < stores; ++i) Store(i);
  }

  void Store(int i) {
    const std::string key = KeyOf(i);
    const std::string value = ValueOf(i);
    bool kept = true;
    switch (i % 3) {
      case 0:
        kept = Put(key, value);
        break;
      case 1:
        kept = StoreByRead(key, value, Id(static_cast<uint64_t>(i) + 1));
        break;
      default:
        Acknowledge(BeginWrite(key, Id(static_cast<uint64_t>(i) + 1)), value);
        kept = Hit(key).has_value();
    }
    stored_[static_cast<size_t>(i % kKeys)] = kept ? value : "";
    EXPECT_EQ(Hit(key).has_value(), kept) << key;
  }

  // A key may be in memory from the round before: then there is nothing to read.
  bool StoreByRead(const std::string& key, const std::string& value, OperationId id) {
    tier().Remove(Key(key));
    const FlightRef flight = Lead(key);
    EXPECT_EQ(RoleOf(key), Role::kJoin);
    Complete(flight, value, id);
    EXPECT_EQ(TakeDelivered(), std::vector<std::string>{value});  // Whether it is kept or not.
    return Hit(key).has_value();
  }

  void CheckAll(int n) {
    for (int i = 0; i < kKeys; ++i) {
      EXPECT_EQ(Hit(KeyOf(i)).value_or(""), stored_[static_cast<size_t>(i)]) << "key " << i << ", failure at " << n;
    }
  }

  void ExpectNothingIsLeft(int n) {
    tier().Clear();
    MaintainAll();
    tier().FreeRetired();
    const LocalTierStats stats = tier().GetStats();
    EXPECT_EQ(stats.entries, 0u) << "failure at " << n;
    EXPECT_EQ(stats.bytes, 0u) << "failure at " << n;
    EXPECT_EQ(stats.flights + stats.writes + stats.retired_bytes, 0u) << "failure at " << n;
  }

  static std::string KeyOf(int i) { return absl::StrCat("key-", i % kKeys); }

  std::vector<std::string> stored_;  // By the number of the key; empty: not kept.
};

INSTANTIATE_TEST_SUITE_P(EveryPolicy, AllocationFailureTest,
                         testing::Values(PolicyKind::kScanResistant, PolicyKind::kLru),
                         [](const testing::TestParamInfo<PolicyKind>& policy) {
                           return policy.param == PolicyKind::kLru ? "Lru" : "ScanResistant";
                         });

TEST_P(AllocationFailureTest, TheNthAllocationFailsAndNothingIsLost) {
  RunScript(kFailuresAt);
  CheckAll(0);
  EXPECT_EQ(tier().GetStats().entries_refused, 0u);
  ExpectNothingIsLeft(0);
  tier_.reset();
  const size_t held_before = EntryHeap::Process().held_bytes();
  uint64_t refused = 0;
  for (int n = 1; n <= kFailuresAt && !HasFailure(); ++n) {
    Open();
    EntryHeap::Process().FailAllocation(n);
    RunScript(n);
    EXPECT_LE(tier().GetStats().entries_refused, 1u) << "failure at " << n;
    refused += tier().GetStats().entries_refused;
    EntryHeap::Process().FailAllocation(0);
    for (int i = 0; i < kKeys; ++i) Store(i);  // All is well again, and tables have the size that they need.
    CheckAll(n);
    ExpectNothingIsLeft(n);
    tier_.reset();
  }
  // Nearly all allocations are those of entries; the failure of any of them is counted.
  EXPECT_GT(refused, 0.9 * kFailuresAt);
  // But for the few spans that the heap keeps.
  EXPECT_LT(EntryHeap::Process().held_bytes(), held_before + (size_t{256} << 10));
}

TEST_P(AllocationFailureTest, ABudgetThatIsFullAndAFailureAtOnce) {
  options_.capacity_bytes = 300'000;
  for (int n = 1; n <= kFailuresAt && !HasFailure(); n += 7) {
    Open();
    EntryHeap::Process().FailAllocation(n);
    for (int i = 0; i < 1400; ++i) {
      Put(KeyOf(i), ValueOf(i));
      const absl::optional<std::string> hit = Hit(KeyOf(i));
      EXPECT_EQ(hit.value_or(ValueOf(i)), ValueOf(i)) << "failure at " << n;
      ASSERT_LE(tier().GetStats().bytes, options_.capacity_bytes) << "failure at " << n;
    }
    EntryHeap::Process().FailAllocation(0);
    EXPECT_GT(tier().GetStats().removals_capacity, 100u);
    ExpectNothingIsLeft(n);
    tier_.reset();
  }
}

}  // namespace
}  // namespace nearcache::internal::local
