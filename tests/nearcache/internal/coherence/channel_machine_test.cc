// The channel machine by tables of events and actions.

#include "nearcache/internal/coherence/channel_machine.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/coherence/channel_machine_fixture.h"

namespace nearcache::internal::coherence {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// --- From closed to open (M3)

TEST_F(ChannelMachineTest, OpensOnceTheBaseIsKnownAndNotBefore) {
  EXPECT_THAT(Subscribed(), ElementsAre(Base(1, 100)));
  EXPECT_EQ(machine_.state(), State::kBasing);
  now_ = 150;
  EXPECT_THAT(Read(1, 5, 110), ElementsAre(Action(OpenGeneration{110 + kBound - kLag})));
  EXPECT_EQ(machine_.state(), State::kOpen);
  EXPECT_EQ(epochs_.Vouched(), kEpoch);
  EXPECT_EQ(timer_, 310) << "the first heartbeat";
}

TEST_F(ChannelMachineTest, AFailedBaseIsReadAgainAfterAPause) {
  Subscribed();
  EXPECT_THAT(Read(1, Failure(false)), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kSubscribed);
  EXPECT_EQ(timer_, 300);
  EXPECT_THAT(TickAt(299), IsEmpty());
  EXPECT_THAT(TickAt(300), ElementsAre(Base(2, 300)));
}

TEST_F(ChannelMachineTest, AServerThatRefusesTheBaseIsLeft) {
  Subscribed();
  EXPECT_THAT(Read(1, Failure(true)), ElementsAre(Action(ResetSession{CloseCause::kServerLeft})));
  EXPECT_EQ(machine_.state(), State::kClosed);
}

TEST_F(ChannelMachineTest, ANamespaceWithoutRegistersGetsThemBeforeTheBaseIsRead) {
  for (const remote::LaneReading& reading : {Reading(5, 100, OperationId()), Reading(0, 100)}) {
    Subscribed();
    const uint64_t ticket = last_ticket_;
    EXPECT_THAT(Read(ticket, reading), ElementsAre(Action(EnsureEpoch{ticket, 100 + kPatience})));
    EXPECT_EQ(machine_.state(), State::kBasing);
    EXPECT_THAT(EpochEnsured(ticket, absl::OkStatus()), ElementsAre(Base(ticket + 1, 100)));
    EXPECT_THAT(Read(ticket + 1, 5, 110), Contains(Action(OpenGeneration{110 + kBound - kLag})));
    EXPECT_EQ(epochs_.Vouched(), kEpoch);
    Down();
  }
}

TEST_F(ChannelMachineTest, RegistersThatCannotBeMadeAreTriedAgainAfterAPause) {
  Subscribed();
  Read(1, Reading(5, 110, OperationId()));
  EXPECT_THAT(EpochEnsured(1, absl::UnavailableError("gone")), IsEmpty());
  EXPECT_THAT(TickAt(300), ElementsAre(Base(2, 300)));
  Read(2, Reading(5, 300, OperationId()));
  EpochEnsured(2, absl::OkStatus());
  EXPECT_THAT(Read(3, Reading(5, 300, OperationId())), IsEmpty()) << "made, and gone again";
  EXPECT_THAT(TickAt(500), ElementsAre(Base(4, 500)));
}

TEST_F(ChannelMachineTest, AClearDuringTheBaseReadingHasItReadAgain) {
  Subscribed();
  Hear(Clear(5, 6));
  EXPECT_THAT(Read(1, 5, 110), ElementsAre(Base(2, 100)));
  EXPECT_THAT(Read(2, Reading(6, 120, Id(6))), Contains(Action(OpenGeneration{120 + kBound - kLag})));
}

TEST_F(ChannelMachineTest, ABaseThatShowsAnotherEpochThanKnownDropsMemoryAndReportsIt) {
  Open(5);
  Down();
  Subscribed();
  EXPECT_THAT(Read(2, Reading(1, 120, {9, 2})),
              ElementsAre(Action(CloseGeneration{CloseCause::kEpochChanged}), Action(DropLocal{}),
                          Action(OpenGeneration{120 + kBound - kLag})));
}

TEST_F(ChannelMachineTest, ALateBaseOfAnEarlierSubscriptionCountsForNothing) {
  Subscribed();
  Down();
  Subscribed();
  EXPECT_THAT(Read(1, 5, 110), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kBasing);
}

// --- The chain (M2)

TEST_F(ChannelMachineTest, AppliesWhatFollows) {
  Open(5);
  const Message six = Change(5, 6, "a");
  EXPECT_THAT(Hear(six), ElementsAre(Action(ApplyInvalidations{six.changes})));
  const Message seven = Change(6, 7, "b");
  EXPECT_THAT(Hear(seven), ElementsAre(Action(ApplyInvalidations{seven.changes})));
  EXPECT_EQ(machine_.state(), State::kOpen);
}

TEST_F(ChannelMachineTest, AGapEndsTheGenerationAndStillApplies) {
  Open(5);
  Hear(5, 6);
  const Message eight = Change(7, 8, "a");
  EXPECT_THAT(Hear(eight),
              ElementsAre(Action(ApplyInvalidations{eight.changes}), Action(CloseGeneration{CloseCause::kGap}),
                          Action(ResetChannel{CloseCause::kGap})));
  EXPECT_EQ(machine_.state(), State::kClosed);
  EXPECT_EQ(epochs_.Vouched(), absl::nullopt);
}

TEST_F(ChannelMachineTest, MessagesThatTheBaseCoversArePassedOver) {
  Subscribed();
  Hear(3, 4);
  Hear(4, 5);
  Hear(5, 6);
  Read(1, 5, 110);
  ASSERT_EQ(machine_.state(), State::kOpen);
  Hear(6, 7);
  EXPECT_EQ(machine_.state(), State::kOpen);
  TickAt(310);
  EXPECT_THAT(Read(2, 7, 310), Contains(Lease(310)));
}

TEST_F(ChannelMachineTest, AGapBehindTheBaseShowsEvenIfItWasHeardBefore) {
  Subscribed();
  Hear(5, 6);
  Hear(7, 8);
  EXPECT_THAT(Read(1, 5, 110), Contains(Action(CloseGeneration{CloseCause::kGap})));
}

TEST_F(ChannelMachineTest, TheMessageOfTheBaseItselfAnchorsTheChain) {
  Open(5);
  Hear(3, 4);
  Hear(4, 5);
  EXPECT_EQ(machine_.state(), State::kOpen);
  EXPECT_THAT(Hear(7, 8), Contains(Action(CloseGeneration{CloseCause::kGap})));
}

TEST_F(ChannelMachineTest, BeforeAMessageHasMatchedOthersArePassedOverAndRenewNothing) {
  Open(5);
  Hear(7, 8);
  EXPECT_EQ(machine_.state(), State::kOpen);
  TickAt(300);
  EXPECT_THAT(Read(2, 8, 300), IsEmpty()) << "8 was heard, but not through the chain";
}

// 8 may be older than the base 5, or follow what was missed; the base's own message would tell.
TEST_F(ChannelMachineTest, WhatWasPassedOverHasHeartbeatsWaitForTheMessageOfTheBase) {
  Open(5);
  Hear(7, 8);
  EXPECT_THAT(Heartbeat(300, 5), IsEmpty());
  EXPECT_THAT(Hear(4, 5), Contains(Lease(300)));
  EXPECT_THAT(Heartbeat(500, 5), ElementsAre(Lease(500)));
}

TEST_F(ChannelMachineTest, WithoutTheMessageOfTheBaseTheGenerationEndsWithinTheBound) {
  Open(5);
  Hear(7, 8);
  EXPECT_THAT(Heartbeat(300, 5), IsEmpty());
  EXPECT_THAT(TickAt(100 + kBound), Contains(Action(CloseGeneration{CloseCause::kHeartbeatTimeout})));
}

TEST_F(ChannelMachineTest, WhatFollowsTheBaseBehindWhatWasPassedOverIsAGap) {
  Open(5);
  Hear(7, 8);
  EXPECT_THAT(Hear(5, 6), Contains(Action(CloseGeneration{CloseCause::kGap})));
  EXPECT_EQ(machine_.losses_seen(), 0u);
}

TEST_F(ChannelMachineTest, ADuplicateOfTheLastIsHarmlessAndAnOlderOneIsAGap) {
  Open(5);
  Hear(5, 6);
  Hear(5, 6);
  EXPECT_EQ(machine_.state(), State::kOpen);
  Hear(6, 7);
  EXPECT_THAT(Hear(5, 6), Contains(Action(CloseGeneration{CloseCause::kGap})));
}

TEST_F(ChannelMachineTest, InvalidatesInEveryState) {
  const Message message = Change(5, 6);
  const auto applies = ElementsAre(Action(ApplyInvalidations{message.changes}));
  EXPECT_THAT(Hear(message), applies) << "closed";
  Subscribed();
  EXPECT_THAT(Hear(message), applies) << "basing";
}

TEST_F(ChannelMachineTest, AnotherKeyVersionOnlyAdvancesTheChainButItsClearsCount) {
  Open(5);
  Message other = Change(5, 6);
  other.key_version = 2;
  EXPECT_THAT(Hear(other), IsEmpty());
  other = Clear(6, 7);
  other.key_version = 2;
  EXPECT_THAT(Hear(other), ElementsAre(Action(ApplyClear{Id(7)})));
  other = Change(7, 8, "");
  other.key_version = 2;
  other.everything = true;
  EXPECT_THAT(Hear(other), ElementsAre(Action(DropLocal{}))) << "who means all means all versions";
  EXPECT_EQ(machine_.state(), State::kOpen);
}

TEST_F(ChannelMachineTest, EverythingDropsMemory) {
  Open(5);
  Message message = Change(5, 6, "");
  message.everything = true;
  EXPECT_THAT(Hear(message), ElementsAre(Action(DropLocal{})));
}

TEST_F(ChannelMachineTest, AClearBringsItsEpoch) {
  Open(5);
  EXPECT_THAT(Hear(Clear(5, 6)), ElementsAre(Action(ApplyClear{Id(6)})));
  EXPECT_EQ(epochs_.Vouched(), Id(6));
  TickAt(300);
  EXPECT_THAT(Read(2, Reading(6, 300, Id(6))), ElementsAre(Lease(300)));
}

// Found by the simulation (seed 2009637): a slow channel brings a Clear that is older than the one that the base has
// shown, and what was cleared since must not come back.
TEST_F(ChannelMachineTest, AClearThatTheBaseCoversDoesNotBringItsEpochBack) {
  Open(5);
  ASSERT_EQ(epochs_.Vouched(), kEpoch);
  EXPECT_THAT(Hear(Clear(3, 4)), ElementsAre(Action(ApplyClear{Id(4)})));
  EXPECT_EQ(epochs_.Vouched(), kEpoch);
  EXPECT_THAT(Hear(Clear(4, 5)), ElementsAre(Action(ApplyClear{Id(5)})));
  EXPECT_EQ(epochs_.Vouched(), Id(5)) << "it came between the base's epoch and its lane id";
}

TEST_F(ChannelMachineTest, AClearBehindAGapIsBelievedAndNotVouchedFor) {
  Open(5);
  Hear(5, 6);
  EXPECT_THAT(Hear(Clear(7, 8)), Contains(Action(CloseGeneration{CloseCause::kGap})));
  EXPECT_EQ(epochs_.Vouched(), absl::nullopt);
  EXPECT_EQ(epochs_.Last(), Id(8));
}

// --- The heartbeat (M4, M5)

TEST_F(ChannelMachineTest, AHeartbeatRenewsTheLeaseFromTheMomentItWasSent) {
  Open(5);
  EXPECT_THAT(TickAt(299), IsEmpty());
  EXPECT_THAT(TickAt(300), ElementsAre(HeartbeatWithTicket(2, 300)));
  now_ = 480;
  EXPECT_THAT(Read(2, 5, 305), ElementsAre(Lease(305)));
  EXPECT_EQ(machine_.as_of(), 305);
}

TEST_F(ChannelMachineTest, AHeartbeatWaitsForTheMessageOfTheIdItRead) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(Read(2, 7, 300), IsEmpty());
  EXPECT_THAT(Hear(5, 6), Not(Contains(Lease(300))));
  EXPECT_THAT(Hear(6, 7), Contains(Lease(300)));
}

