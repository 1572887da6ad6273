// Nodes come back as new ones, with their buffers, and never twice at the same time.

#include "nearcache/internal/remote/operation_pool.h"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

class NoOwner final : public OperationOwner {
 public:
  void OnOperationTaken(OperationNode*) override {}
  void OnOperationRefused(OperationNode*) override {}
  void OnDeadline(OperationNode*) override {}
};

class OperationPoolTest : public ::testing::Test {
 protected:
  NoOwner owner_;
  OperationPool pool_{&owner_};
};

TEST_F(OperationPoolTest, ANodeThatComesBackIsANewOneWithABuffer) {
  OperationNode* const node = pool_.Take();
  node->operation.bytes.assign(1000, 'b');
  node->operation.reply_count = 3;
  node->operation.reply_types.push_back(ReplyTypeSet::Of(Reply::Type::kInteger));
  node->operation.resends_max = 2;
  node->operation.deadline = 5;
  node->result.replies.emplace_back();
  node->own = node->foreign = node->in_flight = node->tombstone = node->left_process = node->maybe_executed = true;
  node->resends = 1;
  node->stream_offset = node->sent_at = 7;
  pool_.Return(node);

  OperationNode* const again = pool_.Take();
  ASSERT_EQ(again, node);
  EXPECT_TRUE(again->operation.bytes.empty());
  EXPECT_GE(again->operation.bytes.capacity(), 1000u);
  EXPECT_EQ(again->operation.reply_count, 1);
  EXPECT_TRUE(again->operation.reply_types.empty());
  EXPECT_EQ(again->operation.resends_max, 0);
  EXPECT_EQ(again->operation.deadline, kNever);
  EXPECT_TRUE(again->result.replies.empty());
  EXPECT_FALSE(again->own || again->foreign || again->in_flight || again->tombstone || again->left_process ||
               again->maybe_executed);
  EXPECT_EQ(again->resends, 0);
  EXPECT_EQ(again->stream_offset, 0u);
  EXPECT_EQ(again->sent_at, 0);
  pool_.Return(again);
}

TEST_F(OperationPoolTest, WhatTheNodeHeldIsDestroyedWhenItComesBack) {
  const auto held = std::make_shared<int>(1);
  OperationNode* const node = pool_.Take();
  node->operation.done = [held](OperationResult) {};
  pool_.Return(node);
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(OperationPoolTest, ALargeBufferIsNotKept) {
  OperationNode* const node = pool_.Take();
  node->operation.bytes.reserve(OperationPool::kBytesKeptMax + 1);
  pool_.Return(node);
  OperationNode* const again = pool_.Take();
  EXPECT_LE(again->operation.bytes.capacity(), OperationPool::kBytesKeptMax);
  pool_.Return(again);
}

TEST_F(OperationPoolTest, KeepsNoMoreThanItsLimit) {
  std::vector<OperationNode*> taken;
  for (uint32_t i = 0; i < OperationPool::kNodesMax + 10; ++i) taken.push_back(pool_.Take());
  EXPECT_EQ(std::set<OperationNode*>(taken.begin(), taken.end()).size(), taken.size());
  for (OperationNode* const node : taken) pool_.Return(node);
  EXPECT_EQ(pool_.nodes(), OperationPool::kNodesMax);
}

// Taking and returning at once is what makes a stack without tags hand out one node twice.
TEST_F(OperationPoolTest, ManyThreadsNeverShareANode) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  std::atomic<int> shared{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i, &shared] {
      for (int round = 0; round < kRounds; ++round) {
        OperationNode* const a = pool_.Take();
        OperationNode* const b = pool_.Take();
        // `resends` stands for "mine"; it is 0 in every node that nobody else has.
        if (a == b || a->resends != 0 || b->resends != 0) shared.fetch_add(1);
        a->resends = b->resends = i + 1;
        std::this_thread::yield();
        if (a->resends != i + 1 || b->resends != i + 1) shared.fetch_add(1);
        pool_.Return(a);
        pool_.Return(b);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.load(), 0);
  EXPECT_LE(pool_.nodes(), size_t{2 * kThreads});
}

}  // namespace
}  // namespace nearcache::internal::remote
