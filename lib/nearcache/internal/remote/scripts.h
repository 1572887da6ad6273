// The Lua scripts that change keys on the server: each moves the lane, announces and changes one key in one atomic step
// (mechanism M1 of the protocol in lib/DESIGN.md).
//
// Every script keeps the same order, so that an error in the middle leaves nothing worse than an announcement of
// something that did not happen:
//
//   1. conditions    reads only: the type of the key, the namespace's epoch, whether the key is logically present.
//                    A condition that does not hold ends the script here: no lane moved, nothing published.
//   2. lane          SET lane id GET. A lane that is missing, of another length or of another type gives 16 zero
//                    bytes as the previous id, which every subscriber takes for a gap.
//   3. announcement  PUBLISH channel (previous id || message). If the ACL refuses it the key is untouched.
//   4. the key       last, by commands that can no longer be refused.
//
// Any error reply therefore means that the key was not changed.
//
// A server that is out of memory (maxmemory with noeviction) refuses the first command that could need more, here the
// lane's SET, unless a write that frees memory went before it in the same script. Scripts that take values away or
// announce that they ended (delete, expire, touch, persist, clear, forget all) therefore begin with UNLINK of a key
// that never exists; scripts that store values do not, and are refused whole. This works on every version, unlike the
// flag allow-oom of Redis 7.
//
//   KEYS     lane, epoch, data key, missing key; where there is no data key (kClear, kForgetAll, the probe) the missing
//            key takes its place
//   ARGV     lane id, channel, message, then what the kind needs: frame and milliseconds (empty: no expiry); for
//            kIncrement frame, milliseconds, delta and "1" to create; for kTouch milliseconds; for kClear the new epoch
//   Replies  {0} not applied; {1} applied; {1, x} with the new digits (kIncrement), or with 1 or 0 for whether the key
//            was present (kDelete); {2, epoch} refused because of the epoch; {3} not an integer; {4} out of range

#ifndef NEARCACHE_INTERNAL_REMOTE_SCRIPTS_H_
#define NEARCACHE_INTERNAL_REMOTE_SCRIPTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::remote {

// First element of every change script's reply.
enum class ScriptReply : int64_t {
  kNotApplied = 0,
  kApplied = 1,
  kOtherEpoch = 2,
  kNotAnInteger = 3,
  kOutOfRange = 4,
};

struct Script {
  absl::string_view name;  // For errors and traces.
  std::string text;
  std::string digest;  // SHA-1 of the text as 40 hexadecimal digits, the argument of EVALSHA.
};

// The script of one kind of change. Lives for ever. Thread-safe.
const Script& ChangeScript(ChangeKind kind);

// The lane's part of a group (change_group.h), for EVAL inside of a transaction. KEYS: lane, epoch. ARGV: lane id,
// channel, message. Replies with the namespace's epoch, nil if there is none; an error if the lane or the announcement
// failed. Short, because the server hashes the text each time.
const Script& LaneScript();

// KEYS: epoch, lane, missing key. ARGV: id. Stores the id in each of the two registers unless there is a whole one;
// returns the epoch that is there now.
const Script& EnsureEpochScript();

// KEYS: lane, epoch, missing key, and perhaps a key that nobody uses. ARGV: unused, channel, payload. Publishes the
// payload and moves nothing: shows that this user may run scripts and publish on this channel of this server. The key
// that nobody uses is set and removed: a server that tracks it reports that behind the message.
const Script& ProbeScript();

// Names in Redis that belong to one namespace.
struct ScriptNames {
  std::string lane_key;
  std::string epoch_key;
  std::string missing_key;
  std::string channel;
};

// The arguments of EVALSHA or EVAL behind the digest or text: number of keys, keys, arguments. `message` is the
// announcement. Moves the frame out of `request`.
//
// `lane_id` must be new at each attempt. If an operation were announced twice under one lane id, a subscriber that
// heard the first announcement would take the lane for fully heard although it missed everything up to the second.
//
// REQUIRES: ValidateChange(request).ok()
std::vector<std::string> ScriptArguments(const ScriptNames& names, ChangeRequest&& request, OperationId lane_id,
                                         std::string message);

// kInvalidArgument if no script could carry the request out: a life that is not positive, kTouch without one, a frame
// shorter than its header, an empty key. Names the key and the field.
absl::Status ValidateChange(const ChangeRequest& request);

// Milliseconds for PX and PEXPIRE: rounded up, at least 1, at most a hundred years; empty for no expiry and for an
// infinite one.
std::string TimeToLiveArgument(const absl::optional<absl::Duration>& time_to_live);

// A reply of a change script as a result. `redis_key` names the key in errors. An error reply or one of an unknown
// shape never means that the change was made, but the latter may have been: unknown.
ChangeResult ParseScriptReply(ChangeKind kind, absl::string_view redis_key, const Reply& reply);

// kAborted: the frame for `redis_key` carries another epoch than the namespace's, which is `epoch`. `unknown` is false.
ChangeResult OtherEpochResult(absl::string_view redis_key, OperationId epoch);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_SCRIPTS_H_
