// The channel link, in RESP3 and RESP2, against a server that does exactly what the test says.

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
using ::testing::HasSubstr;

using Command = std::vector<std::string>;

class EngineChannelTest : public ::testing::TestWithParam<int> {
 protected:
  bool resp3() const { return GetParam() == 3; }

  EngineOptions Options() {
    EngineOptions options = TestOptions(server_.socket_path());
    options.channels = {"lane"};
    options.resp_version = GetParam();
    return options;
  }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
    data_ = server_.AcceptAndShakeHands();
  }

  std::string Frame(std::vector<std::string> parts) {
    std::string frame = absl::StrCat(resp3() ? ">" : "*", parts.size(), "\r\n");
    for (const std::string& part : parts) {
      absl::StrAppend(&frame, part[0] == ':' ? part + "\r\n" : BulkString(part));
    }
    return frame;
  }
  std::string Pong() { return resp3() ? "+PONG\r\n" : Frame({"pong", ""}); }
  std::string Message(const std::string& payload) { return Frame({"message", "lane", payload}); }

  Peer AcceptSubscriber() {
    Peer peer = server_.AcceptAndShakeHands();
    EXPECT_EQ(peer.ReadCommand(), (Command{"SUBSCRIBE", "lane"}));
    EXPECT_EQ(peer.ReadCommand(), Command{"PING"});
    return peer;
  }
  Peer Subscribed() {
    Peer peer = AcceptSubscriber();
    peer.Send(Frame({"subscribe", "lane", ":1"}) + Pong());
    EXPECT_NE(events_.Await("channel ready", ++subscriptions_), "");
    return peer;
  }

  int subscriptions_ = 0;
  ScriptedServer server_;
  RecordingEvents events_;
  Peer data_{-1};
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineChannelTest, HandsOutMessagesInOrder) {
  Start(Options());
  Peer channel = Subscribed();
  channel.Send(Message("one") + Message("two"));
  EXPECT_NE(events_.Await("message on lane: two"), "");
  const std::vector<std::string> all = events_.All();
  EXPECT_EQ(all[all.size() - 2], "message on lane: one");
}

TEST_P(EngineChannelTest, IsNotReadyBeforeTheSubscriptionIsConfirmed) {
  Start(Options());
  Peer channel = AcceptSubscriber();
  channel.Send(Pong());  // Without a confirmation.
  EXPECT_THAT(events_.Await("channel failed"), HasSubstr("did not confirm"));
  EXPECT_EQ(events_.Count("channel ready"), 0);
}

TEST_P(EngineChannelTest, ARefusedSubscriptionSaysSo) {
  Start(Options());
  Peer channel = AcceptSubscriber();
  channel.Send("-NOPERM this user has no permissions to access the 'lane' channel\r\n");
  EXPECT_THAT(events_.Await("channel failed"), HasSubstr("PERMISSION_DENIED"));
}

TEST_P(EngineChannelTest, IgnoresMessagesOfOtherChannels) {
  Start(Options());
  Peer channel = Subscribed();
  channel.Send(Frame({"message", "other", "x"}) + Message("mine"));
  EXPECT_NE(events_.Await("message on lane: mine"), "");
  EXPECT_EQ(events_.Count("message on other"), 0);
}

// The frames on which hiredis' async.c crashes or aborts.
TEST_P(EngineChannelTest, MalformedFramesCloseTheConnectionAndNothingElse) {
  const std::vector<std::vector<std::string>> frames = {
      {"subscribe"}, {"message"}, {"message", "lane"}, {"message", "lane", ":1"}, {":1"}};
  Start(Options());
  int count = 0;
  for (const auto& frame : frames) {
    Peer channel = Subscribed();
    channel.Send(Frame(frame));
    EXPECT_THAT(events_.Await("channel down", ++count), HasSubstr("malformed"));
  }
  EXPECT_EQ(events_.Count("data down"), 0);
}

TEST_P(EngineChannelTest, AnEndedSubscriptionIsALostChannel) {
  Start(Options());
  Peer channel = Subscribed();
  channel.Send(Frame({"unsubscribe", "lane", ":0"}));
  EXPECT_THAT(events_.Await("channel down"), HasSubstr("ended a subscription"));
  Peer again = Subscribed();
}

TEST_P(EngineChannelTest, ResetChannelLeavesTheDataLinkAlone) {
  Start(Options());
  Peer channel = Subscribed();
  engine_->ResetChannel(absl::UnavailableError("gap"));
  EXPECT_THAT(events_.Await("channel down"), HasSubstr("gap"));
  Peer again = Subscribed();
  EXPECT_EQ(events_.Count("data down"), 0);
}

// hiredis' async.c never frees a context that is freed inside a push callback, and goes on calling back.
TEST_P(EngineChannelTest, AChannelThatIsResetInsideAMessageIsSilentAtOnce) {
  events_.on_message = [this](absl::string_view) { engine_->ResetChannel(absl::UnavailableError("gap")); };
  Start(Options());
  Peer channel = Subscribed();
  channel.Send(Message("last") + Message("never"));
  EXPECT_TRUE(channel.WaitForHangUp());
  Peer again = Subscribed();
  EXPECT_EQ(events_.Count("message"), 1);
  EXPECT_EQ(events_.Count("channel down"), 1);
}

TEST_P(EngineChannelTest, ASilentChannelIsAskedAndReplaced) {
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  Peer channel = Subscribed();
  EXPECT_EQ(channel.ReadCommand(), Command{"PING"});
  channel.Send(Pong());
  EXPECT_EQ(channel.ReadCommand(), Command{"PING"});
  EXPECT_THAT(events_.Await("channel down"), HasSubstr("health_timeout"));
}

INSTANTIATE_TEST_SUITE_P(RespVersions, EngineChannelTest, ::testing::Values(2, 3));

}  // namespace
}  // namespace nearcache::internal::remote
