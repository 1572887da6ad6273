// Networks and servers that go wrong while a connection is made or used: names that are never resolved, drips, resets,
// servers that speak something else. Each ends by its deadline, with the address and the reason.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
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
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A name server that answers when the test says so.
class ManualResolver {
 public:
  Resolver Get() {
    return [this](const Address&, ResolveCallback done) {
      absl::MutexLock lock(&mutex_);
      waiting_.push_back(std::move(done));
    };
  }

  // Waits until `count` look-ups have begun.
  bool Await(size_t count) {
    const auto begun = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return waiting_.size() >= count; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&begun), kPatience);
  }
  size_t begun() {
    absl::MutexLock lock(&mutex_);
    return waiting_.size();
  }
  void Answer(size_t index, ResolvedAddresses addresses) {
    ResolveCallback done;
    {
      absl::MutexLock lock(&mutex_);
      done = std::move(waiting_[index]);
    }
    std::move(done)(std::move(addresses));
  }

 private:
  absl::Mutex mutex_;
  std::vector<ResolveCallback> waiting_ ABSL_GUARDED_BY(mutex_);
};

class EngineNetworkTest : public ::testing::Test {
 protected:
  EngineOptions Options() {
    EngineOptions options = TestOptions(server_.socket_path());
    options.reconnect_backoff_max = absl::Milliseconds(1);
    return options;
  }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  ScriptedServer server_;
  RecordingEvents events_;
  ManualResolver resolver_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineNetworkTest, ALookUpThatHangsHoldsUpNeitherCallsNorTheEnd) {
  EngineOptions options = Options();
  options.address = Address::Tcp("redis.example", 6379);
  options.connect_timeout = absl::Milliseconds(30);
  options.resolver = resolver_.Get();
  Start(std::move(options));
  ASSERT_TRUE(resolver_.Await(1));
  const auto call = Submit(*engine_, {"GET", "private-key"}, absl::Milliseconds(10));
  EXPECT_EQ(call->result().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(call->result().unknown);
  EXPECT_THAT(call->result().status.message(), AllOf(HasSubstr("redis.example:6379"), HasSubstr("GET")));
  EXPECT_THAT(events_.Await("data failed", 3), AllOf(HasSubstr("connect_timeout"), HasSubstr("redis.example:6379")));
  // However many attempts: one look-up, because none can be interrupted.
  EXPECT_EQ(resolver_.begun(), 1u);
  engine_->Shutdown();
  // The answer comes when nobody is there to hear it.
  resolver_.Answer(0, absl::UnavailableError("too late"));
}

TEST_F(EngineNetworkTest, ALookUpThatWasLateIsUsedByALaterAttempt) {
  EngineOptions options = Options();
  options.address = Address::Tcp("redis.example", 6379);
  options.connect_timeout = absl::Milliseconds(50);
  options.resolver = resolver_.Get();
  Start(std::move(options));
  ASSERT_TRUE(resolver_.Await(1));
  EXPECT_NE(events_.Await("data failed"), "");
  resolver_.Answer(0, absl::UnavailableError("the name redis.example cannot be resolved: again"));
  ASSERT_TRUE(resolver_.Await(2));
  resolver_.Answer(1, std::vector<Address>{Address::Unix(server_.socket_path())});
  Peer peer = server_.AcceptAndShakeHands();
  EXPECT_NE(events_.Await("data ready"), "");
}

TEST_F(EngineNetworkTest, ASlowDripInTheHandshakeEndsByConnectTimeout) {
  EngineOptions options = Options();
  options.connect_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  Peer peer = server_.Accept();
  const std::string answer = "%1\r\n+proto\r\n:3\r\n" + BulkString(std::string(100'000, 'x'));
  for (const char byte : answer) {
    if (events_.Count("data failed") > 0) break;
    peer.Send(std::string(1, byte));
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_THAT(events_.Await("data failed"), AllOf(HasSubstr("connect_timeout"), HasSubstr(server_.socket_path())));
  EXPECT_TRUE(peer.WaitForHangUp());
}

TEST_F(EngineNetworkTest, AResetInTheMiddleOfAReplyIsUnknownToItsOwnerAndToAllBehindIt) {
  Start(Options());
  Peer peer = server_.AcceptAndShakeHands();
  const auto whole = Submit(*engine_, {"GET", "a"});
  const auto half = Submit(*engine_, {"GET", "b"});
  const auto behind = Submit(*engine_, {"GET", "c"});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(peer.ReadCommand().empty());
  peer.Send(BulkString("va") + "$2\r\nv");
  EXPECT_EQ(whole->reply().text(), "va");
  // An unread command makes the end of the connection a reset.
  const auto unread = Submit(*engine_, {"GET", "unread"});
  ASSERT_TRUE(peer.WaitForInput());
  peer.Close();
  EXPECT_THAT(events_.Await("data down"), HasSubstr("reset by peer"));
  for (const auto& lost : {half, behind, unread}) {
    EXPECT_EQ(lost->result().status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(lost->result().status.message(), HasSubstr(server_.socket_path()));
    EXPECT_TRUE(lost->result().unknown);
  }
  Peer next = server_.AcceptAndShakeHands();
  EXPECT_NE(events_.Await("data ready", 2), "");
}

TEST_F(EngineNetworkTest, AServerThatHangsUpAfterTheLoginSaysSoAndIsTriedAgain) {
  for (const int version : {2, 3}) {
    const int failures = events_.Count("data failed");
    EngineOptions options = Options();
    options.password = "hunter2";
    options.resp_version = version;
    Start(std::move(options));
    for (int i = 1; i <= 3; ++i) {
      Peer peer = server_.Accept();
      const std::vector<std::string> login = peer.ReadCommand();
      ASSERT_FALSE(login.empty());
      EXPECT_EQ(login[0], version == 3 ? "HELLO" : "AUTH");
      peer.Send(version == 3 ? "%1\r\n+proto\r\n:3\r\n" : "+OK\r\n");
      peer.Close();
      EXPECT_THAT(events_.Await("data failed", failures + i),
                  AllOf(HasSubstr(server_.socket_path()), Not(HasSubstr("hunter2"))));
    }
    engine_.reset();
    while (server_.IsWanted(0)) server_.Accept();
  }
}

TEST_F(EngineNetworkTest, ATlsPortSaysThatItIsOne) {
  Start(Options());
  Peer peer = server_.Accept();
  ASSERT_FALSE(peer.ReadCommand().empty());
  peer.Send(std::string("\x15\x03\x01\x00\x02\x02\x46", 7));  // Fatal alert: protocol version.
  peer.Close();
  EXPECT_THAT(events_.Await("data failed"), AllOf(HasSubstr("TLS"), HasSubstr(server_.socket_path())));
}

// A peer that is gone without a word (its machine lost power): idle, the connection is asked; in use, its oldest
// command ages. Both ways it is replaced.
TEST_F(EngineNetworkTest, AHalfOpenConnectionIsReplacedIdleOrInUse) {
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(50);
  Start(std::move(options));
  Peer gone = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  EXPECT_THAT(events_.Await("data down"), HasSubstr("health_timeout"));
  Peer gone_too = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready", 2), "");
  const auto call = Submit(*engine_, {"GET", "k"});
  EXPECT_THAT(events_.Await("data down", 2), HasSubstr("health_timeout"));
  EXPECT_EQ(call->result().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(call->result().status.message(), HasSubstr("GET was unanswered"));
}

}  // namespace
}  // namespace nearcache::internal::remote
