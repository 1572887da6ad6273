#include "bench/processes/run_delay.h"

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

TEST(RunDelayTest, OwnDelayNeverFallsAndIsPartOfThatOfTheProcess) {
  const OwnRunDelay own;
  int64_t last = own.Nanos();
  for (int i = 0; i < 1000; ++i) {
    std::this_thread::yield();
    const int64_t now = own.Nanos();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GE(RunDelayOfProcess({}), last);
}

TEST(RunDelayTest, ExceptedThreadsDoNotCount) {
  EXPECT_EQ(RunDelayOfProcess({gettid()}), 0) << "there is no other thread";
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done.load()) std::this_thread::yield();
  });
  EXPECT_GE(RunDelayOfProcess({}), RunDelayOfProcess({gettid()}));
  done.store(true);
  other.join();
}

}  // namespace
}  // namespace nearcache::bench
