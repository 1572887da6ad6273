#include "nearcache/internal/base/one_shot_event.h"

#include <atomic>
#include <memory>
#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

TEST(OneShotEventTest, AWaitAfterSetReturnsAtOnce) {
  OneShotEvent event;
  EXPECT_FALSE(event.is_set());
  event.Set();
  EXPECT_TRUE(event.is_set());
  event.Wait();
  EXPECT_TRUE(event.WaitFor(absl::ZeroDuration()));
}

TEST(OneShotEventTest, AWaitEndsWithItsTime) {
  OneShotEvent event;
  EXPECT_FALSE(event.WaitFor(absl::ZeroDuration()));
  EXPECT_FALSE(event.WaitFor(-absl::InfiniteDuration()));
  EXPECT_FALSE(event.WaitFor(absl::Milliseconds(1)));
  event.Set();
  EXPECT_TRUE(event.WaitFor(absl::Milliseconds(1)));
}

TEST(OneShotEventTest, AnEndlessWaitIsWoken) {
  OneShotEvent event;
  std::thread setter([&event] { event.Set(); });
  EXPECT_TRUE(event.WaitFor(absl::InfiniteDuration()));
  setter.join();
}

// Set before, during and after the waiter goes to sleep; what was written before it is seen.
TEST(OneShotEventTest, NoSetIsMissed) {
  for (int i = 0; i < 5000; ++i) {
    const auto event = std::make_shared<OneShotEvent>();
    int written = 0;
    std::thread setter([event, &written, i] {
      written = i;
      event->Set();
    });
    if (i % 3 == 0) std::this_thread::yield();
    event->Wait();
    ASSERT_EQ(written, i);
    setter.join();
  }
}

}  // namespace
}  // namespace nearcache::internal
