#include "tests/support/resp_proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "tests/support/resp_frame.h"

namespace nearcache::testing {
namespace {

constexpr size_t kReadBytes = 65536;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int Connect(const std::string& path) {
  const sockaddr_un address = AddressOf(path);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return descriptor;
  close(descriptor);
  return -1;
}

bool SendAll(int descriptor, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool ReadSome(int descriptor, std::string* bytes) {
  char buffer[kReadBytes];
  const ssize_t count = recv(descriptor, buffer, sizeof(buffer), 0);
  if (count > 0) bytes->append(buffer, static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

RespProxy::RespProxy(const std::string& folder, std::string server)
    : path_(folder + "/proxy.sock"), server_(std::move(server)) {
  const sockaddr_un address = AddressOf(path_);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(path_.c_str());
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 64) != 0 || pipe2(stop_, O_CLOEXEC) != 0) {
    return;  // Nobody can connect, which any test notices.
  }
  acceptor_ = std::thread([this] { AcceptAll(); });
}

RespProxy::~RespProxy() {
  close(stop_[1]);
  if (acceptor_.joinable()) acceptor_.join();
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  close(stop_[0]);
  close(listener_);
  unlink(path_.c_str());
}

void RespProxy::SetHook(Hook hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void RespProxy::SendToSubscribers(absl::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  for (const int client : subscribers_) SendAll(client, bytes);
}

int RespProxy::connections() {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(threads_.size());
}

void RespProxy::SetServer(const std::string& server) {
  absl::MutexLock lock(&mutex_);
  server_ = server;
}

void RespProxy::AcceptAll() {
  pollfd watched[] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
  while (poll(watched, 2, -1) > 0 && watched[1].revents == 0) {
    Connection connection;
    connection.client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection.client < 0) continue;
    absl::MutexLock lock(&mutex_);
    threads_.emplace_back([this, connection] { Serve(connection); });
  }
}

void RespProxy::Serve(Connection connection) {
  std::string server;
  {
    absl::MutexLock lock(&mutex_);
    server = server_;
  }
  connection.server = Connect(server);
  pollfd watched[] = {{connection.client, POLLIN, 0}, {connection.server, POLLIN, 0}, {stop_[0], POLLIN, 0}};
  std::string input;
  bool alive = connection.server >= 0;
  while (alive && poll(watched, 3, -1) > 0 && watched[2].revents == 0) {
    // Between commands only pushes come.
    if (watched[1].revents != 0) alive = Relay(connection);
    if (!alive || watched[0].revents == 0) continue;
    alive = ReadSome(connection.client, &input);
    while (const size_t size = alive ? RespFrameSize(input) : 0) {
      alive = Handle(&connection, absl::string_view(input).substr(0, size));
      input.erase(0, size);
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    subscribers_.erase(std::remove(subscribers_.begin(), subscribers_.end(), connection.client), subscribers_.end());
  }
  close(connection.client);
  if (connection.server >= 0) close(connection.server);
}

bool RespProxy::Handle(Connection* connection, absl::string_view frame) {
  const Command command = ParseCommand(frame);
  absl::optional<std::string> answer;
  {
    absl::MutexLock lock(&mutex_);
    if (hook_) answer = hook_(command);
    if (!command.empty() && command[0] == "SUBSCRIBE" && !connection->subscribed) {
      connection->subscribed = true;
      subscribers_.push_back(connection->client);
    }
  }
  if (answer.has_value()) return SendToClient(*connection, *answer);
  if (!SendAll(connection->server, frame)) return false;
  // Replies and pushes of a subscriber cannot be told apart in RESP2, and need not be.
  return connection->subscribed || RelayOneReply(*connection);
}

bool RespProxy::RelayOneReply(const Connection& connection) {
  std::string reply;
  while (RespFrameSize(reply) == 0) {
    pollfd watched[] = {{connection.server, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    if (poll(watched, 2, -1) <= 0 || watched[1].revents != 0 || !ReadSome(connection.server, &reply)) return false;
  }
  return SendAll(connection.client, reply);
}

bool RespProxy::Relay(const Connection& connection) {
  std::string bytes;
  return ReadSome(connection.server, &bytes) && SendToClient(connection, bytes);
}

bool RespProxy::SendToClient(const Connection& connection, absl::string_view bytes) {
  if (!connection.subscribed) return SendAll(connection.client, bytes);
  absl::MutexLock lock(&mutex_);
  return SendAll(connection.client, bytes);
}

}  // namespace nearcache::testing
