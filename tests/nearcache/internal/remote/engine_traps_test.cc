// Eight ways in which hiredis' own asynchronous client (async.c, 1.2.0) hangs, crashes or hands out wrong replies, each
// as a test of this engine: against redis-server and valkey-server where an honest server can set the trap, else
// against one that does exactly what the test says.

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "nearcache/internal/remote/redis_store.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/redis_server.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::Peer;
using ::nearcache::testing::RedisServer;
using ::nearcache::testing::RedisServerOptions;
using ::nearcache::testing::ScriptedServer;
using ::testing::HasSubstr;

using Product = RedisServerOptions::Product;

// --- Traps that an honest server sets

class HonestServerTrapsTest : public ::testing::TestWithParam<Product> {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "this product is not installed";
    RedisServerOptions options;
    options.product = GetParam();
    absl::StatusOr<std::unique_ptr<RedisServer>> server = RedisServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
    ASSERT_NE(events_.Await("data ready"), "");
  }

  std::unique_ptr<RedisServer> server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;  // Ends first.
};

TEST_P(HonestServerTrapsTest, OneCommandToAStoppedServerEndsAtItsDeadline) {
  Start(TestOptions(server_->socket_path()));
  server_->Pause();
  const auto running = Submit(*engine_, {"GET", "k"}, absl::Milliseconds(50));
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(running->result().unknown);
  server_->Resume();
  // The late reply is nobody's.
  EXPECT_EQ(Submit(*engine_, {"ECHO", "mine"})->reply().text(), "mine");
  EXPECT_EQ(engine_->GetStats().late_replies, 1u);
}

// async.c re-arms its one timer with every write: never noticed within 8 s there, 159 commands pending.
TEST_P(HonestServerTrapsTest, AStoppedServerIsNoticedThoughACommandFollowsTheOther) {
  EngineOptions options = TestOptions(server_->socket_path());
  options.health_timeout = absl::Milliseconds(150);
  Start(std::move(options));
  server_->Pause();
  const auto first = Submit(*engine_, {"ECHO", "first"});
  std::function<void()> keep_writing = [&] {
    Submit(*engine_, {"ECHO", "another"}, absl::Milliseconds(100));
    engine_->RunAt(Clock::Real()->Now() + 5'000'000, [&] { keep_writing(); });
  };
  engine_->Post([&] { keep_writing(); });
  EXPECT_THAT(events_.Await("data down"), HasSubstr("health_timeout"));
  EXPECT_EQ(first->result().status.code(), absl::StatusCode::kUnavailable);
  server_->Resume();
  EXPECT_NE(events_.Await("data ready", 2), "");
  EXPECT_EQ(Submit(*engine_, {"ECHO", "mine"})->reply().text(), "mine");
  engine_->Shutdown();
}

// async.c aborts (RESP2), or gives the subscription the next command's reply and shifts all that follow (RESP3).
TEST_P(HonestServerTrapsTest, ShardedSubscriptionsNeverReachTheConnection) {
  for (const int version : {2, 3}) {
    RedisStoreOptions options;
    options.engine = TestOptions(server_->socket_path());
    options.engine.resp_version = version;
    options.lane_key = "ns:lane";
    options.epoch_key = "ns:epoch";
    options.missing_key = "ns:missing";
    options.channel = "ns:channel";
    const auto store = RedisStore::Create(std::move(options));
    ASSERT_TRUE(store.ok()) << store.status();
    const auto execute = [&store](std::vector<std::string> command) {
      absl::StatusOr<Reply> answer;
      absl::Notification done;
      (*store)->Execute(std::move(command), AddDuration(Clock::Real()->Now(), kPatience),
                        [&](absl::StatusOr<Reply> reply) {
                          answer = std::move(reply);
                          done.Notify();
                        });
      done.WaitForNotification();
      return answer;
    };
    class NoEvents final : public ChannelEvents {
      void OnSubscribed() override {}
      void OnMessage(absl::string_view) override {}
      void OnChannelDown(const absl::Status&) override {}
    } events;
    const AnnouncementEncoder encoder = [](OperationId, absl::Span<const Announced>) { return std::string(); };
    ASSERT_TRUE((*store)->Start(&events, &encoder).ok());
    for (const char* name : {"SSUBSCRIBE", "ssubscribe", "SUNSUBSCRIBE", "SUBSCRIBE", "PSUBSCRIBE", "MONITOR"}) {
      EXPECT_EQ(execute({name, "channel"}).status().code(), absl::StatusCode::kInvalidArgument) << name;
      const std::string nonce = absl::StrCat("after ", name);
      const absl::StatusOr<Reply> echo = execute({"ECHO", nonce});
      ASSERT_TRUE(echo.ok()) << echo.status();
      EXPECT_EQ(echo->text(), nonce);
    }
    (*store)->Shutdown();
  }
}

