#include "nearcache/internal/remote/session.h"

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

constexpr LinkRole kData = LinkRole::kData;
constexpr LinkRole kChannel = LinkRole::kChannel;

SessionActions Nothing() { return SessionActions(); }
SessionActions Probe() {
  SessionActions actions;
  actions.start_probe = true;
  return actions;
}
SessionActions Up() {
  SessionActions actions;
  actions.channel_up = true;
  return actions;
}
SessionActions Lost() {
  SessionActions actions;
  actions.channel_lost = true;
  return actions;
}

class SessionTest : public ::testing::Test {
 protected:
  void BringUp() {
    session_.OnReady(kData, "A");
    session_.OnReady(kChannel, "A");
    session_.OnProbeHeard();
    ASSERT_EQ(session_.state(), Session::State::kUp);
  }
  Session session_;
};

TEST_F(SessionTest, TheChannelIsUpOnlyAfterBothLinksAndTheProbe) {
  EXPECT_EQ(session_.OnReady(kChannel, "A"), Nothing());
  EXPECT_EQ(session_.OnProbeHeard(), Nothing());
  EXPECT_EQ(session_.OnReady(kData, "A"), Probe());
  EXPECT_EQ(session_.OnProbeHeard(), Up());
  EXPECT_EQ(session_.OnProbeHeard(), Nothing());
}

TEST_F(SessionTest, TheOrderOfTheLinksDoesNotMatter) {
  EXPECT_EQ(session_.OnReady(kData, "A"), Nothing());
  EXPECT_EQ(session_.OnReady(kChannel, "A"), Probe());
}

TEST_F(SessionTest, ALostChannelLinkIsReportedAndProbedAnew) {
  BringUp();
  EXPECT_EQ(session_.OnDown(kChannel), Lost());
  EXPECT_EQ(session_.OnReady(kChannel, "A"), Probe());
  EXPECT_EQ(session_.OnProbeHeard(), Up());
}

TEST_F(SessionTest, ADataLinkToTheSameServerKeepsTheChannelUp) {
  BringUp();
  EXPECT_EQ(session_.OnDown(kData), Nothing());
  EXPECT_EQ(session_.OnReady(kData, "A"), Nothing());
  EXPECT_EQ(session_.state(), Session::State::kUp);
}

TEST_F(SessionTest, ADataLinkLostWhileProbingStartsTheProbeAgain) {
  session_.OnReady(kChannel, "A");
  session_.OnReady(kData, "A");
  EXPECT_EQ(session_.OnDown(kData), Nothing());
  EXPECT_EQ(session_.OnProbeHeard(), Nothing());
  EXPECT_EQ(session_.OnReady(kData, "A"), Probe());
}

TEST_F(SessionTest, ADataLinkToAnotherServerEndsTheSession) {
  BringUp();
  session_.OnDown(kData);
  SessionActions expected = Lost();
  expected.session_changed = true;
  expected.reset_link = kChannel;
  EXPECT_EQ(session_.OnReady(kData, "B"), expected);
  EXPECT_EQ(session_.OnDown(kChannel), Nothing());
  EXPECT_EQ(session_.OnReady(kChannel, "B"), Probe());
}

TEST_F(SessionTest, AChannelLinkToAnotherServerEndsTheSessionAndDropsRepliesInFlight) {
  BringUp();
  EXPECT_EQ(session_.OnDown(kChannel), Lost());
  SessionActions expected;
  expected.session_changed = true;
  expected.reset_link = kData;
  EXPECT_EQ(session_.OnReady(kChannel, "B"), expected);
}

TEST_F(SessionTest, BothLinksLostAndBackAtAnotherServerIsOneChange) {
  BringUp();
  EXPECT_EQ(session_.OnDown(kData), Nothing());
  EXPECT_EQ(session_.OnDown(kChannel), Lost());
  SessionActions changed;
  changed.session_changed = true;
  EXPECT_EQ(session_.OnReady(kChannel, "B"), changed);
  EXPECT_EQ(session_.OnReady(kData, "B"), Probe());
}

TEST_F(SessionTest, LinksThatChaseEachOtherSlowDown) {
  session_.OnReady(kData, "A");
  absl::Duration pause;
  for (int i = 0; i < 12; ++i) {
    const LinkRole role = i % 2 == 0 ? kChannel : kData;
    if (i > 0) session_.OnDown(role);
    const SessionActions actions = session_.OnReady(role, i % 4 < 2 ? "B" : "A");
    if (!actions.reset_link.has_value()) continue;
    EXPECT_NE(*actions.reset_link, role);
    EXPECT_GE(actions.reset_pause, pause);
    EXPECT_LE(actions.reset_pause, Session::kResetPauseMax);
    pause = actions.reset_pause;
  }
  // The first is at once, and a match begins again from there.
  Session other;
  other.OnReady(kData, "A");
  EXPECT_EQ(other.OnReady(kChannel, "B").reset_pause, absl::ZeroDuration());
  other.OnDown(kData);
  EXPECT_EQ(other.OnReady(kData, "A").reset_pause, Session::kFirstResetPause);
  other.OnDown(kChannel);
  EXPECT_EQ(other.OnReady(kChannel, "A"), Probe());
  other.OnDown(kData);
  EXPECT_EQ(other.OnReady(kData, "C").reset_pause, absl::ZeroDuration());
}

TEST_F(SessionTest, AProbeThatGotLostReplacesTheChannelLink) {
  session_.OnReady(kData, "A");
  session_.OnReady(kChannel, "A");
  EXPECT_EQ(session_.OnProbeLost().reset_link, kChannel);
  session_.OnDown(kChannel);
  EXPECT_EQ(session_.OnProbeLost(), Nothing());
  EXPECT_EQ(session_.OnReady(kChannel, "A"), Probe());
  session_.OnProbeHeard();
  EXPECT_EQ(session_.OnProbeLost(), Nothing());
}

TEST_F(SessionTest, ConnectionsOfALinkAreCounted) {
  BringUp();
  EXPECT_EQ(session_.connection_number(kData), 1);
  session_.OnDown(kData);
  session_.OnReady(kData, "A");
  EXPECT_EQ(session_.connection_number(kData), 2);
  EXPECT_EQ(session_.connection_number(kChannel), 1);
}

}  // namespace
}  // namespace nearcache::internal::remote
