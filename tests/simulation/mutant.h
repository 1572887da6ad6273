// Deliberate weakenings of the protocol, one mechanism each, so that the simulation can show that it would notice.
// Each is named as the switch of the protocol's checked model that does the same, where there is one.

#ifndef TESTS_SIMULATION_MUTANT_H_
#define TESTS_SIMULATION_MUTANT_H_

#include "absl/strings/string_view.h"

namespace nearcache::simulation {

enum class Mutant {
  kNone,
  // In the local tier (reference_tier.h).
  kNoToken,       // NO_TOKEN: every reply is stored.
  kNoGeneration,  // NO_GEN: entries survive the end of their generation.
  kNoAckVoid,     // NO_ACKVOID: an acknowledged own write is no event.
  kJoinAny,       // JOIN_ANY: a flight may be joined although it is void.
  kJoinOld,       // JOIN_OLD: a flight may be joined however long it has been under way.
  kKeepOlder,     // KEEP_OLDER: a refused reply leaves a different entry in place.
  kSoftVoid,      // SOFT_VOID: only the last event counts.
  kWriteBlind,    // WT_BLIND: a write does not see reads that completed meanwhile.
  kEarlyFill,     // EARLY_FILL: fills count for the coming generation before its base is read.
  // In the channel and the server.
  kNoLease,        // NO_LEASE: a hit does not look at the clock.
  kNoChain,        // NO_CHAIN: nobody notices a missing message.
  kPingHeartbeat,  // PING_HB: a heartbeat shows only that the connection lives.
  kNoPair,         // NO_PAIR: the invalidation connection may stay with another server than the data connections.
  kNotAtomic,      // NO_ATOMIC: the value changes first, the announcement follows or is lost with its writer.
  kPublishFirst,   // PUB_FIRST: the announcement comes first, the value changes later.
  // In the conductor.
  kEpochAlwaysFresh,  // What was judged by an epoch under lease counts as if it had been judged by the server's.
  kEpochTooEarly,     // The epoch of a read is taken before LocalTier::BeginRead.
  kClearUnheard,      // An acknowledged own Clear is not told to the coordinator.
};

absl::string_view MutantName(Mutant mutant);

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_MUTANT_H_
