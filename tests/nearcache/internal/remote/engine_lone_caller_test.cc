// A lone caller writes to the socket itself: everything that holds for an operation of the loop's must hold for such a
// one.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;

using Command = std::vector<std::string>;

// Does with writes what the test wants, and passes the rest on.
class MeddlingTransport final : public Transport {
 public:
  using Write1 = std::function<IoResult(Transport&, absl::Span<const iovec>)>;

  MeddlingTransport(std::unique_ptr<Transport> real, const Write1* write) : real_(std::move(real)), write_(*write) {}
  int descriptor() const override { return real_->descriptor(); }
  IoResult FinishConnect() override { return real_->FinishConnect(); }
  IoResult Read(char* buffer, size_t capacity) override { return real_->Read(buffer, capacity); }
  bool AllowsForeignWrites() const override { return real_->AllowsForeignWrites(); }
  IoResult Write(absl::Span<const iovec> parts) override {
    return write_ ? write_(*real_, parts) : real_->Write(parts);
  }

 private:
  const std::unique_ptr<Transport> real_;
  const Write1& write_;
};

class EngineLoneCallerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EngineOptions options = TestOptions(server_.socket_path());
    options.transport_factory = [this](const TransportRequest& request) -> absl::StatusOr<std::unique_ptr<Transport>> {
      auto real = OpenPlainTransport(request);
      if (!real.ok()) return real.status();
      return std::unique_ptr<Transport>(new MeddlingTransport(*std::move(real), &write_));
    };
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
    peer_ = server_.AcceptAndShakeHands();
    ASSERT_NE(events_.Await("data ready"), "");
  }

  std::shared_ptr<Running> Get(absl::string_view key, absl::Duration timeout = kPatience) {
    return Submit(*engine_, {"GET", key}, timeout);
  }

  void AskAlone(absl::string_view key, absl::Duration timeout = kPatience) {
    const auto running = Get(key, timeout);
    ASSERT_EQ(peer_.ReadCommand(), (Command{"GET", std::string(key)}));
    peer_.Send(BulkString(key));
    ASSERT_EQ(running->reply().text(), key);
  }

  uint64_t DirectWrites() const { return engine_->GetStats().direct_writes; }

  // Submits alone, by `submit`, until it was the caller that wrote. False if that never happens.
  bool UntilDirect(const std::function<void()>& submit) {
    for (int i = 0; i < 5000; ++i) {
      const uint64_t before = DirectWrites();
      submit();
      if (DirectWrites() > before) return true;
    }
    return false;
  }
  // One operation that its caller wrote, without an answer yet.
  std::shared_ptr<Running> DirectGet(absl::string_view key, absl::Duration timeout = kPatience) {
    for (int i = 0; i < 5000; ++i) {
      const uint64_t before = DirectWrites();
      auto running = Get(key, timeout);
      if (peer_.ReadCommand().empty()) break;
      if (DirectWrites() > before) return running;
      peer_.Send(BulkString("x"));
      running->Wait();
    }
    return nullptr;
  }

  ScriptedServer server_;
  RecordingEvents events_;
  MeddlingTransport::Write1 write_;
  Peer peer_{-1};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineLoneCallerTest, WritesItselfAfterAHistoryOfLoneOperations) {
  for (int i = 0; i < 10; ++i) AskAlone(absl::StrCat("k", i));
  EXPECT_EQ(DirectWrites(), 0u);
  EXPECT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
  const EngineStats stats = engine_->GetStats();
  EXPECT_EQ(stats.completed, stats.operations);
  EXPECT_EQ(stats.queued_operations, 0u);
  EXPECT_GT(stats.bytes_sent, stats.operations * 20);
}

TEST_F(EngineLoneCallerTest, CompanyEndsIt) {
  ASSERT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
  const auto a = Get("a");
  const auto b = Get("b");
  const auto c = Get("c");
  for (int i = 0; i < 3; ++i) ASSERT_FALSE(peer_.ReadCommand().empty());
  peer_.Send(BulkString("a") + BulkString("b") + BulkString("c"));
  EXPECT_EQ(a->reply().text(), "a");
  EXPECT_EQ(b->reply().text(), "b");
  EXPECT_EQ(c->reply().text(), "c");
  const uint64_t before = DirectWrites();
  for (int i = 0; i < 10; ++i) AskAlone("again");
  EXPECT_EQ(DirectWrites(), before);
  EXPECT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
}

