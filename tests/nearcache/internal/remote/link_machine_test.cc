#include "nearcache/internal/remote/link_machine.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Event = LinkEvent::Kind;
using Kind = LinkAction::Kind;

constexpr MonotonicNanos kSecond = 1'000'000'000;
constexpr MonotonicNanos kStart = 100 * kSecond;

LinkAction Action(Kind kind, int number = 0) { return {kind, number, 0, absl::OkStatus()}; }
LinkAction ActionWith(Kind kind, absl::Status status) { return {kind, 0, 0, std::move(status)}; }
LinkAction TimerAt(MonotonicNanos when) { return {Kind::kArmTimer, 0, when, absl::OkStatus()}; }

class LinkMachineTest : public ::testing::Test {
 protected:
  static LinkMachineOptions Options() {
    LinkMachineOptions options;
    options.address = "server:1";
    options.connect_timeout = absl::Seconds(4);
    options.health_timeout = absl::Seconds(1);
    options.backoff_max = absl::Seconds(2);
    return options;
  }

  LinkActions Handle(const LinkEvent& event) { return machine_->Handle(event, now_); }
  LinkActions Handle(Event kind) { return Handle(LinkEvent::Of(kind)); }

  void Restart() { machine_ = std::make_unique<LinkMachine>(Options()); }
  void Connecting(int addresses = 1) {
    Handle(Event::kStart);
    Handle(LinkEvent::Resolved(addresses));
  }
  void Handshaking() {
    Connecting();
    Handle(Event::kConnected);
  }
  void Ready() {
    Handshaking();
    Handle(Event::kHandshakeDone);
    ASSERT_EQ(machine_->state(), LinkState::kReady);
  }

  // When the machine wants to try again; fails the test if it does not back off.
  MonotonicNanos BackoffEnd(const LinkActions& actions) {
    EXPECT_EQ(machine_->state(), LinkState::kBackingOff);
    for (const LinkAction& action : actions) {
      if (action.kind == Kind::kArmTimer) return action.when;
    }
    ADD_FAILURE() << "no timer";
    return 0;
  }

  MonotonicNanos now_ = kStart;
  std::unique_ptr<LinkMachine> machine_ = std::make_unique<LinkMachine>(Options());
  const absl::Status lost_ = absl::UnavailableError("lost");
  const absl::Status refused_ = absl::UnavailableError("refused");
};

TEST_F(LinkMachineTest, GoesFromIdleToReady) {
  EXPECT_EQ(machine_->state(), LinkState::kIdle);
  EXPECT_THAT(Handle(Event::kStart), ElementsAre(TimerAt(kStart + 4 * kSecond), Action(Kind::kResolve)));
  EXPECT_EQ(machine_->state(), LinkState::kResolving);
  EXPECT_THAT(Handle(LinkEvent::Resolved(1)), ElementsAre(TimerAt(kStart + 4 * kSecond), Action(Kind::kConnect, 0)));
  EXPECT_EQ(machine_->state(), LinkState::kConnecting);
  EXPECT_THAT(Handle(Event::kConnected), ElementsAre(TimerAt(kStart + 4 * kSecond), Action(Kind::kHandshake, 3)));
  EXPECT_EQ(machine_->state(), LinkState::kHandshaking);
  EXPECT_THAT(Handle(Event::kHandshakeDone), ElementsAre(TimerAt(kStart + kSecond), Action(Kind::kReportReady)));
  EXPECT_EQ(machine_->state(), LinkState::kReady);
  EXPECT_TRUE(machine_->cause().ok());
}

TEST_F(LinkMachineTest, RepeatsTheHandshakeInResp2Once) {
  Handshaking();
  EXPECT_THAT(Handle(Event::kNoHello), ElementsAre(TimerAt(kStart + 4 * kSecond), Action(Kind::kHandshake, 2)));
  EXPECT_EQ(machine_->resp_version(), 2);
  EXPECT_THAT(Handle(Event::kNoHello), IsEmpty());
  Handle(Event::kHandshakeDone);
  EXPECT_EQ(machine_->state(), LinkState::kReady);
}

