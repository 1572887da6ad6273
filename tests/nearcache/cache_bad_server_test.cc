// Servers that are none, that refuse, or that never answer: each call ends in time, with an error that says what is
// wrong and never contains the password.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/support/redis_server.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::string_view kSecret = "hunter2-secret";

// Listens on a port of 127.0.0.1; with `greeting` it accepts, answers whatever comes with that, and hangs up.
class Listener {
 public:
  explicit Listener(std::string greeting = "") : greeting_(std::move(greeting)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, raw, sizeof(address)), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(socket_, raw, &size), 0);
    port_ = ntohs(address.sin_port);
    if (!greeting_.empty()) thread_ = std::thread([this] { Serve(); });
  }
  ~Listener() {
    ::shutdown(socket_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(socket_);
  }
  int port() const { return port_; }

 private:
  void Serve() {
    while (true) {
      const int peer = ::accept(socket_, nullptr, nullptr);
      if (peer < 0) return;
      char bytes[1024];
      if (::read(peer, bytes, sizeof(bytes)) > 0) {
        static_cast<void>(!::write(peer, greeting_.data(), greeting_.size()));
      }
      ::close(peer);
    }
  }

  const std::string greeting_;
  int socket_ = -1;
  int port_ = 0;
  std::thread thread_;
};

Options Impatient() {
  Options options;
  options.remote.password = std::string(kSecret);
  options.remote.connect_timeout = absl::Milliseconds(200);
  options.remote.command_timeout = absl::Milliseconds(100);
  return options;
}

Options OnPort(int port) {
  Options options = Impatient();
  options.remote.host = "127.0.0.1";
  options.remote.port = port;
  return options;
}

// The cache opens all the same; reads, writes and waiting end with an error without the password, and a load still
// runs.
std::string ExpectNoService(const Options& options) {
  const absl::StatusOr<std::unique_ptr<Cache>> opened = Cache::Open(options);
  EXPECT_THAT(opened, IsOk());
  Cache& cache = **opened;
  const absl::Status not_ready = cache.WaitUntilReady(absl::Milliseconds(300));
  EXPECT_THAT(not_ready, Not(IsOk()));
  const absl::Status read = cache.Get("k").status();
  EXPECT_THAT(read, AnyOf(StatusIs(absl::StatusCode::kUnavailable), StatusIs(absl::StatusCode::kDeadlineExceeded),
                          StatusIs(absl::StatusCode::kUnauthenticated), StatusIs(absl::StatusCode::kInvalidArgument)));
  const absl::Status write = cache.Set("k", "value");
  EXPECT_THAT(write, Not(IsOk()));
  EXPECT_FALSE(OutcomeUnknown(write)) << write;
  EXPECT_THAT(cache.GetOrLoad("k", [](absl::string_view) { return "loaded"; }), IsOkAndHolds(Value::Copy("loaded")));
  const HealthReport health = cache.Health();
  EXPECT_EQ(health.state, HealthState::kDown);
  EXPECT_NE(health.reason, "");
  for (const std::string& text :
       {not_ready.ToString(), read.ToString(), write.ToString(), health.reason, cache.GetStats().ToString()}) {
    EXPECT_THAT(text, Not(HasSubstr(kSecret)));
  }
  EXPECT_THAT(cache.Close(), IsOk());
  return not_ready.ToString();
}

TEST(CacheBadServerTest, AClosedPort) {
  int port = 0;
  {
    const Listener gone;
    port = gone.port();
  }
  EXPECT_THAT(ExpectNoService(OnPort(port)), HasSubstr("127.0.0.1"));
}

TEST(CacheBadServerTest, APortThatAcceptsAndNeverAnswers) {
  const Listener silent;
  ExpectNoService(OnPort(silent.port()));
}

TEST(CacheBadServerTest, AnHttpServer) {
  const Listener http("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  ExpectNoService(OnPort(http.port()));
}

TEST(CacheBadServerTest, ANameThatDoesNotExist) {
  Options options = Impatient();
  options.remote.host = "no-such-host.invalid";
  ExpectNoService(options);
}

TEST(CacheBadServerTest, ASocketThatDoesNotExist) {
  Options options = Impatient();
  options.remote.unix_socket = "/tmp/nearcache-no-such.sock";
  EXPECT_THAT(ExpectNoService(options), HasSubstr("nearcache-no-such.sock"));
}

std::unique_ptr<RedisServer> StartServer(std::vector<std::string> arguments) {
  RedisServerOptions options;
  options.arguments = std::move(arguments);
  auto server = RedisServer::Start(options);
  EXPECT_THAT(server, IsOk());
  return *std::move(server);
}

TEST(CacheBadServerTest, AWrongPassword) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = StartServer({"--requirepass", "another"});
  Options options = Impatient();
  options.remote.unix_socket = server->socket_path();
  EXPECT_THAT(ExpectNoService(options), HasSubstr("WRONGPASS"));
}

TEST(CacheBadServerTest, ARightPassword) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = StartServer({"--requirepass", std::string(kSecret)});
  Options options;
  options.remote.unix_socket = server->socket_path();
  options.remote.password = std::string(kSecret);
  const auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  EXPECT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
  EXPECT_THAT((*cache)->Set("k", "value"), IsOk());
}

TEST(CacheBadServerTest, ADatabaseThatDoesNotExist) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = StartServer({});
  Options options = Impatient();
  options.remote.password.clear();
  options.remote.unix_socket = server->socket_path();
  options.remote.database = 4711;
  ExpectNoService(options);
}

TEST(CacheBadServerTest, AServerThatStopsAnsweringEndsEveryCallAtItsDeadline) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = StartServer({});
  Options options;
  options.remote.unix_socket = server->socket_path();
  options.remote.command_timeout = absl::Milliseconds(50);
  const auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  ASSERT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
  server->Pause();
  EXPECT_THAT((*cache)->Get("k"), StatusIs(absl::StatusCode::kDeadlineExceeded));
  const absl::Status write = (*cache)->Set("k", "value");
  EXPECT_THAT(write, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(OutcomeUnknown(write));
  server->Resume();
}

TEST(CacheBadServerTest, AServerThatComesBackEmptyIsUsedAgain) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = StartServer({});
  Options options;
  options.remote.unix_socket = server->socket_path();
  const auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  ASSERT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
  ASSERT_THAT((*cache)->Set("k", "before"), IsOk());
  ASSERT_THAT(server->Restart(), IsOk());
  ASSERT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
  ReadOptions fresh;
  fresh.fresh = true;
  EXPECT_THAT((*cache)->Get("k", fresh), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT((*cache)->Set("k", "after"), IsOk());
  EXPECT_THAT((*cache)->Get("k", fresh), IsOkAndHolds(Value::Copy("after")));
}

}  // namespace
}  // namespace nearcache::testing
