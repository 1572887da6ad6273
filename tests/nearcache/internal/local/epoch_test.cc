#include "nearcache/internal/local/epoch.h"

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace nearcache::internal::local {
namespace {

TEST(EpochTest, WithoutReadersWhatWasRetiredIsSafeAfterOneAdvance) {
  const uint64_t tag = CurrentEpoch();
  EXPECT_GE(tag, SafeEpoch());
  AdvanceEpoch();
  EXPECT_LT(tag, SafeEpoch());
}

TEST(EpochTest, ASectionHoldsWhatIsRetiredWhileItLasts) {
  uint64_t tag = 0;
  {
    const EpochSection section;
    tag = CurrentEpoch();
    for (int i = 0; i < 10; ++i) AdvanceEpoch();
    EXPECT_GE(tag, SafeEpoch());
  }
  AdvanceEpoch();
  EXPECT_LT(tag, SafeEpoch());
}

TEST(EpochTest, ASectionDoesNotHoldWhatWasRetiredBeforeTheEpochInWhichItBegan) {
  const uint64_t before = CurrentEpoch();
  AdvanceEpoch();
  const EpochSection section;
  EXPECT_LT(before, AdvanceEpoch());
}

TEST(EpochTest, OnlyTheOutermostSectionCounts) {
  const EpochSection outer;
  const uint64_t tag = CurrentEpoch();
  {
    const EpochSection inner;
  }
  AdvanceEpoch();
  EXPECT_GE(tag, SafeEpoch());
}

TEST(EpochTest, ASectionOfAnotherThreadHolds) {
  absl::Notification entered;
  absl::Notification leave;
  std::thread reader([&] {
    const EpochSection section;
    entered.Notify();
    leave.WaitForNotification();
  });
  entered.WaitForNotification();
  const uint64_t tag = CurrentEpoch();
  EXPECT_GE(tag, AdvanceEpoch());
  leave.Notify();
  reader.join();
  EXPECT_LT(tag, AdvanceEpoch());
}

// Readers follow a pointer that a writer keeps replacing; a block is poisoned when it is said to be safe.
TEST(EpochTest, NoReaderMeetsABlockThatIsSafe) {
  struct Block {
    std::atomic<uint64_t> alive{1};
    uint64_t tag = 0;
  };
  std::atomic<Block*> current{new Block};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const EpochSection section;
        const Block* const block = current.load(std::memory_order_seq_cst);
        for (int look = 0; look < 20; ++look) {
          ASSERT_EQ(block->alive.load(std::memory_order_relaxed), 1u);
        }
      }
    });
  }
  std::vector<Block*> retired;
  for (int i = 0; i < 30'000; ++i) {
    Block* const old = current.exchange(new Block, std::memory_order_seq_cst);
    old->tag = CurrentEpoch();
    retired.push_back(old);
    const uint64_t safe = i % 4 == 0 ? AdvanceEpoch() : SafeEpoch();
    while (!retired.empty() && retired.front()->tag < safe) {
      retired.front()->alive.store(0, std::memory_order_relaxed);
      delete retired.front();
      retired.erase(retired.begin());
    }
  }
  done.store(true);
  for (std::thread& reader : readers) reader.join();
  for (Block* const block : retired) delete block;
  delete current.load();
}

}  // namespace
}  // namespace nearcache::internal::local
