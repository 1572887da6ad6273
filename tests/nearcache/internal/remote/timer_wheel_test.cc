#include "nearcache/internal/remote/timer_wheel.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kTick = 10;

class TestTimer final : public Timer {
 public:
  explicit TestTimer(std::function<void()> body) : body_(std::move(body)) {}
  void OnTimer() override { body_(); }

 private:
  std::function<void()> body_;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  static constexpr MonotonicNanos kStart = 1000;

  std::unique_ptr<TestTimer> Named(std::string name) {
    return std::make_unique<TestTimer>([this, name] { fired_.push_back(name); });
  }

  std::vector<std::string> AdvanceTo(MonotonicNanos now) {
    fired_.clear();
    wheel_.Advance(now);
    return fired_;
  }

  std::vector<std::string> fired_;
  TimerWheel wheel_{kStart, absl::Nanoseconds(kTick)};
};

TEST_F(TimerWheelTest, FiresOnceNeverEarlyAndWithinATick) {
  const auto timer = Named("a");
  wheel_.Arm(timer.get(), kStart + 25);
  EXPECT_THAT(AdvanceTo(kStart + 24), IsEmpty());
  EXPECT_THAT(AdvanceTo(kStart + 25), IsEmpty());  // Rounded up to the end of its tick.
  EXPECT_THAT(AdvanceTo(kStart + 30), ElementsAre("a"));
  EXPECT_FALSE(timer->armed());
  EXPECT_THAT(AdvanceTo(kStart + 100), IsEmpty());
}

TEST_F(TimerWheelTest, CancelledAndMovedTimersDoNotFireAtTheOldTime) {
  const auto cancelled = Named("cancelled");
  const auto moved = Named("moved");
  wheel_.Arm(cancelled.get(), kStart + 20);
  wheel_.Arm(moved.get(), kStart + 20);
  wheel_.Cancel(cancelled.get());
  wheel_.Cancel(cancelled.get());  // Harmless.
  wheel_.Arm(moved.get(), kStart + 50);
  EXPECT_THAT(AdvanceTo(kStart + 40), IsEmpty());
  EXPECT_THAT(AdvanceTo(kStart + 50), ElementsAre("moved"));
}

TEST_F(TimerWheelTest, ATimeInThePastFiresAtTheNextTick) {
  const auto timer = Named("late");
  wheel_.Arm(timer.get(), 1);
  EXPECT_THAT(AdvanceTo(kStart + kTick), ElementsAre("late"));
}

TEST_F(TimerWheelTest, NeverMeansNotArmed) {
  const auto timer = Named("never");
  wheel_.Arm(timer.get(), kStart + 20);
  wheel_.Arm(timer.get(), kNever);
  EXPECT_FALSE(timer->armed());
  EXPECT_EQ(wheel_.NextExpiry(), kNever);
}

TEST_F(TimerWheelTest, TimersOfLaterRoundsWaitInTheSameSlot) {
  const auto soon = Named("soon");
  const auto later = Named("later");
  const MonotonicNanos round = 1024 * kTick;
  wheel_.Arm(soon.get(), kStart + 50);
  wheel_.Arm(later.get(), kStart + 50 + round);
  EXPECT_THAT(AdvanceTo(kStart + 60), ElementsAre("soon"));
  EXPECT_THAT(AdvanceTo(kStart + 40 + round), IsEmpty());
  EXPECT_THAT(AdvanceTo(kStart + 50 + round), ElementsAre("later"));
}

TEST_F(TimerWheelTest, AJumpOverManyRoundsFiresEverythingDueAndNothingElse) {
  const auto due = Named("due");
  const auto not_due = Named("not due");
  wheel_.Arm(due.get(), kStart + 5000);
  wheel_.Arm(not_due.get(), kStart + 100'000'000);
  EXPECT_THAT(AdvanceTo(kStart + 50'000'000), ElementsAre("due"));
  EXPECT_TRUE(not_due->armed());
  wheel_.Cancel(not_due.get());
}

TEST_F(TimerWheelTest, TimersMayCancelEachOtherAndArmThemselvesFromInside) {
  const auto victim = Named("victim");
  int rounds = 0;
  TestTimer* self = nullptr;
  TestTimer killer([&] {
    wheel_.Cancel(victim.get());
    fired_.push_back("killer");
    if (++rounds < 3) wheel_.Arm(self, 0);
  });
  self = &killer;
  wheel_.Arm(&killer, kStart + 20);
  wheel_.Arm(victim.get(), kStart + 20);
  EXPECT_THAT(AdvanceTo(kStart + 20), ElementsAre("killer"));  // Ends although it armed itself.
  EXPECT_THAT(AdvanceTo(kStart + 30), ElementsAre("killer"));
  EXPECT_THAT(AdvanceTo(kStart + 40), ElementsAre("killer"));
  EXPECT_EQ(wheel_.NextExpiry(), kNever);
}

TEST_F(TimerWheelTest, AgreesWithASortedListOverRandomStories) {
  constexpr int kTimers = 200;
  std::mt19937 random(7);
  std::vector<std::unique_ptr<TestTimer>> timers;
  std::vector<MonotonicNanos> due(kTimers, kNever);
  MonotonicNanos now = kStart;
  for (int i = 0; i < kTimers; ++i) {
    timers.push_back(std::make_unique<TestTimer>([&, i] {
      EXPECT_LE(due[i], now) << "fired early, or without being armed";
      due[i] = kNever;
    }));
  }
  for (int step = 0; step < 10'000; ++step) {
    const int i = static_cast<int>(random() % kTimers);
    if (random() % 4 == 0) {
      wheel_.Cancel(timers[i].get());
      due[i] = kNever;
    } else {
      due[i] = now + static_cast<int64_t>(random() % 30'000);
      wheel_.Arm(timers[i].get(), due[i]);
    }
    now += static_cast<int64_t>(random() % 40);
    const MonotonicNanos first = *std::min_element(due.begin(), due.end());
    if (first != kNever) {
      ASSERT_LT(wheel_.NextExpiry(), std::max(first, now) + 2 * kTick);
    }
    wheel_.Advance(now);
    for (const MonotonicNanos when : due) {
      ASSERT_GT(when, now - kTick) << "not fired at step " << step;
    }
  }
  for (const auto& timer : timers) wheel_.Cancel(timer.get());
}

}  // namespace
}  // namespace nearcache::internal::remote
