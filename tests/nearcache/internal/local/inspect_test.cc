// Looking into the tier: walks over all entries, and what is said of one key.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class InspectTest : public TierTest {
 protected:
  // How often each key came, over a whole walk.
  std::map<std::string, int> Walk() {
    std::map<std::string, int> came;
    tier().ForEach([&came](const EntrySnapshot& entry) {
      ++came[std::string(entry.key)];
      return true;
    });
    return came;
  }

  KeyReport Report(absl::string_view key) { return tier().Explain(Key(key), now()); }
  Presence PresenceOf(absl::string_view key) { return Report(key).presence; }
};

// --- Walks

TEST_F(InspectTest, AWalkBringsEveryEntryOnceWithItsBytes) {
  for (int i = 0; i < 5000; ++i) Put(absl::StrCat(i), absl::StrCat("v", i));
  std::map<std::string, int> came;
  tier().ForEach([&came](const EntrySnapshot& entry) {
    EXPECT_EQ(entry.value.view(), absl::StrCat("v", entry.key));
    ++came[std::string(entry.key)];
    return true;
  });
  EXPECT_EQ(came.size(), 5000);
  for (const auto& [key, times] : came) EXPECT_EQ(times, 1) << key;
}

TEST_F(InspectTest, AWalkBringsOnlyWhatWouldBeServed) {
  Put("cleared", "v");
  tier().Clear();
  Put("expired", "v", In(absl::Seconds(1)));
  Fill("not covered", "v", Id(1));
  clock_.Advance(absl::Seconds(2));
  Fill("young", "v", Id(2));
  Put("gone", "v");
  tier().Remove(Key("gone"));
  EXPECT_THAT(Walk(), UnorderedElementsAre(Pair("young", 1)));
}

TEST_F(InspectTest, AWalkEndsWhenTheVisitorSaysSo) {
  for (int i = 0; i < 100; ++i) Put(absl::StrCat(i), "v");
  int calls = 0;
  tier().ForEach([&calls](const EntrySnapshot&) { return ++calls < 7; });
  EXPECT_EQ(calls, 7);
}

TEST_F(InspectTest, AnEmptyTierHasNothingToWalkOver) { EXPECT_TRUE(Walk().empty()); }

// The visitor's own insertions make the table grow again and again under the walk, and wait in the middle of a move.
TEST_F(InspectTest, WhatStaysDuringAWalkComesOnceAlthoughTheTableIsRebuiltUnderIt) {
  options_.stripe_count = 1;
  for (int i = 0; i < 200; ++i) Put(absl::StrCat(i), "v");
  std::map<std::string, int> came;
  int added = 0;
  tier().ForEach([&](const EntrySnapshot& entry) {
    ++came[std::string(entry.key)];
    for (int i = 0; i < 20 && added < 3000; ++i) Put(absl::StrCat("added ", added++), "v");
    return true;
  });
  ASSERT_EQ(added, 3000);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(came[absl::StrCat(i)], 1) << i;
  for (const auto& [key, times] : came) EXPECT_EQ(times, 1) << key;
}

TEST_F(InspectTest, WhatStaysDuringAWalkComesOnceAlthoughTheTableShrinksUnderIt) {
  options_.stripe_count = 1;
  for (int i = 0; i < 3000; ++i) Put(absl::StrCat(i), "v");
  std::map<std::string, int> came;
  bool shrunk = false;
  tier().ForEach([&](const EntrySnapshot& entry) {
    ++came[std::string(entry.key)];
    if (came.size() == 100) {
      for (int i = 40; i < 3000; ++i) tier().Remove(Key(absl::StrCat(i)));
      for (int i = 0; i < 500; ++i) tier().Maintain(now(), 1000);
      shrunk = true;
    }
    return true;
  });
  ASSERT_TRUE(shrunk);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(came[absl::StrCat(i)], 1) << i;
}

TEST_F(InspectTest, TheVisitorMayChangeWhatItWalksOverAndKeepWhatItSaw) {
  for (int i = 0; i < 300; ++i) Put(absl::StrCat(i), absl::StrCat("v", i));
  std::vector<EntrySnapshot> kept;
  tier().ForEach([&](const EntrySnapshot& entry) {
    kept.push_back(entry);
    EXPECT_TRUE(tier().Remove(Key(entry.key)));
    return true;
  });
  MaintainAll();
  EXPECT_EQ(tier().GetStats().entries, 0);
  tier_.reset();
  ASSERT_EQ(kept.size(), 300);
  for (const EntrySnapshot& entry : kept) EXPECT_EQ(entry.value.view(), absl::StrCat("v", entry.key));
}

// --- The policy's order

TEST_F(InspectTest, BothEndsOfTheOrderTogetherAreAllEntriesAndOppositeToEachOther) {
  options_.stripe_count = 1;
  for (int i = 0; i < 50; ++i) Put(absl::StrCat(i), "v");
  std::vector<std::string> hottest;
  std::vector<std::string> coldest;
  for (const EntrySnapshot& entry : tier().EndOfOrder(LocalTier::End::kHottest, 100)) hottest.emplace_back(entry.key);
  for (const EntrySnapshot& entry : tier().EndOfOrder(LocalTier::End::kColdest, 100)) coldest.emplace_back(entry.key);
  EXPECT_EQ(hottest.size(), 50);
  EXPECT_EQ(hottest, std::vector<std::string>(coldest.rbegin(), coldest.rend()));
}

