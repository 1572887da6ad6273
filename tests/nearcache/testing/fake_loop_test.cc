#include "nearcache/testing/fake_loop.h"

#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/fake_clock.h"

namespace nearcache::internal::remote {
namespace {

TEST(FakeLoopTest, TasksRunInTheOrderOfTheirTimesAndThenOfPosting) {
  FakeClock clock;
  FakeLoop loop(&clock, &clock);
  std::vector<int> order;
  const MonotonicNanos now = clock.Now();
  loop.Post(now + 10, [&] { order.push_back(4); });
  loop.Post(now, [&] { order.push_back(2); });
  loop.Post(now - 5, [&] { order.push_back(1); });
  loop.Post(now, [&] { order.push_back(3); });
  EXPECT_TRUE(loop.Step());
  EXPECT_EQ(order, (std::vector<int>{1}));
  EXPECT_EQ(loop.RunUntilIdle(), 2u);
  EXPECT_FALSE(loop.Step());
  clock.Advance(absl::Nanoseconds(10));
  EXPECT_EQ(loop.RunUntilIdle(), 1u);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST(FakeLoopTest, AdvanceRunsEachTaskAtItsOwnTime) {
  FakeClock clock;
  FakeLoop loop(&clock, &clock);
  const MonotonicNanos start = clock.Now();
  std::vector<MonotonicNanos> ran;
  loop.Post(start + 300, [&] { ran.push_back(clock.Now() - start); });
  loop.Post(start + 100, [&] {
    ran.push_back(clock.Now() - start);
    loop.Post(clock.Now() + 50, [&] { ran.push_back(clock.Now() - start); });
  });
  loop.Advance(absl::Nanoseconds(200));
  EXPECT_EQ(ran, (std::vector<MonotonicNanos>{100, 150}));
  EXPECT_EQ(clock.Now(), start + 200);
  loop.Advance(absl::Nanoseconds(100));
  EXPECT_EQ(ran.back(), 300);
}

TEST(FakeLoopTest, ALoopThatNeverRestsIsStopped) {
  FakeClock clock;
  FakeLoop loop(&clock, &clock);
  absl::AnyInvocable<void()> again = [&] { loop.Post([&] { again(); }); };
  again();
  EXPECT_EQ(loop.RunUntilIdle(/*steps_max=*/100), 100u);
}

TEST(FakeLoopTest, TheThreadRunsWhatIsDueAndRunWaitsForIt) {
  FakeClock clock;
  FakeLoop loop(&clock, &clock);
  loop.StartThread();
  absl::Notification posted, late;
  loop.Post([&] { posted.Notify(); });
  posted.WaitForNotification();
  std::thread::id inside;
  loop.Run([&] {
    inside = std::this_thread::get_id();
    // On the loop's thread it does not wait for itself.
    loop.Run([&] { EXPECT_EQ(std::this_thread::get_id(), inside); });
  });
  EXPECT_NE(inside, std::this_thread::get_id());
  loop.Post(clock.Now() + 1000, [&] { late.Notify(); });
  clock.Advance(absl::Microseconds(1));
  late.WaitForNotification();
  loop.StopThread();
}

}  // namespace
}  // namespace nearcache::internal::remote
