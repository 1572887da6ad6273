#include "nearcache/internal/remote/mpsc_queue.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::ElementsAre;

struct Item : MpscLink {
  int producer = 0;
  int number = 0;
};

std::vector<int> Numbers(MpscLink* link) {
  std::vector<int> numbers;
  for (; link != nullptr; link = link->mpsc_next) {
    numbers.push_back(static_cast<Item*>(link)->number);
  }
  return numbers;
}

TEST(MpscQueueTest, GivesBackInOrder) {
  MpscQueue queue;
  Item items[3];
  for (int i = 0; i < 3; ++i) {
    items[i].number = i;
    EXPECT_TRUE(queue.Push(&items[i]));
  }
  EXPECT_FALSE(queue.empty());
  EXPECT_THAT(Numbers(queue.TakeAll()), ElementsAre(0, 1, 2));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.TakeAll(), nullptr);
}

TEST(MpscQueueTest, RefusesAfterClose) {
  MpscQueue queue;
  Item before;
  Item after;
  EXPECT_TRUE(queue.Push(&before));
  EXPECT_EQ(queue.Close(), &before);
  EXPECT_FALSE(queue.Push(&after));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Close(), nullptr);
}

TEST(MpscQueueTest, LosesNothingAndKeepsEachProducersOrderUnderContention) {
  constexpr int kProducers = 4;
  constexpr int kEach = 20'000;
  MpscQueue queue;
  std::vector<std::vector<Item>> items(kProducers, std::vector<Item>(kEach));
  std::vector<std::thread> threads;
  std::atomic<int> refused{0};
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kEach; ++i) {
        items[p][i].producer = p;
        items[p][i].number = i;
        if (!queue.Push(&items[p][i])) ++refused;
      }
    });
  }
  std::vector<int> next(kProducers, 0);
  for (int taken = 0; taken < kProducers * kEach;) {
    for (MpscLink* link = queue.TakeAll(); link != nullptr; link = link->mpsc_next) {
      const Item& item = *static_cast<Item*>(link);
      ASSERT_EQ(item.number, next[item.producer]++);
      ++taken;
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace nearcache::internal::remote