TEST_F(ChannelMachineTest, AnIdAppliedAfterTheHeartbeatLeftIsAsGood) {
  Open(5);
  TickAt(300);
  Hear(5, 6);
  Hear(6, 7);
  EXPECT_THAT(Read(2, 6, 300), ElementsAre(Lease(300)));
}

TEST_F(ChannelMachineTest, AnOlderIdThanAppliedBeforeTheHeartbeatLeftMeansLostHistory) {
  Open(5);
  Hear(5, 6);
  Hear(6, 7);
  TickAt(300);
  EXPECT_THAT(Read(2, 6, 300), Closes(CloseCause::kLaneRegressed));
}

TEST_F(ChannelMachineTest, AMissingLaneEndsTheGeneration) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(Read(2, 0, 300), Closes(CloseCause::kLaneMissing));
}

TEST_F(ChannelMachineTest, AnIdThatIsNotHeardWithinTheBoundEndsTheGeneration) {
  Open(5);
  TickAt(300);
  Read(2, 99, 300);
  for (const MonotonicNanos at : {500, 700, 900}) EXPECT_THAT(TickAt(at), Not(IsEmpty())) << at;
  EXPECT_EQ(machine_.state(), State::kOpen);
  EXPECT_THAT(TickAt(1100), Closes(CloseCause::kHeartbeatTimeout)) << "as_of is 100";
}

