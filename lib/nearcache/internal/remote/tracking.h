// CLIENT TRACKING in broadcast mode: how a server is asked to report every key of a prefix that changes, whoever
// changes it, and what it means when it will not. Pure.
//
//   CLIENT TRACKING ON [REDIRECT own id] BCAST PREFIX prefix
//
// RESP3: the reports are pushes on the connection that asked. RESP2: messages of the channel __redis__:invalidate on
// the connection that REDIRECT names, which may be the asking one. Either way asking and hearing live and die together:
// with a second connection the asker could be lost while the hearer lives on and hears nothing.
//
// Not NOLOOP: it leaves out what the asking connection itself changed, and ours changes nothing. In broadcast mode it
// also makes the server build a list of keys for each client, instead of one for all.

#ifndef NEARCACHE_INTERNAL_REMOTE_TRACKING_H_
#define NEARCACHE_INTERNAL_REMOTE_TRACKING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/server_identity.h"

namespace nearcache::internal::remote {

// Where a RESP2 connection hears the reports.
inline constexpr absl::string_view kInvalidateChannel = "__redis__:invalidate";

// The command, encoded. `redirect` is the connection's own id in RESP2, 0 in RESP3.
std::string TrackingCommand(absl::string_view prefix, int64_t redirect);

// Why the server will not report, from its answer to CLIENT ID, to the command above or to the subscription of
// kInvalidateChannel. Names the option and what to do.
//   kPermissionDenied  the ACL
//   kUnimplemented     it knows no CLIENT TRACKING: older than Redis 6, or a proxy
//   else               as ServerErrorToStatus
absl::Status TrackingRefusal(const Reply& answer, const ServerIdentity& server);

// Whether only a person can change it.
bool IsPermanentRefusal(const absl::Status& status);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_TRACKING_H_
