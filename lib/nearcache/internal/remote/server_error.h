// Error replies of the server as Status.
//
// The first word of an error reply is its code. Redis 6 wraps an error that a script raised into a text of its own;
// newer servers append where in the script it happened. Both forms are understood.
//
//   kFailedPrecondition  WRONGTYPE: the key holds another Redis type
//   kResourceExhausted   OOM: maxmemory is reached and nothing may be evicted
//   kUnavailable         LOADING, BUSY, MISCONF, READONLY, NOREPLICAS, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, MOVED, ASK,
//                        too many clients: this server cannot do it, or not now
//   kPermissionDenied    NOPERM: the ACL forbids the command, key or channel; DENIED: protected mode
//   kUnauthenticated     NOAUTH, WRONGPASS, and what older servers say instead
//   kAborted             EXECABORT; the reason is in the errors of the queued commands
//   kInvalidArgument     everything else: the server refused the command itself
//
// Texts never contain values or secrets: some servers quote a command's arguments in the error, so what follows such a
// quotation is cut off, and so is everything beyond 200 bytes or that is not printable.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_REMOTE_SERVER_ERROR_H_
#define NEARCACHE_INTERNAL_REMOTE_SERVER_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {

// The code of an error reply, for example "WRONGTYPE"; "ERR" if it has none.
absl::string_view ServerErrorCode(absl::string_view text);

// `redis_key` is named in the message unless it is empty. Never ok.
absl::Status ServerErrorToStatus(absl::string_view text, absl::string_view redis_key = absl::string_view());

// Whether the error says that this server is not, or no longer, the one to write to: READONLY, NOREPLICAS, MASTERDOWN.
bool MeansLeaveServer(absl::string_view text);

// A key as error messages show it: not printable bytes escaped, cut after 128 bytes.
std::string PrintableKey(absl::string_view key);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_SERVER_ERROR_H_
