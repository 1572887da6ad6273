#include "bench/processes/resp_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nearcache::bench {
namespace {

absl::Status Lost() { return absl::UnavailableError("the server did not answer"); }

void SetTimeout(int descriptor, absl::Duration timeout) {
  const timeval value = absl::ToTimeval(timeout);
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof(value));
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RespClient>> RespClient::Connect(const std::string& socket_path,
                                                                absl::Duration timeout) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("path too long for a unix socket: ", socket_path));
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "socket");
  auto client = absl::WrapUnique(new RespClient(descriptor));
  SetTimeout(descriptor, timeout);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(absl::StrCat("nobody listens on ", socket_path));
  }
  return client;
}

RespClient::~RespClient() { close(descriptor_); }

absl::StatusOr<std::string> RespClient::Command(const std::vector<absl::string_view>& arguments) {
  if (const absl::Status sent = Post(arguments); !sent.ok()) return sent;
  return ReceiveReply();
}

absl::Status RespClient::Post(const std::vector<absl::string_view>& arguments) {
  std::string request = absl::StrCat("*", arguments.size(), "\r\n");
  for (const absl::string_view argument : arguments) {
    absl::StrAppend(&request, "$", argument.size(), "\r\n", argument, "\r\n");
  }
  return Send(request);
}

absl::StatusOr<std::string> RespClient::ReceiveReply() {
  absl::StatusOr<std::string> line = ReceiveLine();
  if (!line.ok() || line->empty()) return line;
  const std::string text = line->substr(1);
  if ((*line)[0] == '+' || (*line)[0] == ':') return text;
  int64_t bytes = 0;
  if ((*line)[0] != '$' || !absl::SimpleAtoi(text, &bytes) || bytes < 0) return absl::InternalError(text);
  const size_t size = static_cast<size_t>(bytes);
  if (const absl::Status came = ReceiveAtLeast(size + 2); !came.ok()) return came;
  const std::string bulk = received_.substr(0, size);
  received_.erase(0, size + 2);
  return bulk;
}

absl::Status RespClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return Lost();
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status RespClient::ReceiveAtLeast(size_t bytes) {
  char buffer[4096];
  while (received_.size() < bytes) {
    const ssize_t count = recv(descriptor_, buffer, sizeof(buffer), 0);
    if (count <= 0) return Lost();
    received_.append(buffer, static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RespClient::ReceiveLine() {
  size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (const absl::Status more = ReceiveAtLeast(received_.size() + 1); !more.ok()) return more;
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

}  // namespace nearcache::bench
