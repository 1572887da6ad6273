// No reply is ever delivered to another operation: every operation asks for bytes of its own, through timeouts, cuts,
// pauses and resets.

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/redis_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::RedisServer;

constexpr int kThreads = 4;
constexpr int kOperationsEach = 25'000;
constexpr int kInFlightEach = 200;

class EngineNonceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    absl::StatusOr<std::unique_ptr<RedisServer>> server = RedisServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    EngineOptions options = TestOptions(server_->socket_path());
    options.health_timeout = absl::Milliseconds(40);
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  void Check(const std::string& nonce, bool pair, const OperationResult& result) {
    if (result.status.ok()) {
      ++answered_;
      const bool right = result.replies.size() == (pair ? 2u : 1u) && result.replies[0].text() == nonce &&
                         (!pair || result.replies[1].text() == nonce + "'");
      if (!right) ++wrong_;
    } else {
      ++failed_;
    }
  }

  // One operation: ECHO of a nonce, sometimes two of them, sometimes with next to no time.
  void SubmitOne(int thread, int number, std::mt19937& random, std::atomic<int>& in_flight) {
    const std::string nonce = absl::StrCat(thread, "-", number);
    const bool pair = random() % 4 == 0;
    std::string bytes = EncodeCommand({"ECHO", nonce});
    if (pair) AppendCommand(&bytes, {"ECHO", nonce + "'"});
    const int hurry = random() % 3 == 0 ? 1 + static_cast<int>(random() % 10) : 20'000;
    Operation operation = MakeOperation(std::move(bytes), absl::Milliseconds(hurry));
    operation.reply_count = pair ? 2 : 1;
    operation.resends_max = static_cast<int>(random() % 3);
    operation.done = [this, nonce, pair, &in_flight](OperationResult result) {
      Check(nonce, pair, result);
      --in_flight;
    };
    ++in_flight;
    engine_->Submit(std::move(operation));
  }

  void RunCaller(int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    std::atomic<int> in_flight{0};
    for (int i = 0; i < kOperationsEach; ++i) {
      while (in_flight >= kInFlightEach) std::this_thread::yield();
      SubmitOne(thread, i, random, in_flight);
    }
    while (in_flight > 0) std::this_thread::yield();
  }

  // One kind of trouble after the other, each after some more operations have ended.
  void MakeTrouble() {
    const int ended_before = answered_ + failed_;
    switch (trouble_++ % 4) {
      case 0:
        (void)server_->Command({"CLIENT", "KILL", "TYPE", "normal"});
        break;
      case 1:
        (void)server_->Command({"DEBUG", "SLEEP", "0.02"});
        break;
      case 2:
        engine_->ResetData(absl::UnavailableError("trouble"));
        break;
      case 3: {
        server_->Pause();
        // Until the connection is given up.
        const uint64_t failures = engine_->GetStats().health_failures;
        while (!stop_ && engine_->GetStats().health_failures == failures) {
          std::this_thread::yield();
        }
        server_->Resume();
        break;
      }
    }
    while (!stop_ && answered_ + failed_ < ended_before + 2000) std::this_thread::yield();
  }

  std::unique_ptr<RedisServer> server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;
  std::atomic<int> answered_{0};
  std::atomic<int> failed_{0};
  std::atomic<int> wrong_{0};
  std::atomic<bool> stop_{false};
  int trouble_ = 0;
};

TEST_F(EngineNonceTest, NoReplyReachesAnotherOperation) {
  std::vector<std::thread> callers;
  for (int i = 0; i < kThreads; ++i) callers.emplace_back([this, i] { RunCaller(i); });
  std::thread trouble([this] {
    while (!stop_) MakeTrouble();
  });
  for (std::thread& caller : callers) caller.join();
  stop_ = true;
  trouble.join();
  EXPECT_EQ(wrong_, 0);
  EXPECT_EQ(answered_ + failed_, kThreads * kOperationsEach);  // Each exactly once.
  const EngineStats stats = engine_->GetStats();
  EXPECT_EQ(stats.protocol_errors, 0u);
  EXPECT_EQ(stats.queued_operations, 0u);
  EXPECT_EQ(stats.queued_bytes, 0u);
  // The trouble was real, and so was the work.
  EXPECT_GT(answered_, kOperationsEach);
  EXPECT_GT(stats.disconnects, 3u);
  EXPECT_GT(stats.late_replies + stats.timeouts, 0u);
  EXPECT_GT(stats.resends, 0u);
}

}  // namespace
}  // namespace nearcache::internal::remote
