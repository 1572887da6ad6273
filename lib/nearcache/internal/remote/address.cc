#include "nearcache/internal/remote/address.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {
namespace {

// The longest name that DNS allows.
constexpr size_t kHostBytesMax = 253;

absl::Status ValidateTcp(const Address& address) {
  if (address.host.empty()) return absl::InvalidArgumentError("address: the host is empty");
  if (address.host.size() > kHostBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("address: the host has ", address.host.size(), " bytes, the limit is ", kHostBytesMax));
  }
  if (address.host.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("address: the host holds a zero byte");
  }
  if (address.port == 0) return absl::InvalidArgumentError("address: the port is 0");
  return absl::OkStatus();
}

absl::Status ValidateUnix(const Address& address) {
  if (address.path.empty()) return absl::InvalidArgumentError("address: the path is empty");
  if (address.path.size() > Address::kUnixPathBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("address: the path of the unix socket has ", address.path.size(),
                                                   " bytes, the limit is ", Address::kUnixPathBytesMax));
  }
  if (address.path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("address: the path holds a zero byte");
  }
  return absl::OkStatus();
}

}  // namespace

Address Address::Tcp(std::string host, uint16_t port) {
  Address address;
  address.kind = Kind::kTcp;
  address.host = std::move(host);
  address.port = port;
  return address;
}

Address Address::Unix(std::string path) {
  Address address;
  address.kind = Kind::kUnix;
  address.path = std::move(path);
  return address;
}

absl::Status Address::Validate() const { return kind == Kind::kTcp ? ValidateTcp(*this) : ValidateUnix(*this); }

std::string Address::ToString() const {
  if (kind == Kind::kUnix) return absl::StrCat("unix:", path);
  const bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

}  // namespace nearcache::internal::remote
