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
    const OperationResult& result = Submit(*engine_, command)->result();
    if (!result.status.ok()) return result.status.ToString();
    return result.replies[0].string.ToString();
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
  EXPECT_TRUE(Submit(*engine_, {"GET", "absent"})->result().replies[0].is_nil());
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

}  // namespace
}  // namespace nearcache::internal::remote
