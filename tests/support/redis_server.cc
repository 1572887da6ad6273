#include "tests/support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace nearcache::testing {
namespace {

using Product = RedisServerOptions::Product;

constexpr absl::Duration kStartTimeout = absl::Seconds(10);
constexpr size_t kLogBytesShown = 2000;

std::string FindOnPath(absl::string_view name) {
  const char* const path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

std::string FindBinary(Product product) {
  std::string binary;
  if (product != Product::kValkey) binary = FindOnPath("redis-server");
  if (binary.empty() && product != Product::kRedis) binary = FindOnPath("valkey-server");
  return binary;
}

// Short, because a socket path has 107 bytes at most and a test's own temporary folder may be deep.
absl::StatusOr<std::string> MakeFolder() {
  char name[] = "/tmp/nearcache-server-XXXXXX";
  if (mkdtemp(name) == nullptr) {
    return absl::InternalError(absl::StrCat("mkdtemp: ", std::strerror(errno)));
  }
  return std::string(name);
}

// A port that is free now. Somebody may take it before the server does; then Start fails and says so.
int FindFreePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  int port = 0;
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  close(socket);
  return port;
}

int ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(socket);
    return -1;
  }
  return socket;
}

std::string Encode(std::initializer_list<absl::string_view> arguments) {
  std::string bytes = absl::StrCat("*", arguments.size(), "\r\n");
  for (const absl::string_view argument : arguments) {
    absl::StrAppend(&bytes, "$", argument.size(), "\r\n", argument, "\r\n");
  }
  return bytes;
}

// Sends `command` and everything up to the end of the stream comes back. Reading until the end saves a parser.
absl::StatusOr<std::string> Exchange(const std::string& path, const std::string& command) {
  const int socket = ConnectUnix(path);
  if (socket < 0) return absl::UnavailableError(absl::StrCat("cannot connect to ", path));
  std::string answer;
  if (send(socket, command.data(), command.size(), MSG_NOSIGNAL) > 0) {
    shutdown(socket, SHUT_WR);
    char buffer[4096];
    pollfd readable{socket, POLLIN, 0};
    ssize_t bytes = 1;
    while (bytes > 0 && poll(&readable, 1, 10'000) > 0) {
      bytes = recv(socket, buffer, sizeof(buffer), 0);
      if (bytes > 0) answer.append(buffer, static_cast<size_t>(bytes));
    }
  }
  close(socket);
  if (answer.empty()) return absl::UnavailableError("the server closed the connection");
  return answer;
}

absl::StatusOr<std::string> Decode(absl::string_view answer) {
  const size_t line_end = answer.find("\r\n");
  if (line_end == absl::string_view::npos) return absl::InternalError("reply without an end");
  const absl::string_view line = answer.substr(1, line_end - 1);
  switch (answer[0]) {
    case '-':
      return absl::InternalError(line);
    case '+':
    case ':':
      return std::string(line);
    case '$': {
      int64_t size = -1;
      if (!absl::SimpleAtoi(line, &size) || size < 0) return absl::NotFoundError("nil");
      return std::string(answer.substr(line_end + 2, static_cast<size_t>(size)));
    }
    default:
      return std::string(answer);
  }
}

}  // namespace

bool RedisServer::Installed(Product product) { return !FindBinary(product).empty(); }

absl::StatusOr<std::unique_ptr<RedisServer>> RedisServer::Start(RedisServerOptions options) {
  std::unique_ptr<RedisServer> server(new RedisServer);
  server->options_ = std::move(options);
  server->binary_ = FindBinary(server->options_.product);
  if (server->binary_.empty()) {
    return absl::NotFoundError("neither redis-server nor valkey-server is on PATH");
  }
  absl::StatusOr<std::string> folder = MakeFolder();
  if (!folder.ok()) return folder.status();
  server->folder_ = *std::move(folder);
  server->socket_path_ = absl::StrCat(server->folder_, "/server.sock");
  if (server->options_.tcp) server->port_ = FindFreePort();
  if (absl::Status status = server->Launch(); !status.ok()) return status;
  return server;
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

absl::Status RedisServer::Launch() {
  std::vector<std::string> words = {binary_,
                                    "--port",
                                    absl::StrCat(port_),
                                    "--bind",
                                    "127.0.0.1",
                                    "--unixsocket",
                                    socket_path_,
                                    "--dir",
                                    folder_,
                                    "--logfile",
                                    folder_ + "/log",
                                    "--appendonly",
                                    "no",
                                    "--daemonize",
                                    "no",
                                    "--save",
                                    "",
                                    "--enable-debug-command",
                                    "yes"};
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  unlink(socket_path_.c_str());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const int error = posix_spawn(&pid_, binary_.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = -1;
    return absl::InternalError(absl::StrCat("cannot start ", binary_, ": ", std::strerror(error)));
  }
  return WaitUntilItAnswers();
}

absl::Status RedisServer::WaitUntilItAnswers() {
  const absl::Time give_up = absl::Now() + kStartTimeout;
  while (absl::Now() < give_up) {
    // Any complete answer will do: with a password it is an error.
    if (Exchange(socket_path_, Encode({"PING"})).ok()) return absl::OkStatus();
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  Kill();
  return absl::UnavailableError(absl::StrCat(binary_, " did not come up: ", EndOfLog()));
}

std::string RedisServer::EndOfLog() const {
  std::ifstream file(folder_ + "/log");
  std::stringstream text;
  text << file.rdbuf();
  const std::string log = text.str();
  return log.size() <= kLogBytesShown ? log : log.substr(log.size() - kLogBytesShown);
}

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

absl::Status RedisServer::Restart() {
  Kill();
  return Launch();
}

void RedisServer::Pause() {
  if (pid_ <= 0) return;
  kill(pid_, SIGSTOP);
  waitpid(pid_, nullptr, WUNTRACED);
}

void RedisServer::Resume() {
  if (pid_ > 0) kill(pid_, SIGCONT);
}

absl::StatusOr<std::string> RedisServer::Command(std::initializer_list<absl::string_view> arguments) {
  absl::StatusOr<std::string> answer = Exchange(socket_path_, Encode(arguments));
  if (!answer.ok()) return answer.status();
  return Decode(*answer);
}

bool ServerIsInstalled(std::string* reason, bool* must_run) {
  *must_run = std::getenv("NEARCACHE_REQUIRE_SERVER") != nullptr;
  if (RedisServer::Installed()) return true;
  *reason = "neither redis-server nor valkey-server is on PATH, so nothing was tested";
  return false;
}

}  // namespace nearcache::testing
