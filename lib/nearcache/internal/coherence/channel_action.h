// What the channel machine wants done: plain values, in the order in which they are to be
// performed.

#ifndef NEARCACHE_INTERNAL_COHERENCE_CHANNEL_ACTION_H_
#define NEARCACHE_INTERNAL_COHERENCE_CHANNEL_ACTION_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/message.h"

namespace nearcache::internal::coherence {

// Why a generation ended.
enum class CloseCause {
  kGap,               // A message was missed while the connection lived.
  kChannelLost,       // The invalidation connection, or the whole session, went away.
  kHeartbeatTimeout,  // A lane id that the server showed was not heard within the bound.
  kLaneMissing,       // The lane register is gone: FLUSHALL, DEL, an empty server.
  kLaneRegressed,     // The lane went back behind a change that this process knows of: the server lost history.
  kEpochChanged,      // The namespace's epoch changed or went without a Clear.
  kServerLeft,        // The server refuses writes, or is no primary any more.
  kSuspended,         // The machine slept: the clock of the lease stood still.
  kFlushed,           // The server said that a database was flushed.
};
inline constexpr size_t kCloseCauseCount = 9;
absl::string_view CloseCauseName(CloseCause cause);

enum class ReadPurpose {
  kBase,  // The point from which the chain is counted.
  kHeartbeat,
  kOnDemand,  // A heartbeat out of turn: somebody waits in Sync, or the epoch is in doubt.
};

// Store::ReadLane; its result goes to OnLaneRead with the ticket.
struct ReadLane {
  ReadPurpose purpose = ReadPurpose::kHeartbeat;
  uint64_t ticket = 0;
  MonotonicNanos deadline = kNever;
};
// Store::EnsureEpoch with a fresh id; its result goes to OnEpochEnsured with the ticket.
struct EnsureEpoch {
  uint64_t ticket = 0;
  MonotonicNanos deadline = kNever;
};
// LaneLease::Open, Renew, Close.
struct OpenGeneration {
  MonotonicNanos deadline = 0;
};
struct RenewLease {
  MonotonicNanos deadline = 0;
};
// While none is open, closing is the report of a loss that the base showed.
struct CloseGeneration {
  CloseCause cause = CloseCause::kGap;
};
// LocalTier::Invalidate for each. The changes belong to the message that was passed in.
struct ApplyInvalidations {
  absl::Span<const MessageChange> changes;
};
// What the server said of one key, without saying who did it.
struct Touch {
  absl::string_view key;
  OperationId
      echo_of;  // The operation that was announced for it just before; empty: a stranger's, or the server's own.
};
// For each LocalTier::Doubt, or LocalTier::Invalidate with an empty id. The keys belong to the event.
struct ApplyTouches {
  std::vector<Touch> touches;
};
// LocalTier::Invalidate with an empty id for each: what is in doubt must not be served any longer.
struct ForgetKeys {
  std::vector<std::string> keys;
};
// LocalTier::Clear: the namespace was cleared by operation `epoch`, here or elsewhere.
struct ApplyClear {
  OperationId epoch;
};
// LocalTier::Clear: nothing in memory can be trusted.
struct DropLocal {};
// Store::Change with kForgetAll and a fresh id; its result goes to OnLossAnnounced.
struct AnnounceLoss {
  uint64_t number = 0;
  MonotonicNanos deadline = kNever;
};
// Store::ResetChannel, Store::ResetSession.
struct ResetChannel {
  CloseCause cause = CloseCause::kGap;
};
struct ResetSession {
  CloseCause cause = CloseCause::kServerLeft;
};
// Call OnTick at `at`, or soon after. Replaces no earlier one; a tick that is not needed any more
// does no harm.
struct SetTimer {
  MonotonicNanos at = kNever;
};
// The Syncs with these numbers end: well, or because their deadline passed.
struct CompleteSync {
  std::vector<uint64_t> ids;
  bool ok = false;
};

using Action =
    std::variant<ReadLane, EnsureEpoch, OpenGeneration, RenewLease, CloseGeneration, ApplyInvalidations, ApplyTouches,
                 ForgetKeys, ApplyClear, DropLocal, AnnounceLoss, ResetChannel, ResetSession, SetTimer, CompleteSync>;
using Actions = absl::InlinedVector<Action, 4>;

bool operator==(const ReadLane& a, const ReadLane& b);
bool operator==(const EnsureEpoch& a, const EnsureEpoch& b);
bool operator==(const OpenGeneration& a, const OpenGeneration& b);
bool operator==(const RenewLease& a, const RenewLease& b);
bool operator==(const CloseGeneration& a, const CloseGeneration& b);
bool operator==(const ApplyInvalidations& a, const ApplyInvalidations& b);
bool operator==(const Touch& a, const Touch& b);
bool operator==(const ApplyTouches& a, const ApplyTouches& b);
bool operator==(const ForgetKeys& a, const ForgetKeys& b);
bool operator==(const ApplyClear& a, const ApplyClear& b);
bool operator==(const DropLocal& a, const DropLocal& b);
bool operator==(const AnnounceLoss& a, const AnnounceLoss& b);
bool operator==(const ResetChannel& a, const ResetChannel& b);
bool operator==(const ResetSession& a, const ResetSession& b);
bool operator==(const SetTimer& a, const SetTimer& b);
bool operator==(const CompleteSync& a, const CompleteSync& b);

std::ostream& operator<<(std::ostream& out, const Action& action);

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_CHANNEL_ACTION_H_