TEST_F(LinkMachineTest, AsksInResp3AgainAfterAReconnect) {
  Handshaking();
  Handle(Event::kNoHello);
  Handle(Event::kHandshakeDone);
  now_ += 2 * kSecond;
  Handle(LinkEvent::Failed(lost_));
  Handle(LinkEvent::Resolved(1));
  EXPECT_THAT(Handle(Event::kConnected), testing::Contains(Action(Kind::kHandshake, 3)));
}

TEST_F(LinkMachineTest, TriesEveryAddressBeforeItGivesUp) {
  Connecting(3);
  EXPECT_THAT(
      Handle(LinkEvent::Failed(refused_)),
      ElementsAre(ActionWith(Kind::kDisconnect, refused_), TimerAt(kStart + 2 * kSecond), Action(Kind::kConnect, 1)));
  // A silent address uses up its share of the time, no more.
  now_ = kStart + 2 * kSecond;
  const LinkActions actions = Handle(LinkEvent::Timer(kNever, 0));
  EXPECT_EQ(actions.back(), Action(Kind::kConnect, 2));
  EXPECT_EQ(machine_->state(), LinkState::kConnecting);
  EXPECT_THAT(Handle(LinkEvent::Failed(refused_)), testing::Contains(ActionWith(Kind::kReportConnectFailed, refused_)));
  EXPECT_EQ(machine_->state(), LinkState::kBackingOff);
  EXPECT_EQ(machine_->cause(), refused_);
}

