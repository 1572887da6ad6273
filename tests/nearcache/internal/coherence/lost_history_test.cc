// What the channel machine makes of a server that loses history under living connections: who sees it, and that he
// tells.

#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/coherence/channel_machine.h"
#include "nearcache/internal/coherence/unheard_ids.h"
#include "tests/nearcache/internal/coherence/channel_machine_fixture.h"

namespace nearcache::internal::coherence {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class LostHistoryTest : public ChannelMachineTest {
 protected:
  // The next generation, at `at`, whose base is `lane`.
  std::vector<Action> OpenAgain(MonotonicNanos at, uint64_t lane) {
    now_ = at;
    Subscribed();
    std::vector<Action> actions = TickAt(at + kBound);  // The pause after a generation that did not last is over.
    return Read(last_ticket_, lane, now_);
  }
  static Action Announces(uint64_t number, MonotonicNanos now) { return AnnounceLoss{number, now + kPatience}; }
};

TEST_F(LostHistoryTest, AnOlderLaneIsALossThatIsToldOnceTheNextGenerationIsOpen) {
  Open(5);
  Hear(5, 6);
  EXPECT_THAT(Heartbeat(300, 5), Closes(CloseCause::kLaneRegressed));
  const std::vector<Action> opened = OpenAgain(400, 5);
  EXPECT_THAT(opened, Contains(Announces(1, now_)));
}

TEST_F(LostHistoryTest, AnOwnChangeThatWasAcknowledgedAndIsUnheardContradictsTheLane) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 150);
  EXPECT_THAT(Heartbeat(300, 5), Closes(CloseCause::kLaneRegressed)) << "6 came after the base, and 5 is the base";
}

TEST_F(LostHistoryTest, ALaterChangeOfAnotherHistoryDoesNotHideAnOwnOne) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 150);
  Hear(5, 7);
  EXPECT_THAT(Heartbeat(300, 7), Closes(CloseCause::kLaneRegressed));
}

TEST_F(LostHistoryTest, NorDoesOneThatIsHeardAfterTheAnswer) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 150);
  EXPECT_THAT(Heartbeat(300, 7), IsEmpty()) << "7 may be on its way";
  EXPECT_THAT(Hear(5, 7), Contains(Action(CloseGeneration{CloseCause::kLaneRegressed})));
}

TEST_F(LostHistoryTest, AnOwnChangeThatIsHeardBeforeOrAfterItsAcknowledgementIsNone) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 150);
  Hear(5, 6);
  Hear(6, 7);
  machine_.OnAcknowledged(Id(7), 160);
  EXPECT_THAT(Heartbeat(300, 7), ElementsAre(Lease(300)));
}

TEST_F(LostHistoryTest, AnOwnChangeThatIsAcknowledgedAfterTheHeartbeatLeftSaysNothingAboutIt) {
  Open(5);
  TickAt(300);
  machine_.OnAcknowledged(Id(6), 150);
  EXPECT_THAT(Read(last_ticket_, 5, 300), ElementsAre(Lease(300)));
  EXPECT_THAT(Heartbeat(500, 5), Closes(CloseCause::kLaneRegressed));
}

// Found by the simulation (seed 1007529): the announcement of a loss is made up in the moment in which the generation
// opens, and is lost itself.
TEST_F(LostHistoryTest, WhatIsMadeUpInTheMomentOfOpeningComesAfterTheBase) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 100);
  EXPECT_THAT(Heartbeat(300, 5), Closes(CloseCause::kLaneRegressed));
}

TEST_F(LostHistoryTest, AnIdThatAReadingShowedAndIsUnheardContradictsALaterOne) {
  Open(5);
  EXPECT_THAT(Heartbeat(300, 6), IsEmpty()) << "6 may be on its way";
  EXPECT_THAT(Heartbeat(500, 5), Closes(CloseCause::kLaneRegressed));
}

TEST_F(LostHistoryTest, NotOneThatLeftBeforeTheAnswer) {
  Open(5);
  TickAt(300);
  const uint64_t earlier = last_ticket_;
  TickAt(500);
  EXPECT_THAT(Read(last_ticket_, 6, 500), IsEmpty());
  EXPECT_THAT(Read(earlier, 5, 300), ElementsAre(Lease(300)));
}

TEST_F(LostHistoryTest, NorOneWhoseIdIsHeardInTime) {
  Open(5);
  EXPECT_THAT(Heartbeat(300, 6), IsEmpty());
  EXPECT_THAT(Hear(5, 6), Contains(Lease(300)));
  EXPECT_THAT(Heartbeat(500, 6), ElementsAre(Lease(500)));
}

TEST_F(LostHistoryTest, ABaseContradictsWhatAReadingShowedBefore) {
  Open(5);
  Heartbeat(300, 6);
  Down();
  EXPECT_THAT(OpenAgain(400, 5), Contains(Action(CloseGeneration{CloseCause::kLaneRegressed})));
}

