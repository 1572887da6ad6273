#include "nearcache/internal/base/counter_block.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "nearcache/internal/base/thread_slot.h"

namespace nearcache::internal {
namespace {

enum Name { kFirst, kSecond, kNames };

TEST(CounterBlockTest, StartsAtZeroAndKeepsCountersApart) {
  CounterBlock<kNames> counters;
  EXPECT_EQ(counters.Sum(kFirst), 0u);
  counters.Add(kSecond, 5);
  counters.Add(kSecond);
  EXPECT_EQ(counters.Sum(kFirst), 0u);
  EXPECT_EQ(counters.Sum(kSecond), 6u);
}

TEST(CounterBlockTest, CountsOfEndedThreadsStayAndTheirCellsAreContinued) {
  CounterBlock<kNames> counters;
  for (int i = 0; i < 200; ++i) std::thread([&] { counters.Add(kFirst); }).join();
  EXPECT_EQ(counters.Sum(kFirst), 200u);
}

// More threads at once than there are owned cells: those beyond share cells and must not lose an
// add.
TEST(CounterBlockTest, LosesNothingWhenThreadsShareCells) {
  constexpr int kThreads = CounterBlock<kNames>::kOwnedCells + 40;
  constexpr int kAdds = 20'000;
  CounterBlock<kNames> counters;
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      ThisThreadSlot();
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      for (int add = 0; add < kAdds; ++add) counters.Add(kFirst);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(ThreadSlotCount(), CounterBlock<kNames>::kOwnedCells);
  EXPECT_EQ(counters.Sum(kFirst), uint64_t{kThreads} * kAdds);
}

}  // namespace
}  // namespace nearcache::internal