TEST_F(LinkMachineTest, EveryStepOfAnAttemptEndsByConnectTimeout) {
  Handle(Event::kStart);
  now_ += 4 * kSecond;
  Handle(LinkEvent::Timer(kNever, 0));
  EXPECT_EQ(machine_->cause().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(machine_->cause().message(), HasSubstr("server:1: the name was not resolved"));

  Restart();
  Handshaking();
  now_ += 4 * kSecond;
  const LinkActions actions = Handle(LinkEvent::Timer(now_ - 4 * kSecond, 0));
  EXPECT_EQ(actions[0].kind, Kind::kDisconnect);
  EXPECT_THAT(machine_->cause().message(), HasSubstr("did not answer the handshake within 4s"));
}

TEST_F(LinkMachineTest, ALossAfterServiceIsMendedAtOnce) {
  Ready();
  now_ += kSecond;
  EXPECT_THAT(Handle(LinkEvent::Failed(lost_)),
              ElementsAre(ActionWith(Kind::kDisconnect, lost_), ActionWith(Kind::kReportDown, lost_),
                          TimerAt(now_ + 4 * kSecond), Action(Kind::kResolve)));
  EXPECT_EQ(machine_->cause(), lost_);
}

TEST_F(LinkMachineTest, ALinkThatKeepsBreakingAtOnceBacksOffFurtherAndFurther) {
  MonotonicNanos longest = 0;
  for (int i = 0; i < 30; ++i) {
    if (i == 0) Handle(Event::kStart);
    Handle(LinkEvent::Resolved(1));
    Handle(Event::kConnected);
    Handle(Event::kHandshakeDone);
    const MonotonicNanos end = BackoffEnd(Handle(LinkEvent::Failed(lost_)));
    longest = std::max(longest, end - now_);
    now_ = end;
    Handle(LinkEvent::Timer(kNever, 0));
  }
  EXPECT_GT(longest, kSecond / 2);
}

TEST_F(LinkMachineTest, BackoffIsFullJitterUnderADoublingCeilingUpToTheMaximum) {
  std::vector<MonotonicNanos> delays;
  Handle(Event::kStart);
  for (int i = 0; i < 200; ++i) {
    const MonotonicNanos end = BackoffEnd(Handle(LinkEvent::Failed(refused_)));
    const MonotonicNanos ceiling = std::min(2 * kSecond, (kSecond / 50) << std::min(i, 20));
    EXPECT_GE(end, now_);
    EXPECT_LE(end - now_, ceiling) << "attempt " << i;
    delays.push_back(end - now_);
    now_ = end;
    EXPECT_THAT(Handle(LinkEvent::Timer(kNever, 0)), testing::Contains(Action(Kind::kResolve)));
  }
  // Spread over the whole range, not bunched at its end.
  const auto late = delays.begin() + 10;
  EXPECT_LT(*std::min_element(late, delays.end()), kSecond / 10);
  EXPECT_GT(*std::max_element(late, delays.end()), kSecond * 19 / 10);
}

TEST_F(LinkMachineTest, NoMoreAttemptsThanAllowedBeginWithinAnySecond) {
  Handle(Event::kStart);
  std::vector<MonotonicNanos> begun = {now_};
  // Somebody resets the link without end, which skips every pause but this limit.
  while (now_ < kStart + 5 * kSecond) {
    now_ += kSecond / 100;
    Handle(LinkEvent::Failed(refused_));
    const LinkActions actions = Handle(LinkEvent::Reset(lost_));
    if (actions.back() == Action(Kind::kResolve)) begun.push_back(now_);
    if (machine_->state() == LinkState::kBackingOff) {
      EXPECT_EQ(actions.back(), TimerAt(begun[begun.size() - 10] + kSecond)) << "as soon as it may";
    }
  }
  ASSERT_EQ(begun.size(), 51u) << "the limit, and the first one";
  for (size_t i = 10; i < begun.size(); ++i) EXPECT_GE(begun[i] - begun[i - 10], kSecond);
}

TEST_F(LinkMachineTest, AnAttemptThatTheLimitPutOffBeginsByTheTimer) {
  Handle(Event::kStart);
  for (int i = 0; i < 9; ++i) Handle(LinkEvent::Reset(lost_));
  EXPECT_THAT(Handle(LinkEvent::Reset(lost_)), ElementsAre(TimerAt(kStart + kSecond)));
  EXPECT_EQ(machine_->state(), LinkState::kBackingOff);
  EXPECT_EQ(machine_->cause(), lost_);
  now_ = kStart + kSecond;
  EXPECT_THAT(Handle(LinkEvent::Timer(kNever, 0)), ElementsAre(TimerAt(now_ + 4 * kSecond), Action(Kind::kResolve)));
}

TEST_F(LinkMachineTest, TwoSeedsDoNotComeBackInStep) {
  LinkMachineOptions other_options = Options();
  other_options.random_seed = 2;
  LinkMachine other(other_options);
  Handle(Event::kStart);
  other.Handle(LinkEvent::Of(Event::kStart), now_);
  const LinkActions mine = Handle(LinkEvent::Failed(refused_));
  const LinkActions others = other.Handle(LinkEvent::Failed(refused_), now_);
  EXPECT_NE(mine.back().when, others.back().when);
}

TEST_F(LinkMachineTest, WhatOnlyAPersonCanMendIsTriedSlowlyFromTheStart) {
  Handshaking();
  const absl::Status status = absl::UnauthenticatedError("wrong password");
  const MonotonicNanos end = BackoffEnd(Handle(LinkEvent::Failed(status, /*permanent=*/true)));
  EXPECT_GE(end - now_, kSecond);
  EXPECT_LE(end - now_, 2 * kSecond);
  EXPECT_EQ(machine_->cause(), status);
}

TEST_F(LinkMachineTest, HealthAsksOnlyHowOldTheOldestUnansweredCommandIs) {
  Ready();
  const MonotonicNanos sent = kStart + kSecond / 2;
  now_ = kStart + kSecond;
  EXPECT_THAT(Handle(LinkEvent::Timer(sent, kStart)), ElementsAre(TimerAt(sent + kSecond)));
  now_ = sent + kSecond;
  const LinkActions actions = Handle(LinkEvent::Timer(sent, kStart));
  EXPECT_EQ(actions[0].kind, Kind::kDisconnect);
  EXPECT_EQ(actions[1].kind, Kind::kReportDown);
  EXPECT_THAT(machine_->cause().message(), HasSubstr("server:1: no reply"));
  EXPECT_THAT(machine_->cause().message(), HasSubstr("health_timeout"));
}

TEST_F(LinkMachineTest, AnsweredCommandsMoveTheHealthDeadlineOn) {
  Ready();
  for (int i = 1; i < 100; ++i) {
    now_ = kStart + i * kSecond;
    const MonotonicNanos oldest = now_ - kSecond / 2;  // Older ones were answered.
    EXPECT_THAT(Handle(LinkEvent::Timer(oldest, now_)), ElementsAre(TimerAt(oldest + kSecond)));
  }
}

TEST_F(LinkMachineTest, ASilentIdleConnectionIsAsked) {
  Ready();
  now_ = kStart + kSecond;
  EXPECT_THAT(Handle(LinkEvent::Timer(kNever, kStart + kSecond / 4)), ElementsAre(TimerAt(kStart + kSecond * 5 / 4)));
  now_ = kStart + kSecond * 5 / 4;
  EXPECT_THAT(Handle(LinkEvent::Timer(kNever, kStart + kSecond / 4)),
              ElementsAre(Action(Kind::kPing), TimerAt(now_ + kSecond)));
}

TEST_F(LinkMachineTest, ResetCutsAReadyLinkAndSkipsABackoff) {
  Ready();
  now_ += kSecond;
  EXPECT_THAT(Handle(LinkEvent::Reset(lost_)), testing::Contains(ActionWith(Kind::kReportDown, lost_)));
  EXPECT_EQ(machine_->state(), LinkState::kResolving);
  Handle(LinkEvent::Failed(refused_));
  EXPECT_EQ(machine_->state(), LinkState::kBackingOff);
  EXPECT_THAT(Handle(LinkEvent::Reset(lost_)), ElementsAre(TimerAt(now_ + 4 * kSecond), Action(Kind::kResolve)));
}

TEST_F(LinkMachineTest, CloseEndsEveryState) {
  const absl::Status closed = absl::CancelledError("closed");
  for (int state = 0; state < 6; ++state) {
    Restart();
    if (state >= 1) Handle(Event::kStart);
    if (state >= 2) Handle(LinkEvent::Resolved(1));
    if (state >= 3) Handle(Event::kConnected);
    if (state >= 4) Handle(Event::kHandshakeDone);
    if (state == 5) Handle(LinkEvent::Failed(lost_));
    const bool was_ready = machine_->state() == LinkState::kReady;
    const LinkActions actions = Handle(LinkEvent::Close(closed));
    EXPECT_EQ(actions.back(), TimerAt(kNever));
    EXPECT_EQ(std::count(actions.begin(), actions.end(), ActionWith(Kind::kReportDown, closed)), was_ready ? 1 : 0);
    EXPECT_EQ(machine_->state(), LinkState::kClosed);
    for (const Event kind : {Event::kStart, Event::kConnected, Event::kHandshakeDone}) {
      EXPECT_THAT(Handle(kind), IsEmpty());
    }
    EXPECT_THAT(Handle(LinkEvent::Reset(lost_)), IsEmpty());
    EXPECT_THAT(Handle(LinkEvent::Timer(0, 0)), IsEmpty());
  }
}

TEST_F(LinkMachineTest, LateAnswersToOvertakenActionsAreIgnored) {
  EXPECT_THAT(Handle(Event::kConnected), IsEmpty());
  EXPECT_THAT(Handle(Event::kHandshakeDone), IsEmpty());
  EXPECT_THAT(Handle(LinkEvent::Failed(lost_)), IsEmpty());
  EXPECT_THAT(Handle(LinkEvent::Reset(lost_)), IsEmpty());
  Ready();
  EXPECT_THAT(Handle(Event::kStart), IsEmpty());
  EXPECT_THAT(Handle(LinkEvent::Resolved(1)), IsEmpty());
  EXPECT_THAT(Handle(Event::kConnected), IsEmpty());
  EXPECT_THAT(Handle(Event::kNoHello), IsEmpty());
  Handle(LinkEvent::Failed(lost_));
  EXPECT_EQ(machine_->state(), LinkState::kBackingOff);
  EXPECT_THAT(Handle(LinkEvent::Failed(lost_)), IsEmpty());
}

}  // namespace
}  // namespace nearcache::internal::remote
