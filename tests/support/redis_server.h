// A private redis-server or valkey-server for one test: a child process with its data in a temporary folder, listening
// on a unix socket there and, if asked, on a TCP port of 127.0.0.1.
//
// Not thread-safe: one thread drives it (Command may be called on any thread).

#ifndef NEARCACHE_TESTS_SUPPORT_REDIS_SERVER_H_
#define NEARCACHE_TESTS_SUPPORT_REDIS_SERVER_H_

#include <sys/types.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nearcache::testing {

struct RedisServerOptions {
  enum class Product { kAny, kRedis, kValkey };
  Product product = Product::kAny;  // kAny: redis-server if it is there, else valkey-server.
  bool tcp = false;                 // Also listen on 127.0.0.1, on a port that was free.
  // More configuration, as on the command line: {"--requirepass", "secret"}. Comes last, so it wins.
  std::vector<std::string> arguments;
};

class RedisServer {
 public:
  // Whether a server of this kind is on PATH.
  static bool Installed(RedisServerOptions::Product product = RedisServerOptions::Product::kAny);

  // Starts a server without persistence and returns once it answers. kNotFound if none is installed; kUnavailable with
  // the end of its log if it does not come up within ten seconds.
  static absl::StatusOr<std::unique_ptr<RedisServer>> Start(RedisServerOptions options = {});

  // Kills the server and removes its folder.
  ~RedisServer();

  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  const std::string& socket_path() const { return socket_path_; }
  const std::string& folder() const { return folder_; }
  int port() const { return port_; }  // 0 without `tcp`.
  pid_t pid() const { return pid_; }  // -1 while it does not run.

  // SIGKILL, and waits for the end of the process. The socket file stays, as after a crash.
  void Kill();
  // Kills it if it runs, and starts it again at the same addresses, with no data and a new run id.
  absl::Status Restart();
  // SIGSTOP and SIGCONT: accepts connections (the kernel does) and answers nothing.
  void Pause();
  void Resume();

  // Sends one command over a connection of its own and returns the reply: the text of a string, status or integer, the
  // raw bytes of anything else. An error reply is kInternal with its text.
  absl::StatusOr<std::string> Command(std::initializer_list<absl::string_view> arguments);

 private:
  RedisServer() = default;

  absl::Status Launch();
  absl::Status WaitUntilItAnswers();
  std::string EndOfLog() const;

  RedisServerOptions options_;
  std::string binary_;
  std::string folder_;
  std::string socket_path_;
  int port_ = 0;
  pid_t pid_ = -1;
};

// True if a test that needs a server can go on. Otherwise the reason is in *reason: skip the test with it, or fail if
// `must_run` is set, which is so where NEARCACHE_REQUIRE_SERVER is set in the environment.
bool ServerIsInstalled(std::string* reason, bool* must_run);

}  // namespace nearcache::testing

// First line of a test (or SetUp) that needs a server.
#define NEARCACHE_REQUIRE_SERVER()                                                          \
  do {                                                                                      \
    std::string nearcache_reason;                                                           \
    bool nearcache_must_run = false;                                                        \
    if (!::nearcache::testing::ServerIsInstalled(&nearcache_reason, &nearcache_must_run)) { \
      if (nearcache_must_run) FAIL() << nearcache_reason;                                   \
      GTEST_SKIP() << nearcache_reason;                                                     \
    }                                                                                       \
  } while (false)

#endif  // NEARCACHE_TESTS_SUPPORT_REDIS_SERVER_H_
