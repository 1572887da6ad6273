// The engine against a real server.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/redis_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::RedisServer;
using ::nearcache::testing::RedisServerOptions;
using ::testing::HasSubstr;
using ::testing::Not;

class EngineServerTest : public ::testing::Test {
 protected:
  void SetUp() override { NEARCACHE_REQUIRE_SERVER(); }

  void StartServer(RedisServerOptions options = {}) {
    absl::StatusOr<std::unique_ptr<RedisServer>> server = RedisServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  EngineOptions Options() { return TestOptions(server_->socket_path()); }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }

  std::string Text(std::initializer_list<absl::string_view> command) {
    const auto running = Submit(*engine_, command);
    if (!running->result().status.ok()) return running->result().status.ToString();
    return running->reply().string.ToString();
  }

  std::unique_ptr<RedisServer> server_;
  RecordingEvents events_;
  std::unique_ptr<Engine> engine_;  // Ends first.
};

TEST_F(EngineServerTest, SetsAndGetsOverUnixSocket) {
  StartServer();
  Start(Options());
  EXPECT_EQ(Text({"SET", "k", "v"}), "OK");
  EXPECT_EQ(Text({"GET", "k"}), "v");
  EXPECT_TRUE(Submit(*engine_, {"GET", "absent"})->reply().is_nil());
}

TEST_F(EngineServerTest, ConnectsOverTcpByName) {
  RedisServerOptions server;
  server.tcp = true;
  StartServer(server);
  EngineOptions options = Options();
  // "localhost" may resolve to ::1 first, where nobody listens: the second address must be tried.
  options.address = Address::Tcp("localhost", static_cast<uint16_t>(server_->port()));
  Start(std::move(options));
  EXPECT_EQ(Text({"ECHO", "hello"}), "hello");
}

TEST_F(EngineServerTest, SpeaksBothVersionsOfTheProtocol) {
  StartServer();
  for (const int version : {2, 3}) {
    EngineOptions options = Options();
    options.resp_version = version;
    Start(std::move(options));
    EXPECT_EQ(Text({"SET", "k", "v"}), "OK");
    EXPECT_EQ(Text({"GET", "k"}), "v");
    EXPECT_EQ(engine_->GetLinkStatus(LinkRole::kData).identity.resp_version, version);
  }
}

TEST_F(EngineServerTest, KnowsRedisAndValkeyApart) {
  for (const auto product : {RedisServerOptions::Product::kRedis, RedisServerOptions::Product::kValkey}) {
    if (!RedisServer::Installed(product)) continue;
    RedisServerOptions server;
    server.product = product;
    StartServer(server);
    Start(Options());
    EXPECT_EQ(Text({"PING"}), "PONG");
    const ServerIdentity identity = engine_->GetLinkStatus(LinkRole::kData).identity;
    EXPECT_EQ(identity.product == ServerIdentity::Product::kValkey, product == RedisServerOptions::Product::kValkey);
    EXPECT_EQ(identity.run_id.size(), 40u);
    EXPECT_EQ(identity.role, "master");
    EXPECT_NE(identity.version, "");
    engine_.reset();
  }
}

TEST_F(EngineServerTest, LogsInWithUserPasswordDatabaseAndName) {
  RedisServerOptions server;
  server.arguments = {"--user", "worker", "on", ">secret", "~*", "&*", "+@all", "--databases", "4"};
  StartServer(server);
  EngineOptions options = Options();
  options.user = "worker";
  options.password = "secret";
  options.database = 3;
  options.client_name = "tests";
  Start(std::move(options));
  EXPECT_EQ(Text({"ACL", "WHOAMI"}), "worker");
  EXPECT_EQ(Text({"CLIENT", "GETNAME"}), "tests");
  EXPECT_THAT(Text({"CLIENT", "INFO"}), HasSubstr(" db=3 "));
}

TEST_F(EngineServerTest, WrongPasswordIsUnauthenticatedAndGoesOnBeingTried) {
  RedisServerOptions server;
  server.arguments = {"--requirepass", "right"};
  StartServer(server);
  EngineOptions options = Options();
  options.password = "wrong-secret";
  Start(std::move(options));
  for (int i = 1; i <= 2; ++i) {
    EXPECT_THAT(events_.Await("data failed", i), HasSubstr("UNAUTHENTICATED"));
  }
  for (const std::string& event : events_.All()) {
    EXPECT_THAT(event, Not(HasSubstr("wrong-secret")));
  }
  engine_.reset();
  Start(Options());
  EXPECT_THAT(events_.Await("data failed", 3), HasSubstr("NOAUTH"));
}