// async.c never frees a context that is freed inside a push callback, and goes on calling back.
TEST_P(HonestServerTrapsTest, AChannelThatIsCutInsideAMessageIsSilentAndItsConnectionFreed) {
  events_.on_message = [this](absl::string_view payload) {
    if (payload == "0") engine_->ResetChannel(absl::UnavailableError("cut inside"));
  };
  EngineOptions options = TestOptions(server_->socket_path());
  options.channels = {"lane"};
  Start(std::move(options));
  ASSERT_NE(events_.Await("channel ready"), "");
  // One write of the server: all messages are in the socket when the first is handed out.
  std::string script = "for i = 0, 99 do redis.call('PUBLISH', 'lane', i) end return 1";
  ASSERT_TRUE(server_->Command({"EVAL", script, "0"}).ok());
  EXPECT_THAT(events_.Await("channel down"), HasSubstr("cut inside"));
  ASSERT_NE(events_.Await("channel ready", 2), "");
  EXPECT_EQ(events_.Count("message"), 1);
  ASSERT_TRUE(server_->Command({"PUBLISH", "lane", "heard"}).ok());
  EXPECT_NE(events_.Await("message on lane: heard"), "");
  EXPECT_EQ(*server_->Command({"PUBSUB", "NUMSUB", "lane"}), "*2\r\n$4\r\nlane\r\n:1\r\n");
}

INSTANTIATE_TEST_SUITE_P(Products, HonestServerTrapsTest, ::testing::Values(Product::kRedis, Product::kValkey),
                         [](const auto& product) { return product.param == Product::kRedis ? "Redis" : "Valkey"; });

// --- Traps that only a hostile server sets

class HostileServerTrapsTest : public ::testing::Test {
 protected:
  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  ScriptedServer server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;
};

// hiredis before 1.2.1 parses it and then overruns its stack when it frees the reply.
TEST_F(HostileServerTrapsTest, AReplyNested400000DeepIsRefused) {
  Start(TestOptions(server_.socket_path()));
  Peer peer = server_.AcceptAndShakeHands();
  const auto running = Submit(*engine_, {"GET", "k"});
  peer.ReadCommand();
  std::string nested;
  for (int i = 0; i < 400'000; ++i) nested += "*1\r\n";
  peer.Send(nested + ":1\r\n");
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(running->result().status.message(), HasSubstr("reply_depth_max"));
  EXPECT_TRUE(peer.WaitForHangUp());
}

// async.c reads the second element of a push that has one.
TEST_F(HostileServerTrapsTest, APushOfOneElementIsRefused) {
  EngineOptions options = TestOptions(server_.socket_path());
  options.channels = {"lane"};
  Start(std::move(options));
  Peer data = server_.AcceptAndShakeHands();
  Peer channel = server_.AcceptAndShakeHands();
  channel.ReadCommand();
  channel.ReadCommand();
  channel.Send(">3\r\n" + BulkString("subscribe") + BulkString("lane") + ":1\r\n+PONG\r\n");
  ASSERT_NE(events_.Await("channel ready"), "");
  channel.Send(">1\r\n" + BulkString("subscribe"));
  EXPECT_THAT(events_.Await("channel down"), HasSubstr("malformed"));
  EXPECT_TRUE(channel.WaitForHangUp());
}

// hiredis writes with write(), and the signal that a broken connection raises kills the process.
TEST_F(HostileServerTrapsTest, WritingToAConnectionThatWasResetRaisesNoSignal) {
  struct sigaction disposition{};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &disposition), 0);
  ASSERT_EQ(disposition.sa_handler, SIG_DFL);
  Start(TestOptions(server_.socket_path()));
  Peer peer = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  // The loop is held up while the connection goes, and writes before it could read of it.
  absl::Notification held_up;
  absl::Notification gone;
  absl::Notification submitted;
  std::shared_ptr<Running> running;
  engine_->Post([&] {
    held_up.Notify();
    gone.WaitForNotification();
    running = Submit(*engine_, {"SET", "k", "v"});
    submitted.Notify();
  });
  held_up.WaitForNotification();
  peer.Close();
  gone.Notify();
  submitted.WaitForNotification();
  EXPECT_THAT(events_.Await("data down"), HasSubstr("Broken pipe"));
  // Not a byte of it had left: it is for the next connection.
  Peer next = server_.AcceptAndShakeHands();
  EXPECT_EQ(next.ReadCommand(), (std::vector<std::string>{"SET", "k", "v"}));
  next.Send("+OK\r\n");
  EXPECT_TRUE(running->result().status.ok());
}

}  // namespace
}  // namespace nearcache::internal::remote
