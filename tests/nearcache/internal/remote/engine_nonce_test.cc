// No reply is ever delivered to another operation: every operation asks for bytes of its own, through timeouts, cuts,
// pauses and resets.

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
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
    options.connect_timeout = absl::Milliseconds(500);
    options.health_timeout = absl::Milliseconds(100);
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  // What one caller has outstanding, so that it can wait for room without spinning.
  struct Window {
    absl::Mutex mutex;
    int in_flight ABSL_GUARDED_BY(mutex) = 0;

    void EnterBelow(int limit) {
      const auto room = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return in_flight < limit; };
      absl::MutexLock lock(&mutex, absl::Condition(&room));
      ++in_flight;
    }
    void Leave() {
      absl::MutexLock lock(&mutex);
      --in_flight;
    }
  };

  void Count(const std::string& nonce, bool pair, const OperationResult& result) {
    absl::MutexLock lock(&mutex_);
    ++(result.status.ok() ? answered_ : failed_);
    if (!result.status.ok()) return;
    const bool right = result.replies.size() == (pair ? 2u : 1u) && result.replies[0].text() == nonce &&
                       (!pair || result.replies[1].text() == nonce + "'");
    if (!right) ++wrong_;
  }

  // One operation: ECHO of a nonce, sometimes two of them, sometimes with next to no time.
  void SubmitOne(int thread, int number, std::mt19937& random, Window& window) {
    const std::string nonce = absl::StrCat(thread, "-", number);
    const bool pair = random() % 4 == 0;
    std::string bytes = EncodeCommand({"ECHO", nonce});
    if (pair) AppendCommand(&bytes, {"ECHO", nonce + "'"});
    const int hurry = random() % 3 == 0 ? 1 + static_cast<int>(random() % 10) : 20'000;
    Operation operation = MakeOperation(std::move(bytes), absl::Milliseconds(hurry));
    operation.reply_count = pair ? 2 : 1;
    operation.resends_max = static_cast<int>(random() % 3);
    operation.done = [this, nonce, pair, &window](OperationResult result) {
      Count(nonce, pair, result);
      window.Leave();
    };
    engine_->Submit(std::move(operation));
  }

  void RunCaller(int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    Window window;
    for (int i = 0; i < kOperationsEach; ++i) {
      window.EnterBelow(kInFlightEach);
      SubmitOne(thread, i, random, window);
    }
    window.EnterBelow(1);  // All have left.
  }

  // One kind of trouble after the other.
  void MakeTrouble() {
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
        // Until the engine has given up this connection, or this attempt.
        const int events = events_.Count("data ");
        server_->Pause();
        events_.Await("data ", events + 1);
        server_->Resume();
        break;
      }
    }
  }

  // Until some more operations have ended. False once all have.
  bool WaitForMoreWork() {
    absl::MutexLock lock(&mutex_);
    const int enough = std::min(answered_ + failed_ + 2000, kThreads * kOperationsEach);
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return answered_ + failed_ >= enough; };
    mutex_.Await(absl::Condition(&there));
    return answered_ + failed_ < kThreads * kOperationsEach;
  }

  std::unique_ptr<RedisServer> server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;
  absl::Mutex mutex_;
  int answered_ ABSL_GUARDED_BY(mutex_) = 0;
  int failed_ ABSL_GUARDED_BY(mutex_) = 0;
  int wrong_ ABSL_GUARDED_BY(mutex_) = 0;
  int trouble_ = 0;
};

TEST_F(EngineNonceTest, NoReplyReachesAnotherOperation) {
  std::vector<std::thread> callers;
  for (int i = 0; i < kThreads; ++i) callers.emplace_back([this, i] { RunCaller(i); });
  while (WaitForMoreWork()) MakeTrouble();
  for (std::thread& caller : callers) caller.join();
  // Late replies that are still owed come before this one.
  EXPECT_TRUE(Submit(*engine_, {"PING"})->result().status.ok());
  absl::MutexLock lock(&mutex_);
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
