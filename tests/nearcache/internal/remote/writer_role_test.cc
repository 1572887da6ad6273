// The writer's role is in one hand at a time, and what a caller wrote is handed over whole.

#include "nearcache/internal/remote/writer_role.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

class NoOwner final : public OperationOwner {
 public:
  void OnOperationTaken(OperationNode*) override {}
  void OnOperationRefused(OperationNode*) override {}
  void OnDeadline(OperationNode*) override {}
};

class FakeTransport final : public Transport {
 public:
  int descriptor() const override { return -1; }
  IoResult FinishConnect() override { return {IoResult::Kind::kDone, 0, absl::OkStatus()}; }
  IoResult Read(char*, size_t) override { return {IoResult::Kind::kWantRead, 0, absl::OkStatus()}; }
  bool AllowsForeignWrites() const override { return true; }
  IoResult Write(absl::Span<const iovec> parts) override {
    if (kind != IoResult::Kind::kDone) return {kind, 0, absl::OkStatus()};
    const size_t bytes = std::min(parts[0].iov_len, takes);
    written.append(static_cast<const char*>(parts[0].iov_base), bytes);
    return {kind, bytes, absl::OkStatus()};
  }

  IoResult::Kind kind = IoResult::Kind::kDone;
  size_t takes = 1 << 20;
  std::string written;
};

class WriterRoleTest : public ::testing::Test {
 protected:
  WriterRoleTest() { node_.operation.bytes = "PING\r\n"; }

  NoOwner owner_;
  OperationNode node_{&owner_};
  FakeTransport transport_;
  WriterRole role_;
};

TEST_F(WriterRoleTest, NobodyWritesUnlessItIsLent) {
  EXPECT_FALSE(role_.lent());
  EXPECT_FALSE(role_.Claim());
  EXPECT_EQ(role_.TakeBack().node, nullptr);
}

TEST_F(WriterRoleTest, OneCallerWritesAndTheLoopTakesItOver) {
  role_.Lend(&transport_);
  EXPECT_TRUE(role_.Claim());
  EXPECT_FALSE(role_.Claim());
  EXPECT_TRUE(role_.Write(&node_));
  EXPECT_EQ(transport_.written, "PING\r\n");
  EXPECT_FALSE(role_.Claim());  // One operation is in flight.
  const WriterRole::Written written = role_.TakeBack();
  EXPECT_EQ(written.node, &node_);
  EXPECT_EQ(written.bytes, 6u);
  EXPECT_FALSE(role_.lent());
  EXPECT_FALSE(role_.Claim());
  EXPECT_EQ(role_.TakeBack().node, nullptr);
}

TEST_F(WriterRoleTest, WhatTheSocketDidNotTakeIsLeftToTheLoop) {
  transport_.takes = 2;
  role_.Lend(&transport_);
  ASSERT_TRUE(role_.Claim());
  EXPECT_FALSE(role_.Write(&node_));
  EXPECT_EQ(role_.TakeBack().bytes, 2u);
}

TEST_F(WriterRoleTest, AFailureIsLeftToTheLoop) {
  for (const IoResult::Kind kind : {IoResult::Kind::kFailed, IoResult::Kind::kWantWrite, IoResult::Kind::kClosed}) {
    transport_.kind = kind;
    role_.Lend(&transport_);
    ASSERT_TRUE(role_.Claim());
    EXPECT_FALSE(role_.Write(&node_));
    const WriterRole::Written written = role_.TakeBack();
    EXPECT_EQ(written.node, &node_);
    EXPECT_EQ(written.bytes, 0u);
  }
}

TEST_F(WriterRoleTest, ADeclinedRoleIsStillLent) {
  role_.Lend(&transport_);
  ASSERT_TRUE(role_.Claim());
  role_.Decline();
  EXPECT_TRUE(role_.Claim());
  role_.Decline();
  EXPECT_EQ(role_.TakeBack().node, nullptr);
}

// The loop and callers at full speed: each written node is taken over exactly once, and by then its bytes are out.
TEST_F(WriterRoleTest, EveryOperationIsHandedOverOnce) {
  constexpr int kRounds = 5'000;
  std::atomic<bool> stop{false};
  std::atomic<int> claimed{0};
  OperationNode nodes[2] = {OperationNode(&owner_), OperationNode(&owner_)};
  std::vector<std::thread> callers;
  for (OperationNode& node : nodes) {
    node.operation.bytes = "x";
    callers.emplace_back([&, mine = &node] {
      while (!stop.load()) {
        if (!role_.Claim()) continue;
        mine->resends = 1;  // Reset by the loop.
        claimed.fetch_add(1);
        role_.Write(mine);
      }
    });
  }
  int taken = 0;
  for (int round = 0; round < kRounds; ++round) {
    role_.Lend(&transport_);
    std::this_thread::yield();
    const WriterRole::Written written = role_.TakeBack();
    if (written.node == nullptr) continue;
    ++taken;
    ASSERT_EQ(std::exchange(written.node->resends, 0), 1);
    ASSERT_EQ(transport_.written.size(), static_cast<size_t>(taken));
  }
  stop.store(true);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(claimed.load(), taken);
}

}  // namespace
}  // namespace nearcache::internal::remote