TEST_F(ChannelMachineTest, ALateReplyLeavesItsMessageOneMoreInterval) {
  Open(5);
  TickAt(300);
  now_ = 1290;
  Read(2, 6, 300);
  EXPECT_EQ(machine_.state(), State::kOpen);
  now_ = 1300;
  EXPECT_THAT(Hear(5, 6), Contains(Lease(300)));
}

TEST_F(ChannelMachineTest, AFailedHeartbeatRenewsNothingAndEndsNothing) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(Read(2, Failure(false)), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kOpen);
  TickAt(500);
  EXPECT_THAT(Read(3, 5, 500), ElementsAre(Lease(500)));
}

TEST_F(ChannelMachineTest, AServerThatRefusesTheHeartbeatIsLeft) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(Read(2, Failure(true)), ElementsAre(Action(CloseGeneration{CloseCause::kServerLeft}),
                                                  Action(ResetSession{CloseCause::kServerLeft})));
}

TEST_F(ChannelMachineTest, AHeartbeatOfAnEarlierGenerationCountsForNothing) {
  Open(5);
  TickAt(300);
  Down();
  Subscribed();
  Read(3, 5, 320);
  ASSERT_EQ(machine_.state(), State::kOpen);
  EXPECT_THAT(Read(2, 5, 300), IsEmpty());
}

