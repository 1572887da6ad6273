// Servers that speak RESP and mean harm, or are broken: whatever they send ends in an error that says who, what and
// why, at once or by the deadline, and in a new connection.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/nearcache/internal/remote/hostile_frames.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::HandshakeScript;
using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::Not;

using Command = std::vector<std::string>;

constexpr char kSecret[] = "hunter2";
constexpr char kValue[] = "classified";  // What the table's replies carry.
constexpr char kKey[] = "private-key";

class EngineHostileTest : public ::testing::TestWithParam<int> {
 protected:
  bool resp3() const { return GetParam() == 3; }

  EngineOptions Options() {
    EngineOptions options = TestOptions(server_.socket_path());
    options.resp_version = GetParam();
    options.password = kSecret;
    options.reconnect_backoff_max = absl::Milliseconds(1);
    return options;
  }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  Peer AcceptData() {
    Peer peer = server_.AcceptAndShakeHands();
    EXPECT_NE(events_.Await("data ready", ++data_connections_), "");
    return peer;
  }

  Peer AcceptSubscriber() {
    Peer peer = server_.AcceptAndShakeHands();
    EXPECT_EQ(peer.ReadCommand(), (Command{"SUBSCRIBE", "lane"}));
    EXPECT_EQ(peer.ReadCommand(), Command{"PING"});
    const std::string parts = BulkString("subscribe") + BulkString("lane") + ":1\r\n";
    peer.Send(resp3() ? absl::StrCat(">3\r\n", parts, "+PONG\r\n")
                      : absl::StrCat("*3\r\n", parts, "*2\r\n", BulkString("pong"), BulkString("")));
    EXPECT_NE(events_.Await("channel ready", ++channel_connections_), "");
    return peer;
  }

  std::shared_ptr<Running> SubmitGet(absl::Duration timeout = kPatience) {
    Operation operation = MakeOperation(EncodeCommand({"GET", kKey}), timeout);
    operation.reply_types = {ReplyTypeSet::Of(Reply::Type::kString, Reply::Type::kNil)};
    return Submit(*engine_, std::move(operation));
  }

  void ExpectSays(const std::string& text, const HostileFrame& frame) {
    EXPECT_THAT(text, HasSubstr(frame.said)) << frame.name;
    EXPECT_THAT(text, HasSubstr(server_.socket_path())) << frame.name;
    for (const char* hidden : {kSecret, kValue, kKey}) EXPECT_THAT(text, Not(HasSubstr(hidden))) << frame.name;
  }

  int data_connections_ = 0;
  int channel_connections_ = 0;
  ScriptedServer server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineHostileTest, EveryMalformedReplyEndsTheCallAtOnceAndTheConnection) {
  Start(Options());
  const std::vector<HostileFrame> frames = HostileReplies();
  EXPECT_GE(frames.size(), 55u);
  for (const HostileFrame& frame : frames) {
    Peer peer = AcceptData();
    const auto running = SubmitGet();
    EXPECT_EQ(peer.ReadCommand(), (Command{"GET", kKey}));
    peer.Send(frame.bytes);
    const bool hangs_up = frame.then == HostileFrame::Then::kHangUp;
    if (hangs_up) peer.Close();
    const absl::Status& status = running->result().status;
    EXPECT_EQ(status.code(), hangs_up ? absl::StatusCode::kUnavailable : absl::StatusCode::kInternal) << frame.name;
    EXPECT_TRUE(running->result().unknown) << frame.name;
    ExpectSays(status.ToString(), frame);
    EXPECT_THAT(status.message(), HasSubstr("GET")) << frame.name;
    ExpectSays(events_.Await("data down", data_connections_), frame);
    EXPECT_TRUE(hangs_up || peer.WaitForHangUp()) << frame.name;
  }
  // The next connection is as good as new.
  Peer peer = AcceptData();
  const auto running = SubmitGet();
  peer.ReadCommand();
  peer.Send(BulkString("fine"));
  EXPECT_EQ(running->reply().text(), "fine");
  EXPECT_EQ(engine_->GetStats().queued_bytes, 0u);
}

