// One test per rule that keeps an entry from being older than the protocol allows. Each tells the race that the rule
// forbids; the name of the switch that removes the rule from the protocol's model stands beside it. v1 is older than
// v2.

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

const OperationId kV1{7, 1};
const OperationId kV2{7, 2};
const OperationId kV3{7, 3};

class CoherenceRulesTest : public TierTest {
 protected:
  CoherenceRulesTest() { OpenLane(absl::Seconds(10)); }
};

// Race 1, NO_TOKEN: the message of v2 overtakes the reply v1.
TEST_F(CoherenceRulesTest, InvalidationDuringReadDeliversButDoesNotStore) {
  const FlightRef flight = Lead("k");
  ASSERT_EQ(RoleOf("k"), Role::kJoin);
  Message("k", kV2);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(TakeDelivered(), std::vector<std::string>{"v1"});
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(tier().GetStats().fills_refused, 1u);
}

TEST_F(CoherenceRulesTest, TheMessageOfTheVeryValueThatIsReadDoesNotVoidTheRead) {
  const FlightRef flight = Lead("k");
  Message("k", kV2);
  Complete(flight, "v2", kV2);
  EXPECT_EQ(Hit("k"), "v2");
}

// Race 2, NO_ACKVOID: an own write is acknowledged while a read that saw v1 is under way.
TEST_F(CoherenceRulesTest, AcknowledgedOwnWriteVoidsReadsInFlight) {
  const FlightRef flight = Lead("k");
  const WriteRef write = BeginWrite("k", kV2);
  tier().EndWrite(write, WriteOutcome::kApplied, absl::nullopt, kNever);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, AReadThatEndsDuringAWriteIsNotStored) {
  const FlightRef flight = Lead("k");
  const WriteRef write = BeginWrite("k", kV2);
  EXPECT_FALSE(tier().IsAttached(flight));
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(RoleOf("k"), Role::kBypass);
  tier().EndWrite(write, WriteOutcome::kApplied, absl::nullopt, kNever);
}

