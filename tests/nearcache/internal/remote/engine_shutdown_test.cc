// The end of an engine: at any moment, on any thread, with anything outstanding.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;

class EngineShutdownTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> Create() {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(TestOptions(server_.socket_path()), &events_);
    return engine.ok() ? *std::move(engine) : nullptr;
  }

  static void ExpectCancelled(Running& running, bool unknown) {
    ASSERT_TRUE(running.completed());
    EXPECT_EQ(running.result().status.code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(running.result().unknown, unknown);
  }

  ScriptedServer server_;
  RecordingEvents events_;
};

TEST_F(EngineShutdownTest, CancelsWhatIsInFlightAndSaysThatItMayHaveRun) {
  const auto engine = Create();
  ASSERT_TRUE(engine->Start().ok());
  Peer peer = server_.AcceptAndShakeHands();
  const auto in_flight = Submit(*engine, {"GET", "k"});
  peer.ReadCommand();
  engine->Shutdown();
  ExpectCancelled(*in_flight, /*unknown=*/true);
  EXPECT_NE(events_.Await("data down: CANCELLED"), "");
  EXPECT_TRUE(peer.WaitForHangUp());
  ExpectCancelled(*Submit(*engine, {"GET", "later"}), /*unknown=*/false);
  EXPECT_FALSE(engine->Post([] { ADD_FAILURE(); }));
  EXPECT_EQ(engine->GetStats().queued_operations, 0u);
  EXPECT_EQ(engine->GetLinkStatus(LinkRole::kData).state, LinkState::kClosed);
}

TEST_F(EngineShutdownTest, CancelsWhatWaitsForAConnection) {
  server_.StopListening();
  const auto engine = Create();
  ASSERT_TRUE(engine->Start().ok());
  const auto waiting = Submit(*engine, {"GET", "k"});
  ASSERT_NE(events_.Await("data failed"), "");
  engine->Shutdown();
  ExpectCancelled(*waiting, /*unknown=*/false);
}

TEST_F(EngineShutdownTest, WorksDuringTheHandshakeAndTwice) {
  const auto engine = Create();
  ASSERT_TRUE(engine->Start().ok());
  Peer peer = server_.Accept();
  peer.ReadCommand();
  const auto waiting = Submit(*engine, {"GET", "k"});
  engine->Shutdown();
  ExpectCancelled(*waiting, /*unknown=*/false);
  engine->Shutdown();
}

TEST_F(EngineShutdownTest, WorksWithoutStart) {
  const auto engine = Create();
  const auto waiting = Submit(*engine, {"GET", "k"});
  engine->Shutdown();
  ExpectCancelled(*waiting, /*unknown=*/false);
  EXPECT_EQ(engine->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(EngineShutdownTest, DestroysTasksThatAreNotDue) {
  const auto engine = Create();
  ASSERT_TRUE(engine->Start().ok());
  const auto token = std::make_shared<int>(0);
  engine->RunAt(Clock::Real()->Now() + 3'600'000'000'000, [token] { ADD_FAILURE(); });
  engine->Shutdown();
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(EngineShutdownTest, OnTheLoopsThreadItOnlyAsks) {
  const auto engine = Create();
  ASSERT_TRUE(engine->Start().ok());
  absl::Notification asked;
  engine->Post([&] {
    engine->Shutdown();
    asked.Notify();
  });
  ASSERT_TRUE(asked.WaitForNotificationWithTimeout(kPatience));
  engine->Shutdown();
  ExpectCancelled(*Submit(*engine, {"GET", "k"}), /*unknown=*/false);
}

TEST_F(EngineShutdownTest, EverythingSubmittedMeanwhileCompletesOnce) {
  for (int round = 0; round < 20; ++round) {
    const auto engine = Create();
    ASSERT_TRUE(engine->Start().ok());
    std::vector<std::vector<std::shared_ptr<Running>>> running(3);
    std::vector<std::thread> threads;
    for (auto& mine : running) {
      threads.emplace_back([&mine, &engine] {
        for (int i = 0; i < 200; ++i) mine.push_back(Submit(*engine, {"GET", "k"}));
      });
    }
    threads.emplace_back([&engine] { engine->Shutdown(); });
    threads.emplace_back([&engine] { engine->Shutdown(); });
    for (std::thread& thread : threads) thread.join();
    for (const auto& mine : running) {
      // A second completion would abort: a notification is notified once.
      for (const auto& one : mine) EXPECT_TRUE(one->completed());
    }
    EXPECT_EQ(engine->GetStats().queued_operations, 0u);
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
