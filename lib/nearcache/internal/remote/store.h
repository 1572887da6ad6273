// The remote tier as the rest of the library sees it: opaque bytes under keys, changed together with an announcement,
// in one atomic step. Implementations: RedisStore (redis_store.h) over the engine, FakeStore (tests) in memory. One
// contract suite (tests/nearcache/internal/remote/store_contract.h) runs over both and is the real specification.
//
// Asynchronous. Every call returns at once and calls its completion exactly once, on the loop's thread, unless it was
// refused before it was queued: then too, but from inside the call. Completions must not block. A call never outlives
// its deadline by more than a timer tick, in every state, shutdown included.
//
// Outcomes of a change (contract sentence 4): a Status that is ok means applied or, for conditional ones, decided;
// not-ok with `unknown` false means certainly not executed; with `unknown` true it may take effect, once, at any later
// time. Nothing is retried here but invalidations, which are idempotent.
//
// Error codes of all completions:
//   kUnavailable         no connection, and none came within the deadline; the server refuses (LOADING, READONLY,
//                        NOREPLICAS, MASTERDOWN); or the breaker is open, which refuses at once, from inside the call,
//                        reads, Execute, and every change but those that invalidate (see Invalidates): they
//                        go whenever there is a connection within their deadline. So do ReadLane and EnsureEpoch, on
//                        which leases and epochs rest
//   kDeadlineExceeded    no reply in time
//   kResourceExhausted   too many or too large operations queued (Options::remote), or the server's memory is full
//   kFailedPrecondition  the key holds another Redis type (WRONGTYPE), and keeps it; kIncrement: or no integer. kSet
//                        and kDelete do not look at the type: they replace and remove whatever is there
//   kOutOfRange          kIncrement: the sum does not fit into 64 bits; the value is unchanged
//   kAborted             the frame carries another epoch than the server's, which ChangeResult::epoch gives; the
//                        namespace was cleared, or has none (empty: EnsureEpoch). Adopt it and try again. With
//                        `unknown` the frame was stored all the same, where it counts as absent: only if it is not
//                        tried again does the outcome stay unknown
//   kPermissionDenied    the server's ACL forbids the command, key or channel
//   kUnauthenticated     wrong user or password
//   kInvalidArgument     the request is impossible (named), or the server refused the command itself
//   kInternal            the server broke the protocol; the connection was replaced
//   kCancelled           the store was shut down

#ifndef NEARCACHE_INTERNAL_REMOTE_STORE_H_
#define NEARCACHE_INTERNAL_REMOTE_STORE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/metrics/histogram.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/remote_event.h"
#include "nearcache/value.h"

