// How the channel link has a server report foreign writers' keys, in RESP3 and in RESP2, against a server that does
// exactly what the test says.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::Error;
using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Command = std::vector<std::string>;

class EngineTrackingTest : public ::testing::TestWithParam<int> {
 protected:
  bool resp3() const { return GetParam() == 3; }

  void SetUp() override {
    EngineOptions options = TestOptions(server_.socket_path());
    options.channels = {"lane"};
    options.tracking_prefix = "p:1:";
    options.resp_version = GetParam();
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
    data_ = server_.AcceptAndShakeHands();
  }

  // Up to the command that asks for tracking, which is not answered yet.
  Peer AskedToTrack() {
    Peer peer = server_.AcceptAndShakeHands();
    if (!resp3()) {
      EXPECT_EQ(peer.ReadCommand(), (Command{"CLIENT", "ID"}));
      peer.Send(":17\r\n");
    }
    const Command expected = resp3() ? Command{"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "p:1:"}
                                     : Command{"CLIENT", "TRACKING", "ON", "REDIRECT", "17", "BCAST", "PREFIX", "p:1:"};
    EXPECT_EQ(peer.ReadCommand(), expected);
    return peer;
  }
  std::string Confirmation(absl::string_view channel, int count) {
    return absl::StrCat(resp3() ? ">3\r\n" : "*3\r\n", BulkString("subscribe"), BulkString(channel), ":", count,
                        "\r\n");
  }
  std::string Pong() { return resp3() ? "+PONG\r\n" : absl::StrCat("*2\r\n", BulkString("pong"), BulkString("")); }
  Peer Tracked() {
    Peer peer = AskedToTrack();
    peer.Send("+OK\r\n");
    const Command subscribe =
        resp3() ? Command{"SUBSCRIBE", "lane"} : Command{"SUBSCRIBE", "lane", "__redis__:invalidate"};
    EXPECT_EQ(peer.ReadCommand(), subscribe);
    EXPECT_EQ(peer.ReadCommand(), Command{"PING"});
    peer.Send(Confirmation("lane", 1));
    if (!resp3()) peer.Send(Confirmation("__redis__:invalidate", 2));
    return peer;
  }
  Peer Ready() {
    Peer peer = Tracked();
    peer.Send(Pong());
    EXPECT_NE(events_.Await("channel ready", ++connections_), "");
    return peer;
  }
  // The server's report of keys; `keys` is a whole element.
  std::string Report(const std::string& keys) {
    if (resp3()) return absl::StrCat(">2\r\n", BulkString("invalidate"), keys);
    return absl::StrCat("*3\r\n", BulkString("message"), BulkString("__redis__:invalidate"), keys);
  }
  std::string Keys(const std::vector<std::string>& keys) {
    std::string array = absl::StrCat("*", keys.size(), "\r\n");
    for (const std::string& key : keys) array += BulkString(key);
    return array;
  }

  int connections_ = 0;
  ScriptedServer server_;
  RecordingEvents events_;
  Peer data_{-1};
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineTrackingTest, HandsOutReportsOnceReadyInTheirOrderWithMessages) {
  Peer channel = Tracked();
  channel.Send(Report(Keys({"p:1:early"})) + Pong());
  ASSERT_NE(events_.Await("channel ready"), "");
  const std::string message =
      absl::StrCat(resp3() ? ">3\r\n" : "*3\r\n", BulkString("message"), BulkString("lane"), BulkString("one"));
  channel.Send(message + Report(Keys({"p:1:a", "p:1:b"})) + Report(resp3() ? "_\r\n" : "*-1\r\n") + Report(Keys({})));
  ASSERT_NE(events_.Await("keys: "), "");
  ASSERT_NE(events_.Await("flushed"), "");
  std::vector<std::string> told;
  for (const std::string& event : events_.All()) {
    if (absl::StartsWith(event, "keys: ") || absl::StartsWith(event, "message") || event == "flushed") {
      told.push_back(event);
    }
  }
  told.resize(3);
  EXPECT_EQ(absl::StrJoin(told, "; "), "message on lane: one; keys: p:1:a p:1:b; flushed");
  EXPECT_EQ(engine_->GetStats().protocol_errors, 0u);
}

TEST_P(EngineTrackingTest, IsNotReadyBeforeTheServerAgreedAndAsksAgainOnEveryConnection) {
  Peer first = AskedToTrack();
  first.Close();
  EXPECT_NE(events_.Await("channel failed"), "");
  EXPECT_EQ(events_.Count("channel ready"), 0);
  Peer second = Ready();
  second.Close();
  EXPECT_NE(events_.Await("channel down"), "");
  Peer third = Ready();
}

TEST_P(EngineTrackingTest, ARefusalIsSaidInWordsAndTheLinkStaysDown) {
  Peer old = AskedToTrack();
  old.Send(Error("ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP."));
  EXPECT_THAT(events_.Await("channel failed"), AllOf(HasSubstr("coherence.foreign_writers"), HasSubstr("Redis 6")));
  Peer guarded = AskedToTrack();
  guarded.Send(Error("NOPERM this user has no permissions to run the 'client|tracking' command"));
  EXPECT_THAT(events_.Await("channel failed", 2), HasSubstr("+client|tracking"));
  EXPECT_EQ(events_.Count("channel ready"), 0);
  EXPECT_THAT(std::string(engine_->GetLinkStatus(LinkRole::kChannel).cause.message()), HasSubstr("+client|tracking"));
}

TEST_P(EngineTrackingTest, AMissingRightOnTheChannelOfReportsIsNamed) {
  Peer channel = AskedToTrack();
  channel.Send("+OK\r\n");
  channel.ReadCommand();
  channel.ReadCommand();
  channel.Send(Error("NOPERM this user has no permissions to access one of the channels used as arguments"));
  const std::string failed = events_.Await("channel failed");
  EXPECT_THAT(failed, HasSubstr("channels"));
  EXPECT_EQ(absl::StrContains(failed, "&__redis__:invalidate"), !resp3());
}

TEST_P(EngineTrackingTest, MalformedReportsCloseTheConnectionAndNothingElse) {
  int count = 0;
  for (const char* const keys : {"$1\r\nk\r\n", "*1\r\n:1\r\n", ":1\r\n", "*1\r\n*0\r\n"}) {
    Peer channel = Ready();
    channel.Send(Report(keys));
    // RESP2: a string there is what somebody published.
    if (!resp3() && keys[0] == '$') {
      channel.Close();
    }
    EXPECT_NE(events_.Await("channel down", ++count), "") << keys;
  }
  EXPECT_EQ(events_.Count("data down"), 0);
  EXPECT_EQ(events_.Count("keys: "), 0);
}

TEST_P(EngineTrackingTest, PingsOfTheChannelAreAnsweredInOrderBehindReports) {
  Peer channel = Ready();
  absl::Notification answered;
  int keys_before = -1;
  ASSERT_TRUE(engine_->Post([&] {
    engine_->PingChannel([&](OperationResult result) {
      EXPECT_TRUE(result.status.ok()) << result.status;
      keys_before = events_.Count("keys: ");
      answered.Notify();
    });
  }));
  EXPECT_EQ(channel.ReadCommand(), Command{"PING"});
  channel.Send(Report(Keys({"p:1:a"})) + Pong());
  ASSERT_TRUE(answered.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(keys_before, 1);
}

TEST_P(EngineTrackingTest, APingOnALostChannelFails) {
  absl::Status refused;
  absl::Notification first;
  ASSERT_TRUE(engine_->Post([&] {
    engine_->PingChannel([&](OperationResult result) {
      refused = result.status;
      first.Notify();
    });
  }));
  ASSERT_TRUE(first.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  Peer channel = Ready();
  absl::Status lost;
  absl::Notification second;
  ASSERT_TRUE(engine_->Post([&] {
    engine_->PingChannel([&](OperationResult result) {
      lost = result.status;
      second.Notify();
    });
  }));
  EXPECT_EQ(channel.ReadCommand(), Command{"PING"});
  channel.Close();
  ASSERT_TRUE(second.WaitForNotificationWithTimeout(kPatience));
  EXPECT_FALSE(lost.ok());
}

INSTANTIATE_TEST_SUITE_P(RespVersions, EngineTrackingTest, ::testing::Values(2, 3));

}  // namespace
}  // namespace nearcache::internal::remote
