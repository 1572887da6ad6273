#include "nearcache/internal/remote/breaker.h"

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/breaker_gate.h"

namespace nearcache::internal::remote {
namespace {

using Outcome = Breaker::Outcome;
using ::testing::HasSubstr;

constexpr MonotonicNanos kMillisecond = 1'000'000;

BreakerOptions Small() {
  BreakerOptions options;
  options.window = absl::Seconds(1);
  options.calls_min = 4;
  options.bad_share = 0.5;
  options.open_time = absl::Milliseconds(100);
  options.open_time_max = absl::Milliseconds(400);
  options.probes = 2;
  options.random_seed = 7;
  return options;
}

class BreakerTest : public ::testing::Test {
 protected:
  explicit BreakerTest(const BreakerOptions& options = Small()) : breaker_(options) { breaker_.OnLinkReady(now_); }

  // So many calls that begin and end now.
  void End(Outcome outcome, int calls = 1) {
    for (int i = 0; i < calls; ++i) breaker_.OnOutcome(outcome, now_, now_);
  }
  void Open() {
    End(Outcome::kFailed, 4);
    ASSERT_EQ(breaker_.state(), BreakerState::kOpen);
  }
  // Goes to when the timer is wanted, and tells.
  void FireTimer() {
    ASSERT_NE(breaker_.timer_at(), kNever);
    now_ = breaker_.timer_at();
    breaker_.OnTimer(now_);
  }
  void Probe() {
    Open();
    FireTimer();
    ASSERT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  }

  MonotonicNanos now_ = 1'000'000 * kMillisecond;
  Breaker breaker_;
};

TEST_F(BreakerTest, IsClosedAtFirstAndWantsNoTimer) {
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  EXPECT_EQ(breaker_.timer_at(), kNever);
}

// --- Closed

TEST_F(BreakerTest, StaysClosedBelowTheLeastNumberOfCalls) {
  End(Outcome::kFailed, 3);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  End(Outcome::kFailed);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
}

TEST_F(BreakerTest, OpensExactlyAtTheShare) {
  End(Outcome::kGood, 5);
  End(Outcome::kFailed, 4);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed) << "4 of 9 are less than half";
  End(Outcome::kFailed);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen) << "5 of 10";
}

TEST_F(BreakerTest, SlowCallsAndFailuresCountTogether) {
  End(Outcome::kGood, 2);
  End(Outcome::kFailed);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  End(Outcome::kSlow);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
  EXPECT_THAT(breaker_.cause(), HasSubstr("of the last 4 calls 1 failed and 1 took longer than 500ms"));
}

TEST_F(BreakerTest, AGoodCallNeverOpensIt) {
  End(Outcome::kFailed, 3);
  End(Outcome::kGood);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed) << "3 of 4 are bad, but the last news is good";
  End(Outcome::kSlow);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
}

TEST_F(BreakerTest, ForgetsWhatIsOlderThanTheWindow) {
  End(Outcome::kFailed, 3);
  now_ += 1000 * kMillisecond;
  End(Outcome::kFailed, 3);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  now_ += 899 * kMillisecond;
  End(Outcome::kFailed);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen) << "nine tenths of the window later they still count";
}

TEST_F(BreakerTest, SlotsAreUsedAgainWithoutTheirOldContents) {
  for (int i = 0; i < 100; ++i) {
    End(Outcome::kFailed, 3);
    now_ += 1000 * kMillisecond;  // The same slot, one round later.
  }
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
}

TEST_F(BreakerTest, AThousandGoodCallsHideAHandfulOfBadOnesForOneWindowOnly) {
  End(Outcome::kGood, 1000);
  End(Outcome::kFailed, 500);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  now_ += 1100 * kMillisecond;
  End(Outcome::kFailed, 4);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
}

// --- Open

TEST_F(BreakerTest, OutcomesMoveNothingWhileItIsOpen) {
  Open();
  const uint64_t round = breaker_.round();
  End(Outcome::kGood, 100);
  End(Outcome::kFailed, 100);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker_.round(), round);
}

