#include "nearcache/internal/base/thread_slot.h"

#include <pthread.h>

#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

TEST(ThreadSlotTest, AThreadKeepsItsSlot) {
  ThreadSlot& slot = ThisThreadSlot();
  EXPECT_EQ(&ThisThreadSlot(), &slot);
  EXPECT_EQ(slot.epoch.load(), 0u);
}

TEST(ThreadSlotTest, LivingThreadsHaveDifferentDenseIndexes) {
  constexpr int kThreads = 8;
  const size_t before = ThreadSlotCount();
  std::vector<uint32_t> indexes(kThreads);
  auto* const barrier = new absl::Barrier(kThreads);
  std::vector<std::thread> threads;
  for (uint32_t& index : indexes) {
    threads.emplace_back([&index, barrier] {
      index = ThisThreadSlot().index;
      if (barrier->Block()) delete barrier;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<uint32_t>(indexes.begin(), indexes.end()).size(), size_t{kThreads});
  EXPECT_LE(ThreadSlotCount(), before + kThreads);
}

TEST(ThreadSlotTest, ANewThreadTakesOverTheSlotOfAnEndedOne) {
  ThisThreadSlot();
  std::thread([] { ThisThreadSlot(); }).join();
  const size_t before = ThreadSlotCount();
  for (int i = 0; i < 100; ++i) std::thread([] { ThisThreadSlot(); }).join();
  EXPECT_EQ(ThreadSlotCount(), before);
}

TEST(ThreadSlotTest, EverySlotIsInTheList) {
  ThisThreadSlot();
  std::set<uint32_t> indexes;
  for (const ThreadSlot* slot = FirstThreadSlot(); slot != nullptr; slot = slot->next) {
    indexes.insert(slot->index);
  }
  EXPECT_EQ(indexes.size(), ThreadSlotCount());
  EXPECT_EQ(*indexes.rbegin(), ThreadSlotCount() - 1);
}

void UseSlotLate(void* /*value*/) { ThisThreadSlot(); }

// Another library's thread-local clean-up may read a cache after our own clean-up ran.
TEST(ThreadSlotTest, ASlotTakenWhileTheThreadEndsIsGivenBackToo) {
  std::thread([] { ThisThreadSlot(); }).join();
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key, UseSlotLate), 0);
  const size_t before = ThreadSlotCount();
  for (int i = 0; i < 10; ++i) {
    std::thread([key] {
      ThisThreadSlot();
      pthread_setspecific(key, &key);
    }).join();
  }
  EXPECT_EQ(ThreadSlotCount(), before);
  pthread_key_delete(key);
}

}  // namespace
}  // namespace nearcache::internal