namespace nearcache::internal::remote {

// --- Reads

struct ReadRequest {
  absl::InlinedVector<std::string, 1> keys;
  // Also read the namespace's epoch, before the keys, in the same step. Needed while no lease says what it is.
  bool want_epoch = false;
  MonotonicNanos deadline = kNever;
};

struct Fetched {
  enum class State { kAbsent, kFound, kWrongType };
  State state = State::kAbsent;
  Value bytes;  // Set for kFound.
  // Remaining life on the server, read in the same pipeline as the bytes (M12); nullopt: no expiry. Zero: it ended
  // between the two, so the bytes may be delivered and must not be kept.
  absl::optional<absl::Duration> time_to_live;
};

struct ReadReply {
  std::vector<Fetched> values;  // One per key, in order.
  OperationId epoch;            // Set if it was wanted; empty if the server has none.
};

using ReadCallback = absl::AnyInvocable<void(absl::StatusOr<ReadReply>) &&>;

// --- Changes

enum class ChangeKind : uint8_t {
  kSet,        // Store `value` with `time_to_live`.
  kAdd,        // kSet, only if the key is logically absent.
  kReplace,    // kSet, only if the key is logically present.
  kDelete,     // Idempotent: may be sent again after a lost connection.
  kTouch,      // Set the remaining life to `time_to_live`, if present.
  kPersist,    // Remove the expiry, if present.
  kExpire,     // Mark the value as logically expired and keep its bytes, if present.
  kIncrement,  // Add `delta` to an integer frame, whose life stays as it is. Absent: begins at 0, if `create` is set.
  kClear,      // A new namespace epoch, `id`: every frame that carries another one counts as absent. O(1), no key.
  kForgetAll,  // Changes nothing; the announcement has every process forget what it holds in memory. No key.
};
inline constexpr int kChangeKindCount = static_cast<int>(ChangeKind::kForgetAll) + 1;

inline bool HasKey(ChangeKind kind) { return kind != ChangeKind::kClear && kind != ChangeKind::kForgetAll; }

// What must not be kept from the server while there is hope: others would go on serving what it takes away.
inline bool Invalidates(ChangeKind kind) {
  return kind == ChangeKind::kDelete || kind == ChangeKind::kExpire || !HasKey(kind);
}

// A key is *logically present* when it holds one of our frames whose epoch is the namespace's current one and whose
// state byte says live. The scripts look at these two fields only, at the fixed offsets of lib/FORMATS.md. The epoch
// that counts is the one on the server at that moment: while it has none, everything is absent.
//
// A change is announced if it is made, and only then; kDelete, kClear and kForgetAll always are. A change whose
// condition does not hold moves no lane.
struct ChangeRequest {
  ChangeKind kind = ChangeKind::kSet;
  std::string redis_key;  // The whole key in Redis; empty without HasKey.
  std::string key;        // The user's key, as the announcement names it.
  OperationId id;         // Also inside `value`'s frame.
  std::string value;      // The frame. kIncrement: an integer frame; its digits count for nothing.
  // Positive; rounded up to milliseconds. Nullopt or infinite: no expiry. Counts for kSet, kAdd, kReplace, kTouch, and
  // for kIncrement when it creates.
  absl::optional<absl::Duration> time_to_live;
  int64_t delta = 0;
  bool create = true;
  MonotonicNanos deadline = kNever;
};

struct ChangeResult {
  absl::Status status;
  bool unknown = false;  // Only when status is not ok.
  // kAdd, kReplace, kTouch, kPersist, kExpire, kIncrement: whether the condition held and the change was made.
  // kDelete: whether the key was logically present. kSet, kClear, kForgetAll: true.
  bool applied = false;
  int64_t integer = 0;  // kIncrement: the new number.
  OperationId epoch;    // With kAborted: the server's epoch; empty if it has none.
};

// Whether a change of this kind that ended so was announced, as far as the answer tells.
inline bool WasAnnounced(ChangeKind kind, const ChangeResult& result) {
  return result.status.ok() && (result.applied || kind == ChangeKind::kDelete);
}

using ChangeCallback = absl::AnyInvocable<void(ChangeResult) &&>;

// What one announcement says of one key.
struct Announced {
  ChangeKind kind = ChangeKind::kSet;
  OperationId id;
  absl::string_view key;  // The user's key; empty without HasKey.
};

// Makes the bytes of one message that announces several changes under one lane id (group commit). Given by the
// coherence layer, which alone knows the format; the script prepends the 16 bytes of the previous lane id, zeros if the
// lane had none. `lane_id` is often, but not always, the id of the only change: a group, or a delete that is sent
// again, moves the lane to an id of its own, because no two announcements may ever share one. Called on any thread.
using AnnouncementEncoder =
    absl::AnyInvocable<std::string(OperationId lane_id, absl::Span<const Announced> changes) const>;

// --- The invalidation channel and the lane register

// What one heartbeat on the data connection read (mechanism M5): UNLINK of a key that is never there, so that a server
// that may not be written refuses, then the namespace's epoch, then the lane register. One atomic step is not needed,
// but the order is: a Clear that comes between is told behind the epoch that was read, and not before it. Where the
// store follows foreign writers, a reading that is ok also means that OnKeysTouched was called for all that anybody had
// been told by the server before `sent_at`.
struct LaneReading {
  absl::Status status;         // Not ok: no renewal.
  OperationId lane;            // Empty if the register does not exist.
  OperationId epoch;           // Empty if it does not exist.
  MonotonicNanos sent_at = 0;  // Local time just before the command left.
  // Whether the failure says that this server must be left (READONLY, NOREPLICAS, not a primary).
  bool leave_server = false;
};
using LaneCallback = absl::AnyInvocable<void(LaneReading) &&>;

// Called on the loop's thread, in the order in which things happened.
class ChannelEvents {
 public:
  virtual ~ChannelEvents() = default;
  // The subscription was confirmed by the server that also serves the data connections (mechanism M8).
  virtual void OnSubscribed() = 0;
  // A message of the lane's channel, whole, as the script published it. Hostile bytes are possible.
  virtual void OnMessage(absl::string_view payload) = 0;
  // Only where the store follows foreign writers. The server says that these keys changed, expired or were evicted, and
  // not by whom: changes of this library are among them, each behind its message. Keys as the user names them; the
  // views live for the duration of the call. Of any number; hostile ones are possible.
  virtual void OnKeysTouched(absl::Span<const absl::string_view> /*keys*/) {}
  // The same: a database of the server was flushed, perhaps another one.
  virtual void OnServerFlushed() {}
  // Another server than before answers: a promoted replica, a restart. What was acknowledged last may be lost. Before
  // the OnSubscribed of its session, and before anything that was asked of it.
  virtual void OnServerChanged() {}
  // The channel or the whole session is gone; OnSubscribed follows when it is back.
  virtual void OnChannelDown(const absl::Status& cause) = 0;
  // The server acknowledged an announcement of this process: a change, or a group of changes, that moved the lane to
  // `lane_id`. Before the completions of its changes, and in no order with the message.
  virtual void OnAcknowledged(OperationId /*lane_id*/) {}
};

// Hears what happens to the connections. Called on the loop's thread; must not block, nor run a user's code.
class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  virtual void OnRemoteEvent(RemoteEvent event) = 0;
  // An operation ended; only if it was asked for.
  virtual void OnRemoteOperation(RemoteOperation operation) = 0;
};

// --- The store

