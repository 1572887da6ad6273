// How the engine's links come up, stay up and go down, against a server that does exactly what the test says.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::HandshakeScript;
using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Command = std::vector<std::string>;

class EngineLinkTest : public ::testing::Test {
 protected:
  EngineOptions Options() { return TestOptions(server_.socket_path()); }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  ScriptedServer server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineLinkTest, ReportsWhoAnswers) {
  ServerIdentity identity;
  events_.on_ready = [&](LinkRole, const ServerIdentity& who) { identity = who; };
  Start(Options());
  HandshakeScript script;
  script.run_id = "cafe";
  Peer peer = server_.AcceptAndShakeHands(script);
  ASSERT_NE(events_.Await("data ready"), "");
  EXPECT_EQ(identity.run_id, "cafe");
  EXPECT_EQ(identity.resp_version, 3);
  const LinkStatus status = engine_->GetLinkStatus(LinkRole::kData);
  EXPECT_EQ(status.state, LinkState::kReady);
  EXPECT_EQ(status.identity.run_id, "cafe");
}

TEST_F(EngineLinkTest, FallsBackToResp2OnTheSameConnection) {
  Start(Options());
  HandshakeScript script;
  script.knows_hello = false;
  Peer peer = server_.AcceptAndShakeHands(script);
  ASSERT_NE(events_.Await("data ready"), "");
  EXPECT_EQ(engine_->GetLinkStatus(LinkRole::kData).identity.resp_version, 2);
  EXPECT_EQ(engine_->GetStats().connect_failures, 0u);
}

struct BadServer {
  const char* name;
  const char* answer;  // To the first command; then it hangs up.
  const char* expected;
};

