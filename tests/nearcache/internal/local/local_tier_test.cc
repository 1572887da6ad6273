#include "nearcache/internal/local/local_tier.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/value.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

class LocalTierTest : public TierTest {
 protected:
  LocalTierTest() { options_.staleness_bound = absl::InfiniteDuration(); }
};

using Replacement = LocalTier::Replacement;
using Current = LocalTier::Current;

TEST_F(LocalTierTest, ServesWhatWasPut) {
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_TRUE(Put("k", "v"));
  EXPECT_EQ(Hit("k"), "v");
  EXPECT_TRUE(Put("k", "w"));
  EXPECT_EQ(Hit("k"), "w");
  EXPECT_EQ(Hit("l"), absl::nullopt);
  EXPECT_EQ(tier().GetStats().entries, 1u);
}

TEST_F(LocalTierTest, KeysAndValuesAreAnyBytes) {
  const std::string key("a\0\n\xff", 4);
  const std::string value("\0v\0", 3);
  EXPECT_TRUE(Put(key, value));
  EXPECT_TRUE(Put("", "of the empty key"));
  EXPECT_TRUE(Put("of the empty value", ""));
  EXPECT_TRUE(Put(std::string(70'000, 'k'), "of a long key"));
  EXPECT_EQ(Hit(key), value);
  EXPECT_EQ(Hit(absl::string_view(key).substr(0, 1)), absl::nullopt);
  EXPECT_EQ(Hit(""), "of the empty key");
  EXPECT_EQ(Hit("of the empty value"), "");
  EXPECT_EQ(Hit(std::string(70'000, 'k')), "of a long key");
}

TEST_F(LocalTierTest, AllThreeFormsOfAHitAgree) {
  const MonotonicNanos expires_at = In(absl::Seconds(5));
  const MonotonicNanos put_at = now();
  Put("k", "value", expires_at);
  std::string visited;
  EXPECT_TRUE(tier().Read(Key("k"), now(), [&](absl::string_view value) { visited = std::string(value); }));
  Value counted;
  EntryInfo info;
  EXPECT_TRUE(tier().Get(Key("k"), now(), &counted, &info));
  EXPECT_EQ(visited, "value");
  EXPECT_EQ(counted.view(), "value");
  EXPECT_EQ(Hit("k"), "value");
  EXPECT_EQ(info.fetched_at, FetchTime::Round(put_at));
  EXPECT_EQ(info.expires_at, expires_at);
  EXPECT_EQ(tier().GetStats().hits, 3u);
}

TEST_F(LocalTierTest, AMissLeavesTheOutputsAlone) {
  std::string copy = "before";
  Value value = Value::Copy("before");
  EntryInfo info;
  EXPECT_FALSE(tier().GetCopy(Key("k"), now(), &copy));
  EXPECT_FALSE(tier().Get(Key("k"), now(), &value, &info));
  EXPECT_FALSE(tier().Read(Key("k"), now(), [](absl::string_view) { FAIL(); }));
  EXPECT_EQ(copy, "before");
  EXPECT_EQ(value.view(), "before");
}

TEST_F(LocalTierTest, ExpiryIsExactAtTheRead) {
  Put("k", "v", In(absl::Milliseconds(5)));
  clock_.Advance(absl::Milliseconds(5) - absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), "v");
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
  EXPECT_EQ(tier().GetStats().removals_expired, 1u);
  EXPECT_EQ(tier().GetStats().lease_misses, 0u);
}

// A clock whose cheap reading lags: what may have expired by true time is not served.
class LaggingClock final : public Clock {
 public:
  MonotonicNanos Now() const override { return coarse + 8'000; }
  MonotonicNanos NowCoarse() const override { return coarse; }
  int64_t CoarseLagNanos() const override { return 8'000; }
  int64_t SuspendedNanos() const override { return 0; }
  MonotonicNanos coarse = 1'000'000;
};

TEST_F(LocalTierTest, TheLagOfTheCoarseClockCountsAgainstExpiryFreshnessAndLease) {
  LaggingClock clock;
  options_.clock = &clock;
  options_.staleness_bound = absl::Microseconds(100);
  tier().Put(Key("expiring"), "v", Id(1), 1'000'000, 1'050'000);
  EXPECT_TRUE(tier().Read(Key("expiring"), 1'041'000, [](absl::string_view) {}));
  EXPECT_FALSE(tier().Read(Key("expiring"), 1'042'000, [](absl::string_view) {}));
  tier().lane(0).Open(1'200'000);
  tier().Put(Key("leased"), "v", Id(2), 1'000'000, kNever);
  EXPECT_TRUE(tier().Read(Key("leased"), 1'192'000, [](absl::string_view) {}));
  EXPECT_FALSE(tier().Read(Key("leased"), 1'193'000, [](absl::string_view) {}));
  tier().lane(0).Close();
  EXPECT_TRUE(tier().Read(Key("leased"), 1'092'000, [](absl::string_view) {}));
  EXPECT_FALSE(tier().Read(Key("leased"), 1'093'000, [](absl::string_view) {}));
}

TEST_F(LocalTierTest, WithoutAStalenessBoundNothingOfTheProtocolLimitsAnEntry) {
  Put("k", "v");
  clock_.Advance(absl::Hours(24 * 365 * 50));
  EXPECT_EQ(Hit("k"), "v");
}

TEST_F(LocalTierTest, RemoveSaysWhetherSomethingWasThere) {
  Put("k", "v", In(absl::Seconds(1)));
  EXPECT_TRUE(tier().Remove(Key("k")));
  EXPECT_FALSE(tier().Remove(Key("k")));
  Put("k", "v", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(tier().Remove(Key("k")));
  EXPECT_EQ(tier().GetStats().removals_explicit, 2u);
}

// --- Update

TEST_F(LocalTierTest, UpdateSeesTheCurrentEntryAndReplacesIt) {
  Put("k", "1", In(absl::Seconds(9)));
  const MonotonicNanos expires_at = In(absl::Seconds(3));
  EXPECT_TRUE(tier()
                  .Update(Key("k"), Id(5), now(),
                          [&](const Current* current) -> absl::optional<Replacement> {
                            EXPECT_EQ(current->value, "1");
                            return Replacement{absl::StrCat(current->value, "2"), expires_at, false};
                          })
                  .ok());
  Value value;
  EntryInfo info;
  ASSERT_TRUE(tier().Get(Key("k"), now(), &value, &info));
  EXPECT_EQ(value.view(), "12");
  EXPECT_EQ(info.id, Id(5));
  EXPECT_EQ(info.expires_at, expires_at);
}

TEST_F(LocalTierTest, UpdateOfWhatIsAbsentOrExpiredSeesNothing) {
  Put("expired", "v", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(1));
  for (const absl::string_view key : {"absent", "expired"}) {
    const absl::Status status =
        tier().Update(Key(key), Id(5), now(), [](const Current* current) -> absl::optional<Replacement> {
          EXPECT_EQ(current, nullptr);
          return Replacement{"new", kNever, false};
        });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(Hit(key), "new");
  }
}

TEST_F(LocalTierTest, UpdateMayLeaveOrRemove) {
  Put("k", "v");
  const auto leave = [](const Current*) -> absl::optional<Replacement> { return absl::nullopt; };
  EXPECT_TRUE(tier().Update(Key("k"), Id(5), now(), leave).ok());
  EXPECT_EQ(Hit("k"), "v");
  const auto remove = [](const Current*) -> absl::optional<Replacement> { return Replacement{"", kNever, true}; };
  EXPECT_TRUE(tier().Update(Key("k"), Id(6), now(), remove).ok());
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(LocalTierTest, UpdateRunsAgainIfTheEntryChangedMeanwhile) {
  Put("k", "old");
  int runs = 0;
  const absl::Status status =
      tier().Update(Key("k"), Id(5), now(), [&](const Current* current) -> absl::optional<Replacement> {
        if (++runs == 1) Put("k", "between");
        return Replacement{absl::StrCat(current->value, "+"), kNever, false};
      });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Hit("k"), "between+");
}

TEST_F(LocalTierTest, AnUpdateThatIsTooLargeNamesKeyAndLimitAndLeavesTheOldEntry) {
  options_.entry_bytes_max = 1000;
  Put("the-key", "old");
  const absl::Status status = tier().Update(
      Key("the-key"), Id(5), now(),
      [](const Current*) -> absl::optional<Replacement> { return Replacement{std::string(2000, 's'), kNever, false}; });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(status.message(), "the-key")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "1000")) << status;
  EXPECT_FALSE(absl::StrContains(status.message(), "sss"));
  EXPECT_EQ(Hit("the-key"), "old");
}

// --- Loads in local-only mode: the rules of flights hold there too

TEST_F(LocalTierTest, PutDuringALoadKeepsTheLoadedValueOut) {
  const FlightRef load = Lead("k", FlightKind::kLoad);
  Put("k", "newer");
  EXPECT_FALSE(tier().IsAttached(load));
  Complete(load, "older", Id(1));
  // The loaded value may be older or newer: neither is kept.
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(LocalTierTest, RemoveDuringALoadKeepsTheLoadedValueOut) {
  const FlightRef load = Lead("k", FlightKind::kLoad);
  tier().Remove(Key("k"));
  Complete(load, "older", Id(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(LocalTierTest, OneFlightServesAllThatJoinIt) {
  const FlightRef flight = Lead("k");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(RoleOf("k"), Role::kJoin);
  EXPECT_EQ(tier().GetStats().flights, 1u);
  Complete(flight, "v", Id(1));
  EXPECT_EQ(TakeDelivered(), std::vector<std::string>(5, "v"));
  const LocalTierStats stats = tier().GetStats();
  EXPECT_EQ(stats.flights, 0u);
  EXPECT_EQ(stats.flights_joined, 5u);
  EXPECT_EQ(stats.misses, 6u);
  EXPECT_EQ(RoleOf("k"), Role::kHit);
}

TEST_F(LocalTierTest, AWaiterMayUseTheTier) {
  const FlightRef flight = Lead("k");
  Waiter waiter = [this](const ReadOutcome&) {
    EXPECT_EQ(Hit("k"), "v");
    EXPECT_TRUE(Put("other", "w"));
    EXPECT_EQ(RoleOf("third"), Role::kLead);
  };
  ASSERT_EQ(tier().BeginRead(Key("k"), now(), FlightKind::kRead, &waiter).role, Role::kJoin);
  Complete(flight, "v", Id(1));
  EXPECT_EQ(Hit("other"), "w");
}

// --- Lives of values

TEST_F(LocalTierTest, AValueOutlivesItsEntryAndTheTier) {
  Put("k", std::string(5000, 'v'));
  Value value;
  EntryInfo info;
  ASSERT_TRUE(tier().Get(Key("k"), now(), &value, &info));
  Put("k", "replaced");
  MaintainAll();
  EXPECT_EQ(value.view(), std::string(5000, 'v'));
  tier_.reset();
  EXPECT_EQ(value.view(), std::string(5000, 'v'));
}

TEST_F(LocalTierTest, TheTierMayBeClosedWithReadsAndWritesUnderWay) {
  const FlightRef flight = Lead("a");
  const WriteRef write = BeginWrite("b", Id(1));
  Put("c", "v");
  tier_.reset();
}

// --- Clear

TEST_F(LocalTierTest, ClearDropsAllAtOnceAndMemoryComesBackInSteps) {
  for (int i = 0; i < 1000; ++i) Put(absl::StrCat("key-", i), "v");
  tier().Clear();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(Hit(absl::StrCat("key-", i)), absl::nullopt);
  EXPECT_GT(tier().GetStats().bytes, 0u);
  int calls = 0;
  while (tier().Maintain(now(), 50)) ++calls;
  EXPECT_GT(calls, 10);
  const LocalTierStats stats = tier().GetStats();
  EXPECT_EQ(stats.entries, 0u);
  EXPECT_EQ(stats.bytes, 0u);
  EXPECT_EQ(stats.removals_cleared, 1000u);
}

TEST_F(LocalTierTest, AfterAClearLaterPutsAreKept) {
  Put("k", "v");
  tier().Clear();
  Put("k", "w");
  MaintainAll();
  EXPECT_EQ(Hit("k"), "w");
}

TEST_F(LocalTierTest, ClearedMemoryComesBackByOtherOperationsToo) {
  for (int i = 0; i < 1000; ++i) Put(absl::StrCat("key-", i), "v");
  tier().Clear();
  for (int i = 0; i < 3000; ++i) Put(absl::StrCat("few-", i % 100), "v");
  EXPECT_EQ(tier().GetStats().entries, 100u);
}

TEST_F(LocalTierTest, ManyLanesKeepTheirLeasesApart) {
  options_.staleness_bound = kStaleness;
  options_.lane_count = 2;
  options_.lane_of_key = [](absl::string_view key) { return key[0] == 'a' ? 0 : 1; };
  tier().lane(0).Open(In(absl::Seconds(10)));
  tier().lane(1).Open(In(absl::Seconds(10)));
  Fill("a", "v", Id(1));
  Fill("b", "w", Id(2));
  clock_.Advance(absl::Seconds(1));
  tier().lane(1).Close();
  EXPECT_EQ(Hit("a"), "v");
  EXPECT_EQ(Hit("b"), absl::nullopt);
}

TEST_F(LocalTierTest, SeedsDifferFromTierToTier) {
  const uint64_t first = tier().hash_seed();
  Open();
  EXPECT_NE(tier().hash_seed(), first);
}

}  // namespace
}  // namespace nearcache::internal::local
