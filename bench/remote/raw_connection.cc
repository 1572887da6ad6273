#include "bench/remote/raw_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace nearcache::bench {
namespace {

[[noreturn]] void Die(absl::string_view what) {
  std::fprintf(stderr, "%s\n", std::string(what).c_str());
  std::exit(2);
}

int Connect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) Die("the socket's path is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Die("cannot connect");
  return descriptor;
}

constexpr size_t kIncomplete = 0;

// Size of the reply that `bytes` begins with.
size_t ReplySize(absl::string_view bytes) {
  const size_t end = bytes.find("\r\n");
  if (end == absl::string_view::npos) return kIncomplete;
  const size_t line = end + 2;
  int64_t number = 0;
  switch (bytes[0]) {
    case '-':
      Die(absl::StrCat("the server refused: ", bytes.substr(1, end - 1)));
    case '$':
      if (!absl::SimpleAtoi(bytes.substr(1, end - 1), &number)) Die("no RESP");
      if (number < 0) return line;
      return bytes.size() < line + static_cast<size_t>(number) + 2 ? kIncomplete
                                                                   : line + static_cast<size_t>(number) + 2;
    case '*': {
      if (!absl::SimpleAtoi(bytes.substr(1, end - 1), &number)) Die("no RESP");
      size_t size = line;
      for (int64_t i = 0; i < number; ++i) {
        const size_t element = ReplySize(bytes.substr(size));
        if (element == kIncomplete) return kIncomplete;
        size += element;
      }
      return size;
    }
    default:
      return line;
  }
}

}  // namespace

RawConnection::RawConnection(const std::string& socket_path) : descriptor_(Connect(socket_path)) {}

RawConnection::~RawConnection() { close(descriptor_); }

void RawConnection::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) Die("the server closed the connection");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void RawConnection::AwaitReplies(size_t count) {
  size_t begin = 0;
  while (count > 0) {
    const size_t size = begin == received_.size() ? kIncomplete : ReplySize(absl::string_view(received_).substr(begin));
    if (size != kIncomplete) {
      begin += size;
      --count;
      continue;
    }
    received_.erase(0, begin);
    begin = 0;
    char buffer[16 << 10];
    const ssize_t got = recv(descriptor_, buffer, sizeof(buffer), 0);
    if (got <= 0) Die("the server closed the connection");
    received_.append(buffer, static_cast<size_t>(got));
  }
  received_.erase(0, begin);
}

Subscribers::Subscribers(const std::string& socket_path, int count, absl::string_view channel) {
  for (int i = 0; i < count; ++i) {
    connections_.push_back(std::make_unique<RawConnection>(socket_path));
    connections_.back()->Send(absl::StrCat("SUBSCRIBE ", channel, "\r\n"));
    connections_.back()->AwaitReplies(1);
  }
  thread_ = std::thread([this] { Drain(); });
}

Subscribers::~Subscribers() {
  stop_ = true;
  thread_.join();
}

void Subscribers::Drain() {
  std::vector<pollfd> polled;
  for (const auto& connection : connections_) polled.push_back({connection->descriptor(), POLLIN, 0});
  std::vector<char> buffer(256 << 10);
  while (!stop_) {
    if (poll(polled.data(), polled.size(), 20) <= 0) continue;
    for (const pollfd& one : polled) {
      if (one.revents != 0 && recv(one.fd, buffer.data(), buffer.size(), MSG_DONTWAIT) == 0) return;
    }
  }
}

}  // namespace nearcache::bench
