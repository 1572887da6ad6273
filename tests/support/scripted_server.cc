#include "tests/support/scripted_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace nearcache::testing {
namespace {

constexpr int kTimeoutMilliseconds = 10'000;

bool WaitReadable(int descriptor, int milliseconds = kTimeoutMilliseconds) {
  pollfd readable{descriptor, POLLIN, 0};
  return poll(&readable, 1, milliseconds) > 0;
}

}  // namespace

std::string BulkString(absl::string_view bytes) { return absl::StrCat("$", bytes.size(), "\r\n", bytes, "\r\n"); }

Peer::Peer(Peer&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), input_(std::move(other.input_)) {}

Peer& Peer::operator=(Peer&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(input_, other.input_);
  return *this;
}

void Peer::Close() {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

bool Peer::ReadMore() {
  char buffer[4096];
  if (descriptor_ < 0 || !WaitReadable(descriptor_)) return false;
  const ssize_t bytes = recv(descriptor_, buffer, sizeof(buffer), 0);
  if (bytes <= 0) return false;
  input_.append(buffer, static_cast<size_t>(bytes));
  return true;
}

bool Peer::ReadLine(std::string* line) {
  size_t end;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (!ReadMore()) return false;
  }
  *line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

std::vector<std::string> Peer::ReadCommand() {
  std::string line;
  int count = 0;
  if (!ReadLine(&line) || line[0] != '*' || !absl::SimpleAtoi(line.substr(1), &count)) return {};
  std::vector<std::string> arguments;
  for (int i = 0; i < count; ++i) {
    size_t size = 0;
    if (!ReadLine(&line) || line[0] != '$' || !absl::SimpleAtoi(line.substr(1), &size)) return {};
    while (input_.size() < size + 2) {
      if (!ReadMore()) return {};
    }
    arguments.push_back(input_.substr(0, size));
    input_.erase(0, size + 2);
  }
  return arguments;
}

void Peer::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

bool Peer::ReadSome(std::string* input, int milliseconds) {
  char buffer[16384];
  if (descriptor_ < 0) return false;
  if (!WaitReadable(descriptor_, milliseconds)) return true;
  const ssize_t bytes = recv(descriptor_, buffer, sizeof(buffer), 0);
  if (bytes > 0) input->append(buffer, static_cast<size_t>(bytes));
  return bytes > 0;
}

bool Peer::WaitForInput() { return descriptor_ >= 0 && WaitReadable(descriptor_); }

bool Peer::WaitForHangUp() {
  char buffer[4096];
  while (WaitReadable(descriptor_)) {
    if (recv(descriptor_, buffer, sizeof(buffer), 0) <= 0) return true;
  }
  return false;
}

ScriptedServer::ScriptedServer() {
  char name[] = "/tmp/nearcache-script-XXXXXX";
  folder_ = mkdtemp(name) != nullptr ? name : "/tmp";
  path_ = absl::StrCat(folder_, "/server.sock");
  ListenAgain();
}

ScriptedServer::~ScriptedServer() {
  StopListening();
  rmdir(folder_.c_str());
}

void ScriptedServer::ListenAgain() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || listen(listener_, 16) != 0) {
    StopListening();
  }
}

void ScriptedServer::StopListening() {
  if (listener_ >= 0) close(std::exchange(listener_, -1));
  unlink(path_.c_str());
}

bool ScriptedServer::IsWanted(int milliseconds) { return listener_ >= 0 && WaitReadable(listener_, milliseconds); }

Peer ScriptedServer::Accept() {
  if (listener_ < 0 || !WaitReadable(listener_)) return Peer(-1);
  return Peer(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
}

bool AnswerHandshakeCommand(Peer& peer, const std::vector<std::string>& command, const HandshakeScript& script) {
  const std::string name = command.empty() ? "" : command[0];
  if (name == "HELLO") {
    peer.Send(script.knows_hello ? "%1\r\n+proto\r\n:3\r\n" : Error("ERR unknown command 'HELLO'"));
  } else if (name == "INFO" && command.size() == 2 && command[1] == "server") {
    peer.Send(BulkString(absl::StrCat("# Server\r\nredis_version:8.0.6\r\nrun_id:", script.run_id, "\r\n")));
  } else if (name == "INFO") {
    peer.Send(BulkString(absl::StrCat("# Replication\r\nrole:", script.role, "\r\n")));
  } else if (name == "AUTH" || name == "CLIENT" || name == "SELECT") {
    peer.Send(Status("OK"));
  } else if (name == "PING") {
    peer.Send(Status("PONG"));
  } else {
    return false;
  }
  return true;
}

Peer ScriptedServer::AcceptAndShakeHands(const HandshakeScript& script) {
  Peer peer = Accept();
  int pings = script.knows_hello ? 1 : 2;
  while (peer.connected() && pings > 0) {
    const std::vector<std::string> command = peer.ReadCommand();
    if (!AnswerHandshakeCommand(peer, command, script)) peer.Close();
    if (!command.empty() && command[0] == "PING") --pings;
  }
  return peer;
}

}  // namespace nearcache::testing
