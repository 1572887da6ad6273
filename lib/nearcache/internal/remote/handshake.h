// What is said on a new connection before it may be used, and what the answers mean. Pure: bytes out, replies in.
//
// One write: HELLO 3 with AUTH and SETNAME (RESP2: AUTH, CLIENT SETNAME), SELECT, INFO server, INFO replication, PING.
// PING comes last because it alone is refused while a server loads its data. INFO tells run id, version and role on
// every connection, which is how a restart, a fail-over or a wandering proxy is noticed (mechanism M8).
//
// A server that does not know HELLO, or no RESP3, is asked again in RESP2 on the same connection.

#ifndef NEARCACHE_INTERNAL_REMOTE_HANDSHAKE_H_
#define NEARCACHE_INTERNAL_REMOTE_HANDSHAKE_H_

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/server_identity.h"

namespace nearcache::internal::remote {

struct HandshakeOptions {
  std::string address;  // How messages name the server.
  std::string user;
  std::string password;
  std::string client_name;
  int database = 0;
  bool require_primary = true;
};

struct HandshakeOutcome {
  enum class Kind {
    kAccepted,  // `identity` is set.
    kNoHello,   // RESP3 only: ask again in RESP2.
    kRefused,   // `status` says why, naming the address, never a secret.
  };
  Kind kind = Kind::kRefused;
  //   kUnauthenticated     wrong user or password, or one is needed
  //   kPermissionDenied    the user may not use INFO or SELECT, or the server protects itself
  //   kInvalidArgument     the database or the client name; the database's limit is named where the server tells it
  //   kFailedPrecondition  a Sentinel
  //   kUnavailable         a replica while require_primary is set; loading; too many clients
  //   kInternal            not a Redis server
  absl::Status status;
  // Whether only a person can mend it (a password, a right, a configuration), so that trying again soon is no use.
  bool permanent = false;
  ServerIdentity identity;
};

class Handshake {
 public:
  // REQUIRES: resp_version is 2 or 3.
  Handshake(const HandshakeOptions& options, int resp_version);

  // The commands, encoded, and how many replies they get.
  const std::string& bytes() const { return bytes_; }
  int reply_count() const { return static_cast<int>(steps_.size()); }

  // Judges the answers. Fewer than reply_count() are judged as far as they go, for a server that refused and hung up;
  // that is never kAccepted.
  HandshakeOutcome Judge(absl::Span<const Reply> replies) const;

 private:
  enum class Step { kHello, kAuth, kSetName, kDatabases, kSelect, kServer, kReplication, kPing };

  void AddHello();
  void AddAuth();
  void Add(Step step, std::initializer_list<absl::string_view> command);

  static Reply::Type ExpectedType(Step step);
  const Reply* Find(Step step, absl::Span<const Reply> replies) const;
  HandshakeOutcome JudgeError(Step step, const Reply& reply, absl::Span<const Reply> replies) const;
  absl::Status SelectStatus(const Reply& error, absl::Span<const Reply> replies) const;
  HandshakeOutcome JudgeIdentity(absl::Span<const Reply> replies) const;
  HandshakeOutcome Refuse(absl::Status status, bool permanent) const;

  const HandshakeOptions options_;
  const int resp_version_;
  std::string bytes_;
  std::vector<Step> steps_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_HANDSHAKE_H_