TEST_F(EngineLoneCallerTest, WhatOneThreadSubmitsLeavesInOrder) {
  for (int i = 0; i < 500; ++i) {
    AskAlone("between");
    const auto a = Get("a");
    const auto b = Get("b");
    ASSERT_EQ(peer_.ReadCommand(), (Command{"GET", "a"}));
    ASSERT_EQ(peer_.ReadCommand(), (Command{"GET", "b"}));
    peer_.Send(BulkString("va") + BulkString("vb"));
    ASSERT_EQ(a->reply().text(), "va");
    ASSERT_EQ(b->reply().text(), "vb");
    if (i % 20 == 0) {
      ASSERT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
    }
  }
}

TEST_F(EngineLoneCallerTest, ItsDeadlineIsKept) {
  const auto running = DirectGet("k", absl::Milliseconds(60));
  ASSERT_NE(running, nullptr);
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(running->result().unknown);
  // The late reply falls on a tombstone, not on the next operation.
  peer_.Send(BulkString("late"));
  AskAlone("next");
  EXPECT_EQ(engine_->GetStats().late_replies, 1u);
}

TEST_F(EngineLoneCallerTest, AnEarlyDeadlineGoesTheUsualWay) {
  ASSERT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
  const uint64_t before = DirectWrites();
  const auto running = Get("k", absl::Milliseconds(15));
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(DirectWrites(), before);
}

TEST_F(EngineLoneCallerTest, ALargeOperationGoesTheUsualWay) {
  ASSERT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
  const uint64_t before = DirectWrites();
  AskAlone(std::string(64 << 10, 'k'));
  EXPECT_EQ(DirectWrites(), before);
}

TEST_F(EngineLoneCallerTest, TheLoopSendsWhatTheSocketDidNotTake) {
  write_ = [](Transport& real, absl::Span<const iovec> parts) {
    iovec first = parts[0];
    first.iov_len = std::min<size_t>(first.iov_len, 3);
    return real.Write(absl::MakeConstSpan(&first, 1));
  };
  EXPECT_TRUE(UntilDirect([this] { AskAlone("in pieces"); }));
}

TEST_F(EngineLoneCallerTest, AFailedWriteIsALostConnectionAndNothingWasSent) {
  ASSERT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
  std::atomic<bool> fail{false};
  write_ = [&fail](Transport& real, absl::Span<const iovec> parts) {
    if (fail.load()) return IoResult{IoResult::Kind::kFailed, 0, absl::UnavailableError("write: broken")};
    return real.Write(parts);
  };
  ASSERT_TRUE(UntilDirect([this] { AskAlone("alone"); }));
  fail.store(true);
  const auto running = Get("k");
  ASSERT_NE(events_.Await("data down"), "");
  fail.store(false);
  // Nothing of it had left: it waits for the next connection.
  peer_ = server_.AcceptAndShakeHands();
  ASSERT_EQ(peer_.ReadCommand(), (Command{"GET", "k"}));
  peer_.Send(BulkString("v"));
  EXPECT_EQ(running->reply().text(), "v");
}

TEST_F(EngineLoneCallerTest, AResetLosesIt) {
  const auto running = DirectGet("k");
  ASSERT_NE(running, nullptr);
  engine_->ResetData(absl::UnavailableError("told so"));
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(running->result().unknown);
}

TEST_F(EngineLoneCallerTest, ShutdownCancelsIt) {
  const auto running = DirectGet("k");
  ASSERT_NE(running, nullptr);
  engine_->Shutdown();
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(running->result().unknown);
}

TEST_F(EngineLoneCallerTest, AServerThatHangsUpLosesIt) {
  const auto running = DirectGet("k");
  ASSERT_NE(running, nullptr);
  peer_.Close();
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineLoneCallerTest, ADraftIsAnOperation) {
  auto running = std::make_shared<Running>();
  Engine::Draft draft = engine_->NewDraft();
  AppendCommand(&draft->bytes, {"GET", "k"});
  draft->deadline = AddDuration(Clock::Real()->Now(), kPatience);
  draft->done = [running](OperationResult result) { running->Complete(std::move(result)); };
  engine_->Submit(std::move(draft));
  {
    const Engine::Draft forgotten = engine_->NewDraft();
  }
  ASSERT_EQ(peer_.ReadCommand(), (Command{"GET", "k"}));
  peer_.Send(BulkString("v"));
  EXPECT_EQ(running->reply().text(), "v");
}

TEST_F(EngineLoneCallerTest, NodesAreUsedAgain) {
  for (int i = 0; i < 200; ++i) AskAlone("k");
  EXPECT_LE(engine_->GetStats().pooled_operations, 8u);
}

}  // namespace
}  // namespace nearcache::internal::remote
