// Where a server listens: a host and port, or a unix socket.
//
// Plain values; copy them freely.

#ifndef NEARCACHE_INTERNAL_REMOTE_ADDRESS_H_
#define NEARCACHE_INTERNAL_REMOTE_ADDRESS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace nearcache::internal::remote {

struct Address {
  enum class Kind { kTcp, kUnix };

  // `host`: a name, an IPv4 address, or an IPv6 address without brackets.
  static Address Tcp(std::string host, uint16_t port);
  // `path`: of the socket file; at most kUnixPathBytesMax bytes.
  static Address Unix(std::string path);

  // sizeof(sockaddr_un::sun_path) without the final zero.
  static constexpr size_t kUnixPathBytesMax = 107;

  // kInvalidArgument with the part that is missing or too long.
  absl::Status Validate() const;

  // "host:port", "[ipv6]:port" or "unix:path"; how every error names the server.
  std::string ToString() const;

  Kind kind = Kind::kTcp;
  std::string host;   // kTcp.
  uint16_t port = 0;  // kTcp.
  std::string path;   // kUnix.

  friend bool operator==(const Address& a, const Address& b) {
    return a.kind == b.kind && a.host == b.host && a.port == b.port && a.path == b.path;
  }
  friend bool operator!=(const Address& a, const Address& b) { return !(a == b); }
  friend std::ostream& operator<<(std::ostream& out, const Address& address) { return out << address.ToString(); }
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_ADDRESS_H_
