// Which commands a user may send over the shared data connection (Store::Execute).
//
// Refused is what would change the connection for everybody else on it (SELECT, AUTH, HELLO, MULTI, SUBSCRIBE, MONITOR,
// CLIENT REPLY, SCRIPT DEBUG, ...) and what would make everybody else wait behind it (BLPOP, WAIT, XREAD BLOCK, ...).
// Everything else, known or not, is the server's to judge.

#ifndef NEARCACHE_INTERNAL_REMOTE_COMMAND_FILTER_H_
#define NEARCACHE_INTERNAL_REMOTE_COMMAND_FILTER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace nearcache::internal::remote {

// Ok, or kInvalidArgument naming the command and the reason; also for an empty `arguments`. Thread-safe.
absl::Status CheckUserCommand(absl::Span<const std::string> arguments);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_COMMAND_FILTER_H_
