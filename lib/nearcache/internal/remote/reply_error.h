// What the server's error replies mean, as Status codes; the table of store.h in one place.

#ifndef NEARCACHE_INTERNAL_REMOTE_REPLY_ERROR_H_
#define NEARCACHE_INTERNAL_REMOTE_REPLY_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {

// The first word of an error reply: "WRONGTYPE", "NOSCRIPT", "ERR", ...
absl::string_view ReplyErrorCode(absl::string_view error_text);

// Maps the text of an error reply:
//
//   LOADING, BUSY, READONLY, NOREPLICAS, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, MISCONF, UNBLOCKED, MOVED, ASK  kUnavailable
//   OOM                              kResourceExhausted
//   WRONGTYPE                        kFailedPrecondition
//   NOPERM                           kPermissionDenied
//   NOAUTH, WRONGPASS                kUnauthenticated
//   EXECABORT                        kAborted; the reason is in the errors of the queued commands
//   anything else                    kInvalidArgument
//
// The message is the server's, cut to 200 bytes and made printable; servers name commands and keys there, never values
// or passwords.
absl::Status ReplyErrorToStatus(absl::string_view error_text);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_REPLY_ERROR_H_
