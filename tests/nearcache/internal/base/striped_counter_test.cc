#include "nearcache/internal/base/striped_counter.h"

#include <cstddef>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

TEST(StripedCounterTest, SumsWhatAllThreadsAdded) {
  StripedCounter counter;
  EXPECT_EQ(counter.Sum(), 0u);
  constexpr int kThreads = 40;  // More than there are stripes.
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&counter] {
      for (int i = 0; i < 1000; ++i) counter.Increment();
      counter.Add(500);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.Sum(), kThreads * 1500u);
}

TEST(StripedCounterTest, AddingTheComplementSubtracts) {
  StripedCounter gauge;
  gauge.Add(10);
  std::thread([&gauge] { gauge.Add(static_cast<uint64_t>(-3)); }).join();
  EXPECT_EQ(gauge.Sum(), 7u);
}

TEST(StripedCounterTest, StripesLieOnDifferentCacheLines) {
  EXPECT_EQ(sizeof(BasicStripedCounter<4>), 4 * 64u);
  EXPECT_EQ(alignof(BasicStripedCounter<4>), 64u);
}

TEST(ThreadNumberTest, IsDistinctAndStaysTheSame) {
  constexpr size_t kThreads = 20;
  std::vector<uint32_t> numbers(kThreads);
  std::vector<std::thread> threads;
  for (uint32_t& number : numbers) {
    threads.emplace_back([&number] {
      number = ThreadNumber();
      EXPECT_EQ(ThreadNumber(), number);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<uint32_t>(numbers.begin(), numbers.end()).size(), kThreads);
  EXPECT_EQ(std::set<uint32_t>(numbers.begin(), numbers.end()).count(0), 0u);
}

}  // namespace
}  // namespace nearcache::internal