TEST_F(EngineLinkTest, SaysWhatIsWrongWithWhatAnswers) {
  const BadServer servers[] = {
      {"http", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP server"},
      {"garbage", "\x16\x03\x01garbage", "does not answer as a Redis server"},
      {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", "does not answer as a Redis server"},
      {"echo", "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n+x\r\n", "does not answer as a Redis server"},
      {"silence and hang-up", "", "closed the connection"},
      {"full", "-ERR max number of clients reached\r\n", "max number of clients"},
      {"protected", "-DENIED Redis is running in protected mode\r\n", "protected mode"},
      {"nested", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "reply_depth_max"},
      {"huge", "$999999999999\r\n", "reply_bytes_max"},
  };
  EngineOptions options = Options();
  options.password = "hunter2";
  Start(std::move(options));
  int count = 0;
  for (const BadServer& bad : servers) {
    Peer peer = server_.Accept();
    for (Command command = peer.ReadCommand(); !command.empty() && command[0] != "PING";) {
      command = peer.ReadCommand();
    }
    peer.Send(bad.answer);
    peer.Close();
    const std::string event = events_.Await("data failed", ++count);
    EXPECT_THAT(event, AllOf(HasSubstr(bad.expected), HasSubstr(server_.socket_path()), Not(HasSubstr("hunter2"))))
        << bad.name;
  }
}

TEST_F(EngineLinkTest, AServerThatAcceptsAndNeverAnswersEndsByConnectTimeout) {
  EngineOptions options = Options();
  options.connect_timeout = absl::Milliseconds(50);
  Start(std::move(options));
  Peer silent = server_.Accept();
  EXPECT_THAT(events_.Await("data failed"),
              AllOf(HasSubstr("DEADLINE_EXCEEDED"), HasSubstr(server_.socket_path()), HasSubstr("connect_timeout")));
  EXPECT_TRUE(silent.WaitForHangUp());
}

TEST_F(EngineLinkTest, ANameThatCannotBeResolvedIsNoHang) {
  EngineOptions options = Options();
  options.address = Address::Tcp("does-not-exist.invalid", 6379);
  options.connect_timeout = absl::Milliseconds(200);
  Start(std::move(options));
  EXPECT_THAT(events_.Await("data failed"), AllOf(HasSubstr("does-not-exist.invalid"), HasSubstr("resolved")));
}

// hiredis' async.c re-arms its one timer with every write: there this test would never end.
TEST_F(EngineLinkTest, AStalledServerIsNoticedHoweverMuchIsWritten) {
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  Peer stalled = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  const auto first = Submit(*engine_, {"GET", "first"});
  // Every 10 ms another one leaves, so few that the socket takes them all for longer than the test waits.
  std::function<void()> keep_writing = [&] {
    Submit(*engine_, {"GET", "k"});
    engine_->RunAt(Clock::Real()->Now() + 10'000'000, [&] { keep_writing(); });
  };
  engine_->Post([&] { keep_writing(); });
  EXPECT_THAT(events_.Await("data down"), HasSubstr("health_timeout"));
  EXPECT_TRUE(first->result().unknown);
  EXPECT_EQ(engine_->GetStats().health_failures, 1u);
  engine_->Shutdown();
}

TEST_F(EngineLinkTest, ASilentConnectionIsAskedAndReplacedIfItDoesNotAnswer) {
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(50);
  Start(std::move(options));
  Peer peer = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  EXPECT_EQ(peer.ReadCommand(), Command{"PING"});
  peer.Send("+PONG\r\n");
  EXPECT_EQ(peer.ReadCommand(), Command{"PING"});
  EXPECT_THAT(events_.Await("data down"), HasSubstr("health_timeout"));
}

TEST_F(EngineLinkTest, AReplicaIsRefusedAndLeft) {
  Start(Options());
  HandshakeScript script;
  script.role = "slave";
  Peer replica = server_.AcceptAndShakeHands(script);
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("not a primary"));
  EXPECT_TRUE(replica.WaitForHangUp());
  Peer primary = server_.AcceptAndShakeHands();
  EXPECT_NE(events_.Await("data ready"), "");
}

TEST_F(EngineLinkTest, ResetCutsTheConnectionAndFindsTheServerAgain) {
  Start(Options());
  Peer first = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  const auto lost = Submit(*engine_, {"SET", "k", "v"});
  first.ReadCommand();
  engine_->ResetData(absl::UnavailableError("another server answers"));
  EXPECT_THAT(events_.Await("data down"), HasSubstr("another server answers"));
  EXPECT_THAT(lost->result().status.message(), HasSubstr("another server answers"));
  EXPECT_TRUE(lost->result().unknown);
  Peer second = server_.AcceptAndShakeHands();
  EXPECT_NE(events_.Await("data ready", 2), "");
  EXPECT_EQ(events_.Count("data down"), 1);
}

TEST_F(EngineLinkTest, AResetFromInsideOnReadyComesBeforeAnythingIsSent) {
  int times = 0;
  events_.on_ready = [&](LinkRole, const ServerIdentity&) {
    if (++times == 1) engine_->ResetData(absl::UnavailableError("the wrong server"));
  };
  Start(Options());
  const auto waiting = Submit(*engine_, {"GET", "k"});
  Peer wrong = server_.AcceptAndShakeHands();
  EXPECT_TRUE(wrong.ReadCommand().empty());  // Hung up without a word.
  Peer right = server_.AcceptAndShakeHands();
  EXPECT_EQ(right.ReadCommand(), (Command{"GET", "k"}));
  right.Send(BulkString("v"));
  EXPECT_TRUE(waiting->result().status.ok());
}

TEST_F(EngineLinkTest, WhatIsSubmittedInsideOnReadyGoesFirst) {
  events_.on_ready = [&](LinkRole, const ServerIdentity&) {
    Submit(*engine_, {"SCRIPT", "1"});
    Submit(*engine_, {"SCRIPT", "2"});
  };
  Start(Options());
  Submit(*engine_, {"GET", "waiting"});
  Peer peer = server_.AcceptAndShakeHands();
  EXPECT_EQ(peer.ReadCommand(), (Command{"SCRIPT", "1"}));
  EXPECT_EQ(peer.ReadCommand(), (Command{"SCRIPT", "2"}));
  EXPECT_EQ(peer.ReadCommand(), (Command{"GET", "waiting"}));
}

TEST_F(EngineLinkTest, PushesBetweenRepliesShiftNothing) {
  Start(Options());
  Peer peer = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  const auto a = Submit(*engine_, {"GET", "a"});
  const auto b = Submit(*engine_, {"GET", "b"});
  EXPECT_FALSE(peer.ReadCommand().empty());
  EXPECT_FALSE(peer.ReadCommand().empty());
  const std::string push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
  peer.Send(push + BulkString("va") + push + BulkString("vb"));
  EXPECT_EQ(a->reply().text(), "va");
  EXPECT_EQ(b->reply().text(), "vb");
  EXPECT_EQ(events_.Count("data push: invalidate"), 2);
}

TEST_F(EngineLinkTest, APushInResp2ClosesTheConnection) {
  EngineOptions options = Options();
  options.resp_version = 2;
  Start(std::move(options));
  Peer peer = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  peer.Send(">1\r\n$1\r\na\r\n");
  EXPECT_THAT(events_.Await("data down"), HasSubstr("push frame in RESP2"));
}

TEST_F(EngineLinkTest, OptionsAreCheckedByName) {
  struct Case {
    const char* text;
    void (*spoil)(EngineOptions&);
  };
  const Case cases[] = {
      {"path is empty", [](EngineOptions& o) { o.address = Address::Unix(""); }},
      {"connect_timeout", [](EngineOptions& o) { o.connect_timeout = absl::ZeroDuration(); }},
      {"health_timeout", [](EngineOptions& o) { o.health_timeout = -absl::Seconds(1); }},
      {"reconnect_backoff_max", [](EngineOptions& o) { o.reconnect_backoff_max = absl::ZeroDuration(); }},
      {"timer_tick", [](EngineOptions& o) { o.timer_tick = absl::Milliseconds(11); }},
      {"operations_max", [](EngineOptions& o) { o.operations_max = 0; }},
      {"bytes_max", [](EngineOptions& o) { o.bytes_max = 0; }},
      {"reply_bytes_max", [](EngineOptions& o) { o.reply_bytes_max = 0; }},
      {"reply_elements_max", [](EngineOptions& o) { o.reply_elements_max = 0; }},
      {"reply_depth_max", [](EngineOptions& o) { o.reply_depth_max = 1; }},
      {"database", [](EngineOptions& o) { o.database = -1; }},
      {"resp_version", [](EngineOptions& o) { o.resp_version = 4; }},
      {"password is empty", [](EngineOptions& o) { o.user = "u"; }},
      {"client_name", [](EngineOptions& o) { o.client_name = "a b"; }},
      {"clock", [](EngineOptions& o) { o.clock = nullptr; }},
  };
  for (const Case& one : cases) {
    EngineOptions options = Options();
    one.spoil(options);
    const absl::Status status = Engine::Create(std::move(options), &events_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << one.text;
    EXPECT_THAT(status.message(), HasSubstr(one.text));
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