TEST_F(ChannelMachineTest, HeartbeatsOverlapOnASlowServer) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(TickAt(500), ElementsAre(HeartbeatWithTicket(3, 500)));
  EXPECT_THAT(TickAt(700), ElementsAre(HeartbeatWithTicket(4, 700)));
  EXPECT_THAT(Read(3, 5, 500), ElementsAre(Lease(500)));
  EXPECT_THAT(Read(2, 5, 300), IsEmpty()) << "older than what is known";
}

TEST_F(ChannelMachineTest, AnEpochThatChangedWithoutAClearEndsTheGeneration) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(Read(2, Reading(5, 300, {9, 2})),
              ElementsAre(Action(DropLocal{}), Action(CloseGeneration{CloseCause::kEpochChanged}),
                          Action(ResetChannel{CloseCause::kEpochChanged})));
  EXPECT_EQ(epochs_.Last(), (OperationId{9, 2}));
  EXPECT_EQ(epochs_.Vouched(), absl::nullopt);
}

TEST_F(ChannelMachineTest, AnEpochThatIsGoneEndsTheGeneration) {
  Open(5);
  TickAt(300);
  EXPECT_THAT(Read(2, Reading(5, 300, OperationId())), Contains(Action(CloseGeneration{CloseCause::kEpochChanged})));
}

TEST_F(ChannelMachineTest, AnEpochThatAClearOvertookIsNoLoss) {
  Open(5);
  TickAt(300);
  Hear(Clear(5, 6));
  EXPECT_THAT(Read(2, Reading(5, 300, kEpoch)), ElementsAre(Lease(300)));
  EXPECT_EQ(epochs_.Vouched(), Id(6));
}

TEST_F(ChannelMachineTest, ADoubtedEpochIsAskedForAtOnce) {
  Open(5);
  ASSERT_TRUE(epochs_.Hear(Id(6)));
  EXPECT_THAT(EpochDoubt(), ElementsAre(OnDemand(2, 100)));
  Hear(Clear(5, 6));
  EXPECT_THAT(Read(2, Reading(6, 100, Id(6))), IsEmpty());
  EXPECT_EQ(epochs_.Vouched(), Id(6));
}

TEST_F(ChannelMachineTest, SleepOfTheMachineEndsTheGenerationAndDropsMemory) {
  Open(5);
  EXPECT_THAT(Suspended(), ElementsAre(Action(DropLocal{}), Action(CloseGeneration{CloseCause::kSuspended}),
                                       Action(ResetChannel{CloseCause::kSuspended})));
}

TEST_F(ChannelMachineTest, ALostChannelEndsTheGenerationOnce) {
  Open(5);
  EXPECT_THAT(Down(), ElementsAre(Action(CloseGeneration{CloseCause::kChannelLost})));
  EXPECT_THAT(Down(), IsEmpty());
}