TEST_P(EngineHostileTest, AReplyThatNeverEndsEndsByTheDeadlineAndTheConnectionByItsHealth) {
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(60);
  Start(std::move(options));
  for (const HostileFrame& frame : EndlessReplies()) {
    Peer peer = AcceptData();
    const auto running = SubmitGet(absl::Milliseconds(20));
    EXPECT_EQ(peer.ReadCommand(), (Command{"GET", kKey}));
    peer.Send(frame.bytes);
    const absl::Status& status = running->result().status;
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << frame.name;
    ExpectSays(status.ToString(), frame);
    EXPECT_THAT(status.message(), HasSubstr("GET: no reply before the deadline")) << frame.name;
    EXPECT_THAT(events_.Await("data down", data_connections_), HasSubstr("health_timeout")) << frame.name;
    EXPECT_TRUE(peer.WaitForHangUp()) << frame.name;
  }
}

// A byte of a reply at a time: always alive, never done. The oldest unanswered command is what counts, not the last
// byte that came.
TEST_P(EngineHostileTest, ASlowDripOfBytesKeepsNoConnectionAlive) {
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  Peer peer = AcceptData();
  const auto running = SubmitGet(absl::Milliseconds(20));
  peer.ReadCommand();
  const std::string endless = absl::StrCat("$1000000\r\n", std::string(100'000, 'x'));
  for (const char byte : endless) {
    if (events_.Count("data down") > 0) break;
    peer.Send(std::string(1, byte));
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(events_.Await("data down"), HasSubstr("health_timeout"));
  EXPECT_TRUE(peer.WaitForHangUp());
}

TEST_P(EngineHostileTest, EveryMalformedMessageEndsTheChannelAloneAndGivesNoMessage) {
  EngineOptions options = Options();
  options.channels = {"lane"};
  Start(std::move(options));
  Peer data = AcceptData();
  const std::vector<HostileFrame> frames = HostileMessages(GetParam());
  EXPECT_GE(frames.size(), 75u);
  for (const HostileFrame& frame : frames) {
    Peer channel = AcceptSubscriber();
    channel.Send(frame.bytes);
    const bool hangs_up = frame.then == HostileFrame::Then::kHangUp;
    if (hangs_up) channel.Close();
    ExpectSays(events_.Await("channel down", channel_connections_), frame);
    EXPECT_TRUE(hangs_up || channel.WaitForHangUp()) << frame.name;
  }
  Peer channel = AcceptSubscriber();
  EXPECT_EQ(events_.Count("message"), 0);
  EXPECT_EQ(events_.Count("data down"), 0);
}

// What a server may send although nobody asked: it must not end a connection, and must not shift a reply.
TEST_P(EngineHostileTest, StrangePushesShiftNothing) {
  if (!resp3()) GTEST_SKIP() << "RESP2 has no pushes";
  EngineOptions options = Options();
  options.channels = {"lane"};
  Start(std::move(options));
  Peer data = AcceptData();
  Peer channel = AcceptSubscriber();
  const std::string harmless[] = {
      ">2\r\n" + BulkString("invalidate") + "_\r\n",
      ">2\r\n" + BulkString("invalidate") + "*0\r\n",
      ">3\r\n" + BulkString("smessage") + BulkString("lane") + BulkString("x"),
      ">4\r\n" + BulkString("pmessage") + BulkString("*") + BulkString("lane") + BulkString("x"),
      ">3\r\n" + BulkString("ssubscribe") + BulkString("lane") + ":1\r\n",
      ">3\r\n" + BulkString("subscribe") + BulkString("other") + ":2\r\n",
      ">3\r\n" + BulkString("unsubscribe") + BulkString("other") + ":1\r\n",
      ">3\r\n" + BulkString("message") + BulkString("other") + BulkString("x"),
      ">1\r\n" + BulkString("x"),
      ">3\r\n" + BulkString("x") + "*1\r\n*1\r\n:1\r\n%1\r\n+a\r\n#t\r\n",
  };
  int number = 0;
  for (const std::string& push : harmless) {
    const auto running = SubmitGet();
    data.ReadCommand();
    const std::string nonce = absl::StrCat("nonce ", ++number);
    data.Send(push + push + BulkString(nonce) + push);
    EXPECT_EQ(running->reply().text(), nonce) << push;
    channel.Send(push);
  }
  channel.Send(">3\r\n" + BulkString("message") + BulkString("lane") + BulkString("last"));
  EXPECT_NE(events_.Await("message on lane: last"), "");
  EXPECT_EQ(events_.Count("message"), 1);
  EXPECT_EQ(events_.Count("data down") + events_.Count("channel down"), 0);
}

INSTANTIATE_TEST_SUITE_P(Resp, EngineHostileTest, ::testing::Values(2, 3),
                         [](const auto& version) { return absl::StrCat("Resp", version.param); });

}  // namespace
}  // namespace nearcache::internal::remote
