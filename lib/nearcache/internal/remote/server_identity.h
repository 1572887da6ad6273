// Who answers at the other end of one connection, as its handshake found out.
//
// Two connections belong to the same session (mechanism M8) exactly when their run ids are equal: a restarted server, a
// promoted replica or a proxy that chose another node has another one.

#ifndef NEARCACHE_INTERNAL_REMOTE_SERVER_IDENTITY_H_
#define NEARCACHE_INTERNAL_REMOTE_SERVER_IDENTITY_H_

#include <ostream>
#include <string>

namespace nearcache::internal::remote {

struct ServerIdentity {
  enum class Product { kRedis, kValkey };

  std::string run_id;   // 40 hexadecimal digits, new at each start of the server.
  std::string role;     // "master", "slave" or "sentinel", in the server's own words.
  std::string version;  // "8.0.6"; of Valkey its own version, not the Redis version it claims.
  Product product = Product::kRedis;
  int resp_version = 2;  // 2 or 3: what this connection speaks.

  bool SameServer(const ServerIdentity& other) const { return run_id == other.run_id; }

  friend std::ostream& operator<<(std::ostream& out, const ServerIdentity& identity) {
    return out << (identity.product == Product::kValkey ? "valkey " : "redis ") << identity.version << " ("
               << identity.role << ", RESP" << identity.resp_version << ", " << identity.run_id << ")";
  }
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_SERVER_IDENTITY_H_
