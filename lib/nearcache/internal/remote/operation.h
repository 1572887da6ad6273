// One unit of work for the engine: the bytes of one or more commands that leave together, and what becomes of them.

#ifndef NEARCACHE_INTERNAL_REMOTE_OPERATION_H_
#define NEARCACHE_INTERNAL_REMOTE_OPERATION_H_

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/reply.h"

namespace nearcache::internal::remote {

// A set of reply types, for saying which ones a command can possibly answer with. An error is always possible.
class ReplyTypeSet {
 public:
  constexpr ReplyTypeSet() = default;
  template <typename... Types>
  static constexpr ReplyTypeSet Of(Types... types) {
    ReplyTypeSet set;
    set.bits_ = (0u | ... | Bit(types)) | Bit(Reply::Type::kError);
    return set;
  }
  static constexpr ReplyTypeSet Any() { return ReplyTypeSet(); }
  constexpr bool Contains(Reply::Type type) const { return (bits_ & Bit(type)) != 0; }

 private:
  static constexpr uint32_t Bit(Reply::Type type) { return 1u << static_cast<unsigned>(type); }
  uint32_t bits_ = ~0u;
};

// What an operation is for. Calls of users are judged by the breaker (breaker.h); the engine itself refuses none.
enum class CommandClass : uint8_t {
  kRead,
  kChange,
  kInvalidation,  // Deletes and their like, which the breaker lets through.
  kExecute,       // A user's own command.
  kControl,       // Heartbeats, probes, scripts: whatever keeps the house in order.
};
inline constexpr int kCommandClasses = 5;

constexpr absl::string_view CommandClassName(CommandClass command_class) {
  constexpr absl::string_view kNames[kCommandClasses] = {"read", "change", "invalidation", "execute", "control"};
  return kNames[static_cast<int>(command_class)];
}

struct OperationResult {
  // ok: `replies` holds one reply per command. Server errors (WRONGTYPE, NOSCRIPT, OOM, ...) are replies, not statuses:
  // see ServerErrorToStatus in server_error.h. Texts name the address and the operation's first command, never an
  // argument of it.
  //
  //   kUnavailable        no connection came within the deadline, or it broke under the operation; names the address
  //                       and the cause
  //   kDeadlineExceeded   queued on, or sent over, a live connection, and no reply in time
  //   kResourceExhausted  refused at once: a limit of EngineOptions, which is named, was reached
  //   kInvalidArgument    refused at once: no bytes, or a reply count that is not positive
  //   kInternal           the server broke the protocol, or broke a limit on replies, while this was outstanding
  //   kCancelled          the engine was shut down
  absl::Status status;

  // Only when status is not ok: bytes had left the process, so the commands may have been executed, or may yet be.
  // False means certainly not executed, now or later.
  bool unknown = false;

  absl::InlinedVector<Reply, 2> replies;

  // Time on the engine's clock just before the bytes were handed to the socket; 0 if they never were. A lower bound on
  // when the server executed them (mechanisms M4 and M5 need exactly this).
  MonotonicNanos sent_at = 0;
};

// Takes over what it is given.
using OperationCallback = absl::AnyInvocable<void(OperationResult&&) &&>;

struct Operation {
  // Encoded commands (command.h), whole; at least one. A MULTI ... EXEC or a pipeline that belongs together is one
  // operation, and nothing is ever sent between its commands.
  std::string bytes;

  // How many replies `bytes` will be answered with: one per command, +QUEUED included.
  int reply_count = 1;

  // What the replies may be, in order; shorter than reply_count: the rest may be anything. A reply of an impossible
  // type means that replies have shifted: the connection is closed and nobody gets a reply that is not his.
  absl::InlinedVector<ReplyTypeSet, 4> reply_types;

  // When `done` is called at the latest, give or take a timer tick (EngineOptions::timer_tick).
  MonotonicNanos deadline = kNever;

  CommandClass command_class = CommandClass::kControl;

  // How often the operation may be sent again, within its deadline, when a connection is lost under it. 0 unless doing
  // it twice is harmless: reads, and invalidations.
  int resends_max = 0;

  // Called exactly once: on the loop's thread, or from inside Submit if the operation was refused at once. Must not
  // block; may submit more. Never runs a user's code.
  OperationCallback done;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_OPERATION_H_