struct StoreStats {
  uint64_t commands = 0;
  uint64_t failures = 0;
  uint64_t timeouts = 0;
  uint64_t rejected = 0;         // Refused by a limit before they were queued.
  uint64_t late_replies = 0;     // Came after their call had timed out, and were dropped.
  uint64_t protocol_errors = 0;  // The server broke the protocol; connection replaced.
  uint64_t connects = 0;
  uint64_t connect_failures = 0;
  uint64_t disconnects = 0;
  uint64_t health_failures = 0;  // Of the disconnects: no reply to the oldest command for health_timeout.
  uint64_t retries = 0;          // Operations that were sent again after a lost connection.
  uint64_t retries_refused = 0;  // And those that were not, for lack of budget.
  uint64_t retry_budget = 0;     // Gauge: retries that the budget would allow now.
  uint64_t session_changes = 0;  // Another server answered than before: everything dropped.
  uint64_t scripts_reloaded = 0;
  uint64_t foreign_unknown = 0;  // Names in the server's reports that are no keys of this namespace.
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t change_groups = 0;    // Groups of several changes, committed in one step.
  uint64_t grouped_changes = 0;  // Changes in them.
  uint64_t batches = 0;          // System calls that sent commands; commands / batches = pipelining.
  uint64_t direct_writes = 0;    // Operations that a lone caller sent itself.
  uint64_t breaker_opened = 0;
  uint64_t breaker_refused = 0;
  BreakerState breaker_state = BreakerState::kClosed;  // Gauge.
  uint64_t queued_operations = 0;                      // Gauge: queued or in flight.
  uint64_t queued_bytes = 0;                           // Gauge.
  uint64_t pooled_operations = 0;                      // Gauge: operations kept for use again, taken or not.
  bool connected = false;                              // Gauge: the data connection is ready.
  bool subscribed = false;                             // Gauge: the invalidation connection is subscribed.
};

// One server.
struct NodeStats {
  std::string address;
  bool connected = false;
  bool subscribed = false;
  std::string last_disconnect;  // Of a connection that had been ready: which one, and why. Empty: none was lost.
  BreakerState breaker_state = BreakerState::kClosed;
  uint64_t queued_operations = 0;
  uint64_t queued_bytes = 0;
  std::array<metrics::HistogramSnapshot, kCommandClasses> latencies;  // By CommandClass; see Engine::GetLatencies.
};

class Store {
 public:
  virtual ~Store() = default;

  // Before Start. `observer` outlives the store.
  virtual void SetObserver(StoreObserver* /*observer*/) {}

  // Starts connecting. `events` and `encoder` outlive the store.
  virtual absl::Status Start(ChannelEvents* events, const AnnouncementEncoder* encoder) = 0;

  virtual void Read(ReadRequest request, ReadCallback done) = 0;
  virtual void Change(ChangeRequest request, ChangeCallback done) = 0;

  // Remaining life of a key: kAbsent unless it is logically present, else kFound with the frame's header as its bytes.
  // ReadReply::epoch is set.
  virtual void ReadTimeToLive(std::string redis_key, MonotonicNanos deadline, ReadCallback done) = 0;

  // Any command on the data connection. Refuses those that would change the connection itself (SUBSCRIBE, SELECT,
  // MULTI, AUTH, HELLO, CLIENT REPLY, MONITOR, blocking ones; command_filter.h) with kInvalidArgument. An error reply
  // of the server is a reply.
  virtual void Execute(std::vector<std::string> argv, MonotonicNanos deadline,
                       absl::AnyInvocable<void(absl::StatusOr<Reply>) &&> done) = 0;

  virtual void ReadLane(MonotonicNanos deadline, LaneCallback done) = 0;

  // Stores `epoch` as the namespace's epoch if there is none, and gives the one that is there now. Likewise, and
  // without an announcement, as the lane's register: a chain that began at an empty register could not be told from
  // another one.
  virtual void EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                           absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) = 0;

  // Cuts the invalidation connection and subscribes anew. Reports OnChannelDown first.
  virtual void ResetChannel(const absl::Status& cause) = 0;
  // Drops every connection: replies in flight are lost (unknown), the server is looked for again.
  virtual void ResetSession(const absl::Status& cause) = 0;

  // Runs `task` on the loop's thread, at `when` or as soon as possible after it. Dropped at Shutdown.
  virtual void RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) = 0;

  // Fails all that is pending with kCancelled and stops the loop; no completion or event comes after it returned.
  // Idempotent. Must not be called on the loop's thread.
  virtual void Shutdown() = 0;

  // Ok, or what the breaker would refuse calls with at this moment. Any thread; a load or two when ok.
  virtual absl::Status BreakerStatus() const { return absl::OkStatus(); }

  // Whether a call would wait in vain at this moment: the data connection was lost, or could not be made, and is not
  // back; or the breaker would refuse. Not before the first attempt to connect has ended. Any thread; a load or two.
  virtual bool IsDown() const = 0;

  virtual StoreStats GetStats() const = 0;
  // One per server, with latencies by class of command. Some 50 us each.
  virtual std::vector<NodeStats> GetNodeStats() const { return {}; }
  // Ok when connected, subscribed and the breaker is closed, else why not and since when, in words, without secrets.
  virtual absl::Status LinkStatus() const = 0;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_STORE_H_