TEST_F(LostHistoryTest, AnOwnChangeFromBeforeTheBaseMayBeCoveredByIt) {
  machine_.OnAcknowledged(Id(4), 50);
  Open(5);
  machine_.OnAcknowledged(Id(3), 90);
  EXPECT_THAT(Heartbeat(300, 5), ElementsAre(Lease(300)));
}

TEST_F(LostHistoryTest, AChangeThatFollowsAnOlderOneThanTheLastIsOfAnotherHistory) {
  Open(5);
  Hear(5, 6);
  Hear(6, 7);
  EXPECT_THAT(Hear(6, 8), Contains(Action(CloseGeneration{CloseCause::kLaneRegressed})));
}

TEST_F(LostHistoryTest, ABaseThatIsOlderThanWhatWasHeardBeforeShowsIt) {
  Open(5);
  Hear(5, 6);
  Down();
  const std::vector<Action> opened = OpenAgain(400, 5);
  EXPECT_THAT(opened, Contains(Action(CloseGeneration{CloseCause::kLaneRegressed})));
  EXPECT_THAT(opened, Contains(Action(DropLocal{})));
  EXPECT_THAT(opened, Contains(Announces(1, now_)));
}

TEST_F(LostHistoryTest, ABaseThatIsTheLastThatWasHeardContradictsAnUnheardOwnChange) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 150);
  Down();
  EXPECT_THAT(OpenAgain(400, 5), Contains(Action(CloseGeneration{CloseCause::kLaneRegressed})));
}

TEST_F(LostHistoryTest, ABaseThatIsNewsSaysNothing) {
  Open(5);
  machine_.OnAcknowledged(Id(6), 150);
  Down();
  EXPECT_THAT(OpenAgain(400, 6), Not(Contains(Action(CloseGeneration{CloseCause::kLaneRegressed}))));
  const MonotonicNanos at = now_ + kInterval;
  EXPECT_THAT(Heartbeat(at, 6), Contains(Lease(at)));
}

TEST_F(LostHistoryTest, AnIdFromBeforeTheBaseIsOlderThanIt) {
  Open(5);
  Down();
  OpenAgain(400, 9);
  EXPECT_THAT(Heartbeat(now_ + kInterval, 5), Closes(CloseCause::kLaneRegressed));
}

TEST_F(LostHistoryTest, WhatCouldNotBeToldIsToldWithTheNextHeartbeat) {
  Open(5);
  Hear(5, 6);
  Heartbeat(300, 5);
  OpenAgain(400, 5);
  EXPECT_EQ(machine_.losses_seen(), 1u);
  MonotonicNanos at = now_ + kInterval;
  EXPECT_THAT(TickAt(at), Not(Contains(Announces(1, at)))) << "under way";
  machine_.OnLossAnnounced(1, false);
  at += kInterval;
  EXPECT_THAT(TickAt(at), Contains(Announces(1, at)));
  machine_.OnLossAnnounced(1, true);
  at += kInterval;
  EXPECT_THAT(TickAt(at), Not(Contains(Announces(1, at))));
}

TEST_F(LostHistoryTest, AnOrdinaryGapIsNotTold) {
  Open(5);
  Hear(5, 6);
  EXPECT_THAT(Hear(7, 8), Contains(Action(CloseGeneration{CloseCause::kGap})));
  OpenAgain(400, 8);
  EXPECT_EQ(machine_.losses_seen(), 0u);
}

TEST(UnheardIdsTest, KnowsWhetherAnyOfTheFirstIsUnheard) {
  UnheardIds ids;
  EXPECT_FALSE(ids.AnyBy(0));
  ids.Learn(Id(1));
  ids.Learn(Id(2));
  EXPECT_FALSE(ids.AnyBy(0));
  EXPECT_TRUE(ids.AnyBy(1));
  ids.Hear(Id(1));
  EXPECT_FALSE(ids.AnyBy(1));
  EXPECT_TRUE(ids.AnyBy(2));
  ids.Clear();
  EXPECT_FALSE(ids.AnyBy(2));
  EXPECT_EQ(ids.learned(), 2u);
}

TEST(UnheardIdsTest, KeepsTheFirstWhenTheyAreTooMany) {
  UnheardIds ids;
  for (uint64_t i = 1; i <= 2 * UnheardIds::kCapacity; ++i) ids.Learn(Id(i));
  for (uint64_t i = 2; i <= 2 * UnheardIds::kCapacity; ++i) ids.Hear(Id(i));
  EXPECT_TRUE(ids.AnyBy(1));
  ids.Hear(Id(1));
  EXPECT_FALSE(ids.AnyBy(ids.learned()));
}

}  // namespace
}  // namespace nearcache::internal::coherence