TEST_F(EngineServerTest, ADatabaseOutOfRangeNamesTheLimit) {
  RedisServerOptions server;
  server.arguments = {"--databases", "4"};
  StartServer(server);
  EngineOptions options = Options();
  options.database = 9;
  Start(std::move(options));
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("database 9"));
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("4 databases"));
}

TEST_F(EngineServerTest, AUserWithoutInfoIsToldSo) {
  RedisServerOptions server;
  server.arguments = {"--user", "worker", "on", ">secret", "~*", "&*", "+@all", "-info"};
  StartServer(server);
  EngineOptions options = Options();
  options.user = "worker";
  options.password = "secret";
  Start(std::move(options));
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("PERMISSION_DENIED"));
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("+info"));
}

TEST_F(EngineServerTest, AReplicaIsRefused) {
  RedisServerOptions replica;
  replica.arguments = {"--replicaof", "127.0.0.1", "1"};
  StartServer(replica);
  Start(Options());
  EXPECT_THAT(events_.Await("data failed"), HasSubstr("'slave'"));
}

TEST_F(EngineServerTest, ComesBackAfterARestartWithAnotherIdentity) {
  StartServer();
  std::vector<std::string> run_ids;
  events_.on_ready = [&](LinkRole, const ServerIdentity& who) { run_ids.push_back(who.run_id); };
  Start(Options());
  EXPECT_EQ(Text({"SET", "k", "v"}), "OK");
  server_->Kill();
  ASSERT_NE(events_.Await("data down"), "");
  ASSERT_TRUE(server_->Restart().ok());
  EXPECT_EQ(Text({"SET", "k", "w"}), "OK");  // Waited for the connection.
  ASSERT_EQ(run_ids.size(), 2u);
  EXPECT_NE(run_ids[0], run_ids[1]);
}

TEST_F(EngineServerTest, AStoppedServerIsNoticedAndFoundAgain) {
  StartServer();
  EngineOptions options = Options();
  options.health_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  EXPECT_EQ(Text({"SET", "k", "v"}), "OK");
  server_->Pause();
  const auto lost = Submit(*engine_, {"GET", "k"});
  EXPECT_THAT(events_.Await("data down"), HasSubstr("health_timeout"));
  EXPECT_TRUE(lost->result().unknown);
  server_->Resume();
  EXPECT_EQ(Text({"GET", "k"}), "v");
}

TEST_F(EngineServerTest, KeepsRepliesInOrderWhenTheConnectionIsKilled) {
  StartServer();
  Start(Options());
  ASSERT_EQ(Text({"SET", "k", "v"}), "OK");
  EXPECT_TRUE(server_->Command({"CLIENT", "KILL", "TYPE", "normal"}).ok());
  ASSERT_NE(events_.Await("data ready", 2), "");
  EXPECT_EQ(Text({"GET", "k"}), "v");
}

TEST_F(EngineServerTest, HearsWhatIsPublishedInBothVersions) {
  StartServer();
  int count = 0;
  for (const int version : {2, 3}) {
    EngineOptions options = Options();
    options.channels = {"lane", "second"};
    options.resp_version = version;
    Start(std::move(options));
    ASSERT_NE(events_.Await("channel ready", ++count), "");
    const std::string payload = absl::StrCat("hello in ", version);
    Submit(*engine_, {"PUBLISH", "second", payload});
    EXPECT_NE(events_.Await(absl::StrCat("message on second: ", payload)), "");
    EXPECT_EQ(engine_->GetLinkStatus(LinkRole::kChannel).identity.run_id,
              engine_->GetLinkStatus(LinkRole::kData).identity.run_id);
    engine_.reset();
  }
}

TEST_F(EngineServerTest, AChannelThatTheAclForbidsSaysSo) {
  RedisServerOptions server;
  server.arguments = {"--user", "worker", "on", ">secret", "~*", "resetchannels", "&other", "+@all"};
  StartServer(server);
  EngineOptions options = Options();
  options.user = "worker";
  options.password = "secret";
  options.channels = {"lane"};
  Start(std::move(options));
  EXPECT_THAT(events_.Await("channel failed"), HasSubstr("PERMISSION_DENIED"));
}

}  // namespace
}  // namespace nearcache::internal::remote