TEST_F(InspectTest, WhatIsColdestIsWhatGoesFirst) {
  options_.stripe_count = 1;
  options_.capacity_bytes = size_t{256} << 10;
  options_.entry_bytes_max = size_t{16} << 10;
  for (int i = 0; i < 50; ++i) Put(absl::StrCat(i), std::string(1000, 'x'));
  const std::vector<EntrySnapshot> coldest = tier().EndOfOrder(LocalTier::End::kColdest, 1);
  const std::vector<EntrySnapshot> hottest = tier().EndOfOrder(LocalTier::End::kHottest, 1);
  ASSERT_EQ(coldest.size(), 1);
  ASSERT_EQ(hottest.size(), 1);
  // Until one of the two is driven out.
  const auto there = [this](const EntrySnapshot& entry) { return PresenceOf(entry.key) == Presence::kServed; };
  for (int i = 0; there(coldest[0]) && there(hottest[0]); ++i) Put(absl::StrCat("new ", i), std::string(1000, 'x'));
  EXPECT_FALSE(there(coldest[0]));
  EXPECT_TRUE(there(hottest[0]));
}

TEST_F(InspectTest, TheEndOfTheOrderIsFilledFromTheStripesThatHaveMore) {
  options_.stripe_count = 16;
  for (int i = 0; i < 20; ++i) Put(absl::StrCat(i), "v");
  EXPECT_EQ(tier().EndOfOrder(LocalTier::End::kHottest, 20).size(), 20);
  EXPECT_EQ(tier().EndOfOrder(LocalTier::End::kColdest, 7).size(), 7);
  EXPECT_EQ(tier().EndOfOrder(LocalTier::End::kColdest, 0).size(), 0);
  EXPECT_EQ(tier().EndOfOrder(LocalTier::End::kColdest, 1000).size(), 20);
}

TEST_F(InspectTest, TheEndOfTheOrderShowsOnlyWhatWouldBeServed) {
  Put("expired", "v", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(2));
  Put("live", "v");
  const std::vector<EntrySnapshot> hottest = tier().EndOfOrder(LocalTier::End::kHottest, 10);
  ASSERT_EQ(hottest.size(), 1);
  EXPECT_EQ(hottest[0].key, "live");
}

// --- One key

TEST_F(InspectTest, LookingInIsNoRead) {
  Put("k", "v");
  EntrySnapshot snapshot;
  EXPECT_TRUE(tier().Peek(Key("k"), now(), &snapshot));
  EXPECT_FALSE(tier().Peek(Key("other"), now(), &snapshot));
  EXPECT_EQ(snapshot.value.view(), "v");
  Walk();
  EXPECT_FALSE(Report("k").read_lately);
  const LocalTierStats stats = tier().GetStats();
  EXPECT_EQ(stats.hits + stats.misses, 0);
  Hit("k");
  EXPECT_TRUE(Report("k").read_lately);
}

TEST_F(InspectTest, PeekRefusesWhatAHitRefuses) {
  EntrySnapshot snapshot;
  Put("expired", "v", In(absl::Milliseconds(10)));
  Fill("not covered", "v", Id(1));
  clock_.Advance(2 * kStaleness);
  EXPECT_FALSE(tier().Peek(Key("expired"), now(), &snapshot));
  EXPECT_FALSE(tier().Peek(Key("not covered"), now(), &snapshot));
}

TEST_F(InspectTest, SaysWhyAnEntryIsServedOrNot) {
  EXPECT_EQ(PresenceOf("k"), Presence::kAbsent);
  Fill("k", "value", Id(1));
  EXPECT_EQ(PresenceOf("k"), Presence::kServed);
  clock_.Advance(2 * kStaleness);
  EXPECT_EQ(PresenceOf("k"), Presence::kNotCovered);
  Put("k", "value", In(absl::Milliseconds(10)));
  clock_.Advance(absl::Milliseconds(10));
  EXPECT_EQ(PresenceOf("k"), Presence::kExpired);
  tier().Clear();
  EXPECT_EQ(PresenceOf("k"), Presence::kCleared);
}

TEST_F(InspectTest, SaysWhatIsKnownOfAResident) {
  OpenLane(absl::Seconds(10));
  Fill("k", "value", Id(5));
  clock_.Advance(absl::Seconds(1));
  KeyReport report = Report("k");
  EXPECT_EQ(report.presence, Presence::kServed);
  EXPECT_EQ(report.info.id, Id(5));
  EXPECT_EQ(now() - report.info.fetched_at, absl::ToInt64Nanoseconds(absl::Seconds(1)));
  EXPECT_EQ(report.value_bytes, 5);
  EXPECT_GE(report.entry_bytes, 50);
  EXPECT_TRUE(report.leased);
  EXPECT_EQ(report.generation, report.lane_generation);
  CloseLane();
  report = Report("k");
  EXPECT_EQ(report.presence, Presence::kNotCovered);
  EXPECT_FALSE(report.leased);
  EXPECT_EQ(report.lane_generation, kNoGeneration);
}

TEST_F(InspectTest, SaysWhatIsInProgress) {
  const FlightRef load = Lead("k", FlightKind::kLoad);
  EXPECT_EQ(Report("k").flight, FlightKind::kLoad);
  EXPECT_EQ(Report("other").flight, absl::nullopt);
  const WriteRef write = BeginWrite("k", Id(1));
  EXPECT_TRUE(Report("k").being_written);
  EXPECT_EQ(Report("k").flight, absl::nullopt) << "the write detached it";
  Acknowledge(write, "v");
  EXPECT_FALSE(Report("k").being_written);
  tier().CompleteRead(load, NotFound());
}

}  // namespace
}  // namespace nearcache::internal::local
