#include "nearcache/internal/remote/handshake.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/reply_reader.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = HandshakeOutcome::Kind;

constexpr char kSecret[] = "hunter2";
constexpr char kHello[] = "%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n";
constexpr char kPong[] = "+PONG\r\n";

std::string Bulk(absl::string_view text) { return absl::StrCat("$", text.size(), "\r\n", text, "\r\n"); }

std::string Server(absl::string_view more = "") {
  return Bulk(absl::StrCat("# Server\r\nredis_version:7.2.4\r\n", more, "run_id:abcdef\r\ntcp_port:6379\r\n"));
}

std::string Replication(absl::string_view role = "master") {
  return Bulk(absl::StrCat("# Replication\r\nrole:", role, "\r\n"));
}

std::vector<Reply> Parse(const std::string& bytes) {
  ReplyReader reader(ReplyLimits{});
  EXPECT_TRUE(reader.Feed(bytes).ok());
  std::vector<Reply> replies;
  Reply reply;
  while (*reader.Next(&reply)) replies.push_back(std::move(reply));
  return replies;
}

HandshakeOptions Options() {
  HandshakeOptions options;
  options.address = "redis.example:6379";
  options.client_name = "app";
  return options;
}

HandshakeOutcome Judge(const HandshakeOptions& options, const std::string& replies, int resp_version = 3) {
  return Handshake(options, resp_version).Judge(Parse(replies));
}

TEST(HandshakeTest, SaysEverythingInOneWrite) {
  HandshakeOptions options = Options();
  options.user = "worker";
  options.password = kSecret;
  options.database = 2;
  const Handshake handshake(options, 3);
  EXPECT_EQ(handshake.bytes(), EncodeCommand({"HELLO", "3", "AUTH", "worker", kSecret, "SETNAME", "app"}) +
                                   EncodeCommand({"CONFIG", "GET", "databases"}) + EncodeCommand({"SELECT", "2"}) +
                                   EncodeCommand({"INFO", "server"}) + EncodeCommand({"INFO", "replication"}) +
                                   EncodeCommand({"PING"}));
  EXPECT_EQ(handshake.reply_count(), 6);
}

TEST(HandshakeTest, SpeaksResp2WithoutHello) {
  HandshakeOptions options = Options();
  options.password = kSecret;
  const Handshake handshake(options, 2);
  EXPECT_EQ(handshake.bytes(), EncodeCommand({"AUTH", kSecret}) + EncodeCommand({"CLIENT", "SETNAME", "app"}) +
                                   EncodeCommand({"INFO", "server"}) + EncodeCommand({"INFO", "replication"}) +
                                   EncodeCommand({"PING"}));
}

TEST(HandshakeTest, APasswordWithoutUserIsTheDefaultUsers) {
  HandshakeOptions options = Options();
  options.password = kSecret;
  options.client_name = "";
  EXPECT_TRUE(
      absl::StartsWith(Handshake(options, 3).bytes(), EncodeCommand({"HELLO", "3", "AUTH", "default", kSecret})));
}

TEST(HandshakeTest, LearnsWhoAnswers) {
  const HandshakeOutcome redis = Judge(Options(), kHello + Server() + Replication() + kPong);
  ASSERT_EQ(redis.kind, Kind::kAccepted) << redis.status;
  EXPECT_EQ(redis.identity.run_id, "abcdef");
  EXPECT_EQ(redis.identity.role, "master");
  EXPECT_EQ(redis.identity.version, "7.2.4");
  EXPECT_EQ(redis.identity.product, ServerIdentity::Product::kRedis);
  EXPECT_EQ(redis.identity.resp_version, 3);
  const HandshakeOutcome valkey = Judge(Options(), kHello + Server("valkey_version:8.0.1\r\n") + Replication() + kPong);
  EXPECT_EQ(valkey.identity.version, "8.0.1");
  EXPECT_EQ(valkey.identity.product, ServerIdentity::Product::kValkey);
}

TEST(HandshakeTest, FallsBackWhenHelloIsNotKnown) {
  for (const char* const error :
       {"-ERR unknown command 'HELLO'\r\n", "-ERR unknown command `HELLO`, with args\r\n",
        "-NOPROTO unsupported protocol version\r\n", "-NOPERM no permissions to run hello\r\n"}) {
    const HandshakeOutcome outcome = Judge(Options(), error + Server() + Replication() + kPong);
    EXPECT_EQ(outcome.kind, Kind::kNoHello) << error;
  }
}