TEST_F(CoherenceRulesTest, AReadThatBeginsDuringAWriteBypassesAndItsReplyIsNotStored) {
  const WriteRef write = BeginWrite("k", kV2);
  EXPECT_EQ(RoleOf("k"), Role::kBypass);
  Reply("k", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
  tier().EndWrite(write, WriteOutcome::kApplied, absl::nullopt, kNever);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
}

// Race 3, KEEP_OLDER: a fill that is refused must not leave the older entry, which a renewed lease would serve again.
TEST_F(CoherenceRulesTest, RefusedReplyRemovesADifferentEntry) {
  CloseLane();
  OpenLane(absl::Milliseconds(150));
  const FlightRef slow = Lead("k");
  const WriteRef write = BeginWrite("k", kV1);
  Acknowledge(write, "v1");
  ASSERT_EQ(Hit("k"), "v1");
  // The detached read brings v2, which is newer than the entry: it may not be stored, and the entry may not stay.
  Complete(slow, "v2", kV2);
  EXPECT_EQ(TakeDelivered(), std::vector<std::string>());
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, BypassingReplyRemovesADifferentEntryAndKeepsTheSame) {
  Fill("k", "v1", kV1);
  Reply("k", kV1);
  EXPECT_EQ(Hit("k"), "v1");
  Reply("k", kV2);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, AReplyThatFoundNothingRemovesTheEntry) {
  Fill("k", "v1", kV1);
  Reply("k", OperationId());
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// Race 3 as the model has it: the entry is out of its lease when v2 is fetched, a late message voids the fetch, and
// then the lease is renewed. The miss itself already retires the entry.
TEST_F(CoherenceRulesTest, AnEntryWithoutLeaseIsNotServedAgainAfterANewerValueWasDelivered) {
  CloseLane();
  OpenLane(absl::Milliseconds(10));
  Fill("k", "v1", kV1);
  clock_.Advance(2 * kStaleness);
  const FlightRef flight = Lead("k");
  Message("k", kV1);
  Complete(flight, "v2", kV2);
  RenewLane(absl::Seconds(10));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// Race 4, WT_BLIND: another thread read v2 while our write of v1 was under way; its acknowledgement comes last.
TEST_F(CoherenceRulesTest, AReplyDuringAWriteKeepsTheWriteOutOfTheTier) {
  const WriteRef write = BeginWrite("k", kV1);
  ASSERT_EQ(RoleOf("k"), Role::kBypass);
  Reply("k", kV2);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(tier().GetStats().fills_refused, 1u);
}

TEST_F(CoherenceRulesTest, TheReplyOfADetachedReadDuringAWriteIsAnEventToo) {
  const FlightRef flight = Lead("k");
  const WriteRef write = BeginWrite("k", kV1);
  Complete(flight, "v2", kV2);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, TheReplyOfADetachedReadIsAnEventForTheReadThatTookItsPlace) {
  const FlightRef first = Lead("k");
  CloseLane();
  clock_.Advance(2 * kStaleness);
  const FlightRef second = Lead("k");
  Complete(first, "v2", kV2);
  Complete(second, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, OwnMessageBeforeTheAcknowledgementDoesNotVoidTheWrite) {
  const WriteRef write = BeginWrite("k", kV1);
  Message("k", kV1);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("k"), "v1");
}

TEST_F(CoherenceRulesTest, ForeignMessageDuringAWriteKeepsItOutOfTheTier) {
  const WriteRef write = BeginWrite("k", kV1);
  Message("k", kV2);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// Race 5, SOFT_VOID: void by v2's acknowledgement, then the late message of v1 "matches" what was fetched.
TEST_F(CoherenceRulesTest, VoidIsFinal) {
  const FlightRef flight = Lead("k");
  Message("k", kV2);
  Message("k", kV1);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, VoidIsFinalForWritesToo) {
  const WriteRef write = BeginWrite("k", kV1);
  Message("k", kV2);
  Message("k", kV1);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, AnEventWithoutAnIdVoids) {
  const FlightRef flight = Lead("k");
  Message("k", OperationId());
  Complete(flight, "v1", OperationId());
  EXPECT_EQ(Hit("k"), absl::nullopt);
  Fill("k", "foreign", OperationId());
  EXPECT_EQ(Hit("k"), "foreign");
  Message("k", OperationId());
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// Race 6a, JOIN_ANY: a read that begins after an event must not be given what was fetched before it.
TEST_F(CoherenceRulesTest, AReadWithAnEventIsNotJoined) {
  const FlightRef first = Lead("k");
  Message("k", kV2);
  const FlightRef second = Lead("k");
  EXPECT_NE(first, second);
  EXPECT_FALSE(tier().IsAttached(first));
  Complete(first, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, AReadThatWasOverlappedByAnOwnWriteIsNotJoined) {
  const FlightRef first = Lead("k");
  const WriteRef write = BeginWrite("k", kV2);
  tier().EndWrite(write, WriteOutcome::kApplied, absl::nullopt, kNever);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
  Complete(first, "v1", kV1);
}

// Race 6b, JOIN_OLD: the channel is silently down and the read began long ago.
TEST_F(CoherenceRulesTest, AnOldReadWithoutLeaseIsNotJoined) {
  const FlightRef first = Lead("k");
  CloseLane();
  clock_.Advance(kStaleness);
  EXPECT_EQ(RoleOf("k"), Role::kJoin);
  clock_.Advance(absl::Nanoseconds(1));
  const FlightRef second = Lead("k");
  EXPECT_NE(first, second);
  // The old one still delivers to those who joined it in time, and no more than that.
  Complete(first, "v1", kV1);
  EXPECT_EQ(TakeDelivered(), std::vector<std::string>{"v1"});
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, AnOldReadUnderTheLeaseOfItsGenerationIsJoined) {
  const FlightRef flight = Lead("k");
  clock_.Advance(10 * kStaleness);
  EXPECT_EQ(RoleOf("k"), Role::kJoin);
  // A later generation does not cover it.
  CloseLane();
  OpenLane(absl::Seconds(10));
  EXPECT_EQ(RoleOf("k"), Role::kLead);
  Complete(flight, "v1", kV1);
}

// Race 7: the own message must not be ignored for reads that another thread has under way.
TEST_F(CoherenceRulesTest, OwnMessageSparesTheEntryAndVoidsOtherReads) {
  Acknowledge(BeginWrite("k", kV2), "v2");
  Message("k", kV2);
  EXPECT_EQ(Hit("k"), "v2");
  Message("k", kV3);
  const FlightRef flight = Lead("k");
  Message("k", kV2);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// Race 13, EARLY_FILL: what is fetched while the lane is closed belongs to no generation, also not to the next one.
TEST_F(CoherenceRulesTest, AFillBegunWhileTheLaneIsClosedIsNeverCovered) {
  CloseLane();
  const FlightRef flight = Lead("k");
  OpenLane(absl::Seconds(10));
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), "v1");
  clock_.Advance(kStaleness);
  EXPECT_EQ(Hit("k"), "v1");
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, AWriteBegunWhileTheLaneIsClosedIsNeverCovered) {
  CloseLane();
  const WriteRef write = BeginWrite("k", kV1);
  OpenLane(absl::Seconds(10));
  Acknowledge(write, "v1");
  clock_.Advance(kStaleness + absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// Race 12, NO_GEN, and race 16, NO_LEASE.
TEST_F(CoherenceRulesTest, AnEntryOfAnEarlierGenerationLivesOnItsOwnFreshnessAlone) {
  Fill("k", "v1", kV1);
  CloseLane();
  OpenLane(absl::Seconds(10));
  EXPECT_EQ(Hit("k"), "v1");
  clock_.Advance(kStaleness + absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, TheLeaseEndsByTheClockAlone) {
  Fill("k", "v1", kV1);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Hit("k"), "v1");
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
  RenewLane(absl::Seconds(10));
  EXPECT_EQ(Hit("k"), "v1");
}

TEST_F(CoherenceRulesTest, AMissForWantOfALeaseMakesThePlaceFreeAndIsCounted) {
  Fill("k", "v1", kV1);
  CloseLane();
  clock_.Advance(2 * kStaleness);
  const FlightRef flight = Lead("k");
  EXPECT_EQ(tier().GetStats().lease_misses, 1u);
  EXPECT_EQ(tier().GetStats().entries, 0u);
  Complete(flight, "v2", kV2);
  EXPECT_EQ(Hit("k"), "v2");
}

TEST_F(CoherenceRulesTest, TheAgeOfAnEntryCountsFromTheBeginOfItsRead) {
  CloseLane();
  const FlightRef flight = Lead("k");
  clock_.Advance(kStaleness);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), "v1");
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// What a read brings may rest on something that was known before it began; it is no fresher than that.
TEST_F(CoherenceRulesTest, AReadOfLimitedFreshnessIsNeitherJoinedNorServedLonger) {
  CloseLane();
  const FlightRef flight = Lead("k");
  tier().LimitFreshness(flight, now() - absl::ToInt64Nanoseconds(kStaleness / 2));
  tier().LimitFreshness(flight, now());  // Never longer.
  clock_.Advance(kStaleness / 2);
  EXPECT_EQ(RoleOf("k"), Role::kJoin);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), "v1");
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
  const FlightRef next = Lead("k");
  tier().LimitFreshness(next, now() - absl::ToInt64Nanoseconds(kStaleness) - 1);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
}

TEST_F(CoherenceRulesTest, AReadOfLimitedFreshnessUnderTheLeaseIsAsGoodAsAny) {
  const FlightRef flight = Lead("k");
  tier().LimitFreshness(flight, now() - absl::ToInt64Nanoseconds(kStaleness) - 1);
  EXPECT_EQ(RoleOf("k"), Role::kJoin);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), "v1");
}

// --- Writes that overlap, fail, or end unknown

TEST_F(CoherenceRulesTest, OverlappingWritesAreNeitherKept) {
  const WriteRef first = BeginWrite("k", kV1);
  const WriteRef second = BeginWrite("k", kV2);
  Acknowledge(first, "v1");
  EXPECT_EQ(RoleOf("k"), Role::kBypass);
  Acknowledge(second, "v2");
  EXPECT_EQ(Hit("k"), absl::nullopt);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
}

TEST_F(CoherenceRulesTest, AWriteDropsTheEntryWhenItBegins) {
  Fill("k", "v1", kV1);
  const WriteRef write = BeginWrite("k", kV2);
  EXPECT_EQ(Hit("k"), absl::nullopt);
  tier().EndWrite(write, WriteOutcome::kFailed, absl::nullopt, kNever);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
}

TEST_F(CoherenceRulesTest, UnknownAndFailedWritesKeepNothing) {
  for (const WriteOutcome outcome : {WriteOutcome::kUnknown, WriteOutcome::kFailed}) {
    tier().EndWrite(BeginWrite("k", kV2), outcome, Value::Copy("v2"), kNever);
    EXPECT_EQ(Hit("k"), absl::nullopt);
  }
}

// --- Clear

TEST_F(CoherenceRulesTest, ClearVoidsWhatIsInProgress) {
  const FlightRef flight = Lead("read");
  const WriteRef write = BeginWrite("write", kV1);
  Fill("entry", "v1", kV1);
  tier().Clear();
  EXPECT_EQ(Hit("entry"), absl::nullopt);
  EXPECT_FALSE(tier().IsAttached(flight));
  EXPECT_EQ(RoleOf("read"), Role::kLead);
  Complete(flight, "v1", kV1);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("read"), absl::nullopt);
  EXPECT_EQ(Hit("write"), absl::nullopt);
}

// --- Strangers: the server names a key that changed, and not by whom

TEST_F(CoherenceRulesTest, WhatIsDoubtedIsServedWhileItIsYoungAndByNoLease) {
  Acknowledge(BeginWrite("k", kV1), "v1");
  ASSERT_TRUE(tier().Explain(Key("k"), now()).leased);
  tier().Doubt(Key("k"), kV1);
  EXPECT_EQ(Hit("k"), "v1");
  EXPECT_FALSE(tier().Explain(Key("k"), now()).leased);
  clock_.Advance(kStaleness + absl::Milliseconds(1));
  RenewLane(absl::Seconds(10));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// The push overtakes the acknowledgement.
TEST_F(CoherenceRulesTest, AWriteThatIsDoubtedBeforeItIsAcknowledgedIsKeptWithoutALease) {
  const WriteRef write = BeginWrite("k", kV1);
  Message("k", kV1);
  tier().Doubt(Key("k"), kV1);
  Acknowledge(write, "v1");
  EXPECT_EQ(Hit("k"), "v1");
  EXPECT_FALSE(tier().Explain(Key("k"), now()).leased);
  clock_.Advance(kStaleness + absl::Milliseconds(1));
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

TEST_F(CoherenceRulesTest, DoubtOfAnotherOperationEndsEverythingElse) {
  Fill("k", "v1", kV1);
  tier().Doubt(Key("k"), kV2);
  EXPECT_EQ(Hit("k"), absl::nullopt);
  const WriteRef write = BeginWrite("k", kV3);
  tier().Doubt(Key("k"), kV2);
  Acknowledge(write, "v3");
  EXPECT_EQ(Hit("k"), absl::nullopt) << "a stranger may have written after it";
}

// The server may have read the key for this reply between the operation and the stranger's write.
TEST_F(CoherenceRulesTest, AReadUnderWayWhenItsValueIsDoubtedIsNotStored) {
  const FlightRef flight = Lead("k");
  tier().Doubt(Key("k"), kV1);
  Complete(flight, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// A lease that a younger entry gets again is not the one of the doubted.
TEST_F(CoherenceRulesTest, WhatIsFetchedAfterTheDoubtIsLeasedAsUsual) {
  Acknowledge(BeginWrite("k", kV1), "v1");
  tier().Doubt(Key("k"), kV1);
  clock_.Advance(kStaleness + absl::Milliseconds(1));
  RenewLane(absl::Seconds(10));
  Fill("k", "v1", kV1);
  clock_.Advance(kStaleness * 5);
  EXPECT_EQ(Hit("k"), "v1");
}

// --- Loads and reads of one key

TEST_F(CoherenceRulesTest, APlainReadDoesNotWaitForALoad) {
  const FlightRef load = Lead("k", FlightKind::kLoad);
  EXPECT_EQ(RoleOf("k"), Role::kBypass);
  EXPECT_EQ(RoleOf("k", FlightKind::kLoad), Role::kJoin);
  Complete(load, "v1", kV1);
  EXPECT_EQ(TakeDelivered(), std::vector<std::string>{"v1"});
  EXPECT_EQ(Hit("k"), "v1");
}

// Contract sentence 3: what was loaded before an invalidation is announced nowhere.
TEST_F(CoherenceRulesTest, ALoadIsNotWorthAnnouncingAfterAnyEvent) {
  const FlightRef load = Lead("k", FlightKind::kLoad);
  EXPECT_TRUE(tier().IsAttached(load));
  Message("k", kV2);
  EXPECT_FALSE(tier().IsAttached(load));
  Complete(load, "v1", kV1);
  EXPECT_EQ(Hit("k"), absl::nullopt);
}

// What a loader brings comes from the source: it says nothing of what the remote tier holds.
TEST_F(CoherenceRulesTest, ALoadThatMayNotBeStoredIsNoEvent) {
  const FlightRef load = Lead("k", FlightKind::kLoad);
  Message("k", kV2);
  Message("k", kV3);
  Fill("k", "v3", kV3);
  ReadOutcome loaded = Found("v1", kV1);
  loaded.loaded = true;
  tier().CompleteRead(load, loaded);
  EXPECT_EQ(Hit("k"), "v3");
}

TEST_F(CoherenceRulesTest, FailedReadsDeliverAndAreNoEvent) {
  const FlightRef first = Lead("k");
  ASSERT_EQ(RoleOf("k"), Role::kJoin);
  tier().CompleteRead(first, Failed());
  EXPECT_EQ(TakeDelivered().size(), 1u);
  Fill("k", "v1", kV1);
  EXPECT_EQ(Hit("k"), "v1");
  EXPECT_EQ(tier().GetStats().fills_refused, 0u);
}

TEST_F(CoherenceRulesTest, CompletingOrEndingTwiceChangesNothing) {
  const FlightRef flight = Lead("k");
  Complete(flight, "v1", kV1);
  Complete(flight, "v2", kV2);
  EXPECT_EQ(Hit("k"), "v1");
  const WriteRef write = BeginWrite("k", kV2);
  Acknowledge(write, "v2");
  Acknowledge(write, "v2");
  const LocalTierStats stats = tier().GetStats();
  EXPECT_EQ(stats.flights, 0u);
  EXPECT_EQ(stats.writes, 0u);
}

}  // namespace
}  // namespace nearcache::internal::local