TEST_F(ChannelMachineTest, GenerationsThatDoNotLastAreBegunLessAndLessOften) {
  now_ = 100;
  Subscribed();
  uint64_t ticket = 1;
  for (const MonotonicNanos pause : {200, 400, 800, 1000, 1000}) {
    Read(ticket, 5, now_);
    Hear(5, 6);
    ASSERT_THAT(Hear(8, 9), Contains(Action(CloseGeneration{CloseCause::kGap})));
    EXPECT_THAT(Subscribed(), IsEmpty()) << "waits";
    const MonotonicNanos due = now_ + pause;
    EXPECT_THAT(TickAt(due - 1), IsEmpty()) << pause;
    EXPECT_THAT(TickAt(due), ElementsAre(Base(++ticket, due)));
  }
}

// --- Sync

TEST_F(ChannelMachineTest, ASyncEndsWithAHeartbeatSentAfterIt) {
  Open(5);
  TickAt(300);
  now_ = 1200;
  EXPECT_THAT(Sync(77, 9000), ElementsAre(OnDemand(3, 1200)));
  EXPECT_THAT(Read(2, 5, 300), ElementsAre(Lease(300))) << "that one had left before";
  EXPECT_THAT(Read(3, 5, 1200), ElementsAre(Lease(1200), Action(CompleteSync{{77}, true})));
}

TEST_F(ChannelMachineTest, ASyncInAYoungGenerationDropsWhatIsOlderThanIt) {
  Open(5);
  Sync(77, 9000);
  EXPECT_THAT(Read(2, 5, 100), ElementsAre(Action(DropLocal{}), Action(CompleteSync{{77}, true})));
  Sync(78, 9000);
  EXPECT_THAT(Read(3, 5, 100), ElementsAre(Action(CompleteSync{{78}, true})));
}

TEST_F(ChannelMachineTest, SyncsThatComeMeanwhileShareTheNextHeartbeat) {
  Open(5);
  now_ = 1200;
  Sync(1, 9000);
  EXPECT_THAT(Sync(2, 9000), IsEmpty());
  EXPECT_THAT(Sync(3, 9000), IsEmpty());
  EXPECT_THAT(Read(2, 5, 1200), ElementsAre(Lease(1200), Action(CompleteSync{{1}, true}), OnDemand(3, 1200)));
  EXPECT_THAT(Read(3, 5, 1200), ElementsAre(Action(CompleteSync{{2, 3}, true})));
}

TEST_F(ChannelMachineTest, ASyncWaitsForTheMessageThatIsMissing) {
  Open(5);
  now_ = 1200;
  Sync(1, 9000);
  EXPECT_THAT(Read(2, 6, 1200), IsEmpty());
  EXPECT_THAT(Hear(5, 6), Contains(Action(CompleteSync{{1}, true})));
}

TEST_F(ChannelMachineTest, ASyncOutlivesTheGenerationAndEndsWithTheNextBase) {
  Sync(1, 9000);
  Subscribed();
  EXPECT_THAT(Read(1, 5, 100), ElementsAre(Action(OpenGeneration{100 + kBound - kLag}), Action(DropLocal{}),
                                           Action(CompleteSync{{1}, true})));
}

TEST_F(ChannelMachineTest, ASyncThatComesDuringTheBaseReadingNeedsItsOwn) {
  Subscribed();
  Sync(1, 9000);
  EXPECT_THAT(Read(1, 5, 100), ElementsAre(Action(OpenGeneration{100 + kBound - kLag}), OnDemand(2, 100)));
}

TEST_F(ChannelMachineTest, ASyncThatCannotBeProvenEndsByItsDeadline) {
  Sync(1, 500);
  EXPECT_EQ(timer_, 500);
  EXPECT_THAT(TickAt(499), IsEmpty());
  EXPECT_THAT(TickAt(500), ElementsAre(Action(CompleteSync{{1}, false})));
}

TEST_F(ChannelMachineTest, MoreMessagesThanAreRememberedDoNotEndTheGeneration) {
  Open(5);
  TickAt(300);
  for (uint64_t id = 6; id < 6 + 2 * RecentIds::kCapacity; ++id) Hear(id - 1, id);
  EXPECT_THAT(Read(2, 6, 300), IsEmpty()) << "applied, but so long ago that nobody knows";
  EXPECT_THAT(TickAt(500), ElementsAre(HeartbeatWithTicket(3, 500)));
  EXPECT_THAT(Read(3, 5 + 2 * RecentIds::kCapacity, 500), ElementsAre(Lease(500)));
  EXPECT_EQ(machine_.state(), State::kOpen);
}

}  // namespace
}  // namespace nearcache::internal::coherence