struct Refusal {
  const char* name;
  std::string replies;
  absl::StatusCode code;
  bool permanent;
  const char* text;
};

TEST(HandshakeTest, RefusalsSayWhatToDo) {
  const std::string rest = Server() + Replication() + kPong;
  const Refusal refusals[] = {
      {"wrong password", "-WRONGPASS invalid username-password pair\r\n" + rest, absl::StatusCode::kUnauthenticated,
       true, "WRONGPASS"},
      {"password needed", "-NOAUTH HELLO must be called with the client already authenticated\r\n",
       absl::StatusCode::kUnauthenticated, true, "NOAUTH"},
      {"no right to INFO", kHello + std::string("-NOPERM no permissions\r\n"), absl::StatusCode::kPermissionDenied,
       true, "+info"},
      {"loading", kHello + Server() + Replication() + "-LOADING Redis is loading\r\n", absl::StatusCode::kUnavailable,
       false, "LOADING"},
      {"replica", kHello + Server() + Replication("slave") + kPong, absl::StatusCode::kUnavailable, false, "'slave'"},
      {"sentinel", kHello + Server("redis_mode:sentinel\r\n") + Replication("") + kPong,
       absl::StatusCode::kFailedPrecondition, true, "Sentinel"},
      {"too many clients", "-ERR max number of clients reached\r\n", absl::StatusCode::kUnavailable, false,
       "max number of clients"},
      {"hung up", kHello + Server(), absl::StatusCode::kUnavailable, false, "closed"},
      {"hung up at once", "", absl::StatusCode::kUnavailable, false, "closed"},
      {"echo server", "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n",
       absl::StatusCode::kInternal, false, "does not answer"},
      {"no run id", kHello + Bulk("redis_version:7\r\n") + Replication() + kPong, absl::StatusCode::kInternal, false,
       "run_id"},
  };
  for (const Refusal& refusal : refusals) {
    HandshakeOptions options = Options();
    options.password = kSecret;
    const HandshakeOutcome outcome = Judge(options, refusal.replies);
    EXPECT_EQ(outcome.kind, Kind::kRefused) << refusal.name;
    EXPECT_EQ(outcome.status.code(), refusal.code) << refusal.name << outcome.status;
    EXPECT_EQ(outcome.permanent, refusal.permanent) << refusal.name;
    EXPECT_THAT(outcome.status.message(), HasSubstr(refusal.text)) << refusal.name;
    EXPECT_THAT(outcome.status.message(), HasSubstr("redis.example:6379")) << refusal.name;
    EXPECT_THAT(outcome.status.message(), Not(HasSubstr(kSecret))) << refusal.name;
  }
}

TEST(HandshakeTest, ADatabaseOutOfRangeNamesTheLimitIfTheServerTellsIt) {
  HandshakeOptions options = Options();
  options.database = 99;
  const std::string rest = "-ERR DB index is out of range\r\n" + Server() + Replication() + kPong;
  const HandshakeOutcome told = Judge(options, kHello + std::string("%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n") + rest);
  EXPECT_EQ(told.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(told.status.message(), HasSubstr("database 99"));
  EXPECT_THAT(told.status.message(), HasSubstr("16 databases"));
  EXPECT_TRUE(told.permanent);
  const HandshakeOutcome untold = Judge(options, kHello + std::string("-NOPERM no CONFIG\r\n") + rest);
  EXPECT_THAT(untold.status.message(), HasSubstr("database 99 is out of range"));
}

TEST(HandshakeTest, AReplicaIsFineWhereItIsAllowed) {
  HandshakeOptions options = Options();
  options.require_primary = false;
  EXPECT_EQ(Judge(options, kHello + Server() + Replication("slave") + kPong).kind, Kind::kAccepted);
}

TEST(HandshakeTest, ANameThatIsRefusedDoesNotMatter) {
  const std::string replies = "-ERR unknown subcommand 'SETNAME'\r\n" + Server() + Replication() + kPong;
  EXPECT_EQ(Judge(Options(), replies, 2).kind, Kind::kAccepted);
}

}  // namespace
}  // namespace nearcache::internal::remote
