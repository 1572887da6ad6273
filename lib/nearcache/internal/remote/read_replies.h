// The pipelines that read, and what their replies mean. Each is one operation of the engine: its commands travel and
// run together, though not as one atomic step.
//
//   Read              [GET epoch] then GET key, PTTL key for each key (mechanism M12: no other machine's clock)
//   ReadTimeToLive    GET epoch, GETRANGE key 0 63, PTTL key
//   ReadLane          UNLINK missing, GET epoch, GET lane (mechanism M5): the first is there to be refused where
//                     writes are
//
// A key of another Redis type is an answer (kWrongType), except for an epoch, which then counts as missing; any other
// error reply fails the whole call. Thread-safe.

#ifndef NEARCACHE_INTERNAL_REMOTE_READ_REPLIES_H_
#define NEARCACHE_INTERNAL_REMOTE_READ_REPLIES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::remote {

// Bytes, reply count and reply types are set; the rest is the caller's.
Operation ReadOperation(const ReadRequest& request, absl::string_view epoch_key);
Operation TimeToLiveOperation(absl::string_view redis_key, absl::string_view epoch_key);
Operation LaneOperation(const ScriptNames& names);

absl::StatusOr<ReadReply> ParseRead(const ReadRequest& request, OperationResult&& result);
absl::StatusOr<ReadReply> ParseTimeToLive(absl::string_view redis_key, OperationResult&& result);

// kFailedPrecondition if the lane key holds another type: whoever gets it may unlink the key (a missing lane is a gap).
LaneReading ParseLane(const ScriptNames& names, const OperationResult& result);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_READ_REPLIES_H_