TEST_F(BreakerTest, StaysOpenForHalfToAllOfThePause) {
  Open();
  const MonotonicNanos pause = breaker_.timer_at() - now_;
  EXPECT_GE(pause, 50 * kMillisecond);
  EXPECT_LE(pause, 100 * kMillisecond);
  breaker_.OnTimer(breaker_.timer_at() - 1);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen) << "a timer that comes early changes nothing";
  breaker_.OnTimer(breaker_.timer_at());
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

TEST_F(BreakerTest, PausesOfTwoProcessesDiffer) {
  BreakerOptions other = Small();
  other.random_seed = 8;
  Breaker second(other);
  for (int i = 0; i < 4; ++i) second.OnOutcome(Outcome::kFailed, now_, now_);
  Open();
  EXPECT_NE(breaker_.timer_at(), second.timer_at());
}

TEST_F(BreakerTest, DoesNotProbeWithoutALink) {
  Open();
  breaker_.OnLinkDown();
  FireTimer();
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker_.timer_at(), kNever) << "only the link can help";
  breaker_.OnLinkReady(now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

TEST_F(BreakerTest, ProbesAtOnceWhenTheLinkIsBack) {
  Open();
  breaker_.OnLinkDown();
  breaker_.OnLinkReady(++now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

TEST_F(BreakerTest, ALinkThatComesAndGoesDoesNotDisturbAClosedBreaker) {
  breaker_.OnLinkDown();
  breaker_.OnLinkReady(now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  EXPECT_EQ(breaker_.round(), 0u);
}

// --- Half-open

TEST_F(BreakerTest, ClosesAfterAllProbesWereGood) {
  Probe();
  End(Outcome::kGood);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  End(Outcome::kGood);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  EXPECT_EQ(breaker_.timer_at(), kNever);
}

TEST_F(BreakerTest, BeginsWithAnEmptyWindowAfterClosing) {
  Probe();
  End(Outcome::kGood, 2);
  End(Outcome::kFailed, 3);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed) << "what made it open counts no more";
  End(Outcome::kFailed);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
}

TEST_F(BreakerTest, OneBadProbeOpensItAgain) {
  for (const Outcome bad : {Outcome::kFailed, Outcome::kSlow}) {
    Breaker breaker(Small());
    breaker.OnLinkReady(now_);
    for (int i = 0; i < 4; ++i) breaker.OnOutcome(Outcome::kFailed, now_, now_);
    now_ = breaker.timer_at();
    breaker.OnTimer(now_);
    breaker.OnOutcome(Outcome::kGood, now_, now_);
    breaker.OnOutcome(bad, now_, now_);
    EXPECT_EQ(breaker.state(), BreakerState::kOpen);
    EXPECT_THAT(breaker.cause(), HasSubstr("a probe"));
  }
}

TEST_F(BreakerTest, PausesDoubleUpToTheirMaximumAndBeginAnewAfterClosing) {
  Open();
  std::vector<int64_t> longest = {100, 200, 400, 400, 400};
  for (const int64_t milliseconds : longest) {
    const MonotonicNanos pause = breaker_.timer_at() - now_;
    EXPECT_GE(pause, milliseconds * kMillisecond / 2);
    EXPECT_LE(pause, milliseconds * kMillisecond);
    FireTimer();
    End(Outcome::kFailed);
  }
  FireTimer();
  End(Outcome::kGood, 2);
  Open();
  EXPECT_LE(breaker_.timer_at() - now_, 100 * kMillisecond);
}

TEST_F(BreakerTest, WhatBeganBeforeHalfOpenSaysNothing) {
  Probe();
  breaker_.OnOutcome(Outcome::kFailed, now_ - 1, now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  breaker_.OnOutcome(Outcome::kGood, now_ - 1, now_);
  breaker_.OnOutcome(Outcome::kGood, now_ - 1, now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

TEST_F(BreakerTest, WhatBeganBeforeItClosedSaysNothing) {
  Probe();
  const MonotonicNanos began_at = now_;
  ++now_;
  End(Outcome::kGood, 2);
  for (int i = 0; i < 100; ++i) breaker_.OnOutcome(Outcome::kFailed, began_at, now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
}

TEST_F(BreakerTest, LetsMoreProbesThroughWhenTheFirstOnesShowNothing) {
  Probe();
  const uint64_t round = breaker_.round();
  EXPECT_EQ(breaker_.timer_at(), now_ + 100 * kMillisecond);
  FireTimer();
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  EXPECT_GT(breaker_.round(), round);
}

TEST_F(BreakerTest, GoodProbesOfTwoRoundsAddUp) {
  Probe();
  End(Outcome::kGood);
  FireTimer();
  End(Outcome::kGood);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
}

TEST_F(BreakerTest, DisabledItNeverOpens) {
  BreakerOptions options = Small();
  options.enabled = false;
  Breaker breaker(options);
  for (int i = 0; i < 1000; ++i) breaker.OnOutcome(Outcome::kFailed, now_, now_);
  EXPECT_EQ(breaker.state(), BreakerState::kClosed);
}

// Whatever happens in whatever order: states follow each other as the header says, a timer is wanted where one is
// needed, and nothing but bad calls opens it.
TEST_F(BreakerTest, NoOrderOfEventsLeavesTheTable) {
  uint64_t state = 1;
  const auto random = [&state] { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 33; };
  bool link = true;
  for (int i = 0; i < 200'000; ++i) {
    const BreakerState before = breaker_.state();
    const uint64_t event = random() % 6;
    now_ += static_cast<MonotonicNanos>(random() % (20 * kMillisecond));
    const bool due = breaker_.timer_at() <= now_;
    if (event == 0) breaker_.OnTimer(now_);
    if (event == 1) breaker_.OnLinkReady(now_);
    if (event == 2) breaker_.OnLinkDown();
    if (event == 1 || event == 2) link = event == 1;
    if (event >= 3) End(static_cast<Outcome>(event - 3));
    const BreakerState after = breaker_.state();
    if (before == BreakerState::kClosed) {
      EXPECT_TRUE(after == before || (after == BreakerState::kOpen && event >= 4));
    }
    if (before == BreakerState::kOpen && after != before) {
      EXPECT_EQ(after, BreakerState::kHalfOpen);
      EXPECT_TRUE(event == 1 || (event == 0 && due && link));
    }
    if (before == BreakerState::kHalfOpen) {
      EXPECT_TRUE(after == before || (after == BreakerState::kClosed && event == 3) || event >= 4);
    }
    if (before == BreakerState::kHalfOpen && after == BreakerState::kOpen) {
      EXPECT_GE(event, 4u);
    }
    const bool timer = breaker_.timer_at() != kNever;
    EXPECT_TRUE(after == BreakerState::kClosed ? !timer : after == BreakerState::kHalfOpen ? timer : timer || !link);
  }
}

// --- The gate

class BreakerGateTest : public BreakerTest {};

TEST_F(BreakerGateTest, LetsEverythingThroughWhileItIsClosed) {
  BreakerGate gate;
  EXPECT_FALSE(gate.Follow(breaker_));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(gate.Admit());
  EXPECT_EQ(gate.refused(), 0u);
}

TEST_F(BreakerGateTest, RefusesAndCountsWhileItIsOpen) {
  BreakerGate gate;
  Open();
  EXPECT_TRUE(gate.Follow(breaker_));
  EXPECT_FALSE(gate.Follow(breaker_)) << "nothing new";
  EXPECT_FALSE(gate.WouldAdmit());
  EXPECT_FALSE(gate.Admit());
  EXPECT_EQ(gate.refused(), 1u);
  EXPECT_EQ(gate.opened(), 1u);
  EXPECT_EQ(gate.closed_until(), now_);
}

TEST_F(BreakerGateTest, LetsAsManyThroughAsThereAreProbesAndAsManyAgainInTheNextRound) {
  BreakerGate gate;
  Probe();
  EXPECT_TRUE(gate.Follow(breaker_));
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(gate.WouldAdmit());
    EXPECT_TRUE(gate.Admit());
    EXPECT_TRUE(gate.Admit());
    EXPECT_FALSE(gate.WouldAdmit());
    EXPECT_FALSE(gate.Admit());
    FireTimer();
    EXPECT_FALSE(gate.Follow(breaker_)) << "the same state";
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
