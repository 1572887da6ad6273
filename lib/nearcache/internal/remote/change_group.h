// Group commit: the sets and deletes that are ready in one turn of the event loop, announced once and committed in one
// atomic step (mechanism M1), each with an outcome of its own. Pure functions: which changes leave together, as which
// bytes, and what the server's answer means for each of them.
//
//   MULTI
//   EVAL lane-script   moves the lane to an id of the group's own, publishes one message that lists all keys, and
//                      returns the namespace's epoch
//   PSETEX key milliseconds frame               one per set, or SET key frame if its life has no end
//   GETRANGE key 0 23, UNLINK key               one pair per delete
//   EXEC
//
// The lane script cannot keep the commands behind it from running, because a transaction goes on after an error. So a
// set whose frame carries another epoch than the namespace's *is* stored, and counts as absent for everybody at once:
// as if its key had been deleted, with notice. Its writer learns the epoch from the script's reply and sends it again
// (kAborted with `unknown`, see store.h). lib/DESIGN.md tells why nothing more is needed.
//
// What can go wrong inside of a group, and what follows:
//
//   EXECABORT: one command was refused (READONLY, out of memory, a key that the ACL forbids)
//                                            nothing ran: each change again, alone, by its own script
//   connection lost before EXEC's reply      all or nothing ran: sets are unknown, deletes are sent again
//   the lane script failed (the ACL lacks the channel), MULTI refused
//                                            the changes may have been made without notice: each key is deleted by its
//                                            own script, which gives notice; sets are then unknown
//   another epoch                            see above
//
// EVAL with the text, never EVALSHA: an unknown script would not keep the sets from running unannounced.

#ifndef NEARCACHE_INTERNAL_REMOTE_CHANGE_GROUP_H_
#define NEARCACHE_INTERNAL_REMOTE_CHANGE_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::remote {

struct PendingChange {
  ChangeRequest request;
  ChangeCallback done;
};
using ChangeGroup = std::vector<PendingChange>;

struct GroupLimits {
  size_t changes_max = 256;
  size_t key_bytes_max = size_t{16} << 10;  // Keys of one announcement together.
  // Commands of one group together. While it runs the server serves nobody else.
  size_t command_bytes_max = size_t{1} << 20;
  // A group ends at one time, the latest of its deadlines; this is how far apart they may lie.
  int64_t deadline_spread_nanos = 5'000'000;
};

// Distributes `changes`, in the order in which they came, over groups that are to leave in the order of the result. A
// group of one is sent alone, by its own script. A key occurs at most once in a group; changes of one key, and all
// changes around a clear, keep their order. Conditional changes and clears are always alone. Cost: O(changes).
std::vector<ChangeGroup> PlanGroups(std::vector<PendingChange> changes, const GroupLimits& limits);

// What the announcement of `group` lists. Points into `group`.
std::vector<Announced> GroupAnnouncement(absl::Span<const PendingChange> group);

// The group as one operation, without `done`. `message` is the announcement.
Operation GroupOperation(const ScriptNames& names, absl::Span<const PendingChange> group, OperationId lane_id,
                         absl::string_view message);

// What is to be done about one change of a group that was answered.
struct GroupVerdict {
  enum class Next {
    kDone,      // `result` is the outcome.
    kAlone,     // Certainly not executed: by its own script.
    kAgain,     // A delete that may have been executed: by its own script, under a new lane id.
    kTakeAway,  // Perhaps made without notice: delete the key; then `result` is the outcome, unknown.
  };
  Next next = Next::kDone;
  ChangeResult result;
};

// One verdict for each change of `group`, in order.
std::vector<GroupVerdict> JudgeGroup(absl::Span<const PendingChange> group, OperationResult&& result);

// Whether the server acknowledged the announcement, whatever became of the changes.
bool GroupWasAnnounced(const OperationResult& result);

// Whether the server does not let this user begin transactions: no groups until it does.
bool TransactionRefused(const OperationResult& result);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_CHANGE_GROUP_H_
