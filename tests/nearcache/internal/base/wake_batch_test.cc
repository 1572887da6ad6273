#include "nearcache/internal/base/wake_batch.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/one_shot_event.h"

namespace nearcache::internal {
namespace {

using Waking = OneShotEvent::Waking;

TEST(WakeBatchTest, ATicketIsVoidOnceItsGroupWasWoken) {
  const uint32_t slot = SlotOfThisThread();
  const uint32_t ticket = TicketOf(slot);
  WakeSlot(slot);
  EXPECT_NE(TicketOf(slot), ticket);
  SleepInSlot(slot, ticket, kNever);  // Would never end.
}

TEST(WakeBatchTest, WakesNobodyBeforeItIsFlushed) {
  const uint32_t slot = SlotOfThisThread();
  const uint32_t ticket = TicketOf(slot);
  WakeBatch batch;
  WakeSlot(slot);
  EXPECT_EQ(TicketOf(slot), ticket);
  batch.Flush();
  EXPECT_NE(TicketOf(slot), ticket);
  const uint32_t next = TicketOf(slot);
  batch.Flush();
  EXPECT_EQ(TicketOf(slot), next) << "somebody was woken twice";
}

TEST(WakeBatchTest, FlushesWhenItEnds) {
  const uint32_t slot = SlotOfThisThread();
  const uint32_t ticket = TicketOf(slot);
  {
    WakeBatch batch;
    WakeSlot(slot);
  }
  EXPECT_NE(TicketOf(slot), ticket);
  WakeSlot(slot);  // At once again.
  EXPECT_NE(TicketOf(slot), ticket + 1);
}

// More threads than a group has slots, so that several groups are woken by one batch.
TEST(WakeBatchTest, EverySleeperWakesWhoeverSetsItsEvent) {
  constexpr int kSleepers = 3 * static_cast<int>(kSlotsPerGroup);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<OneShotEvent>> events;
    for (int i = 0; i < kSleepers; ++i) events.push_back(std::make_unique<OneShotEvent>(Waking::kInBatches));
    std::atomic<int> awake{0};
    std::vector<std::thread> sleepers;
    for (const auto& event : events) {
      sleepers.emplace_back([&event, &awake] {
        event->Wait();
        ++awake;
      });
    }
    std::thread single([&events] {
      for (size_t i = 0; i < events.size(); i += 2) events[i]->Set();
    });
    {
      WakeBatch batch;
      for (size_t i = 1; i < events.size(); i += 2) {
        events[i]->Set();
        if (i % 10 == 1) batch.Flush();
      }
    }
    for (std::thread& sleeper : sleepers) sleeper.join();
    single.join();
    EXPECT_EQ(awake, kSleepers);
  }
}

// So many threads that some share a slot: each is woken for the other, and sleeps on.
TEST(WakeBatchTest, ThreadsThatShareASlotMissNothing) {
  const uint32_t own = SlotOfThisThread();
  OneShotEvent mine(Waking::kInBatches);
  for (bool shared = false; !shared;) {
    std::thread other([&shared, own, &mine] {
      if (SlotOfThisThread() != own) return;
      shared = true;
      OneShotEvent others(Waking::kInBatches);
      EXPECT_FALSE(others.WaitFor(absl::Milliseconds(1)));
      std::thread setter([&mine, &others] {
        mine.Set();
        others.Set();
      });
      others.Wait();
      setter.join();
    });
    other.join();
  }
  mine.Wait();
}

}  // namespace
}  // namespace nearcache::internal
