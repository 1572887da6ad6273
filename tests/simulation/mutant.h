// Deliberate weakenings of the protocol, one mechanism each, so that the simulation can show that it would notice.
// Each is named as the switch of the protocol's checked model that does the same, where there is one.

#ifndef TESTS_SIMULATION_MUTANT_H_
#define TESTS_SIMULATION_MUTANT_H_

#include "absl/strings/string_view.h"

namespace nearcache::simulation {

enum class Mutant {
  kNone,
  // In the local tier (reference_tier.h).
  kNoToken,            // NO_TOKEN: every reply is stored.
  kNoGeneration,       // NO_GEN: entries survive the end of their generation.
  kNoAckVoid,          // NO_ACKVOID: an acknowledged own write is no event.
  kJoinAny,            // JOIN_ANY: a flight may be joined although it is void.
  kJoinOld,            // JOIN_OLD: a flight may be joined however long it has been under way.
  kKeepOlder,          // KEEP_OLDER: a refused reply leaves a different entry in place.
  kSoftVoid,           // SOFT_VOID: only the last event counts.
  kWriteBlind,         // WT_BLIND: a write does not see reads that completed meanwhile.
  kEarlyFill,          // EARLY_FILL: fills count for the coming generation before its base is read.
  kMessageUnnoted,     // A message is no event for the read of its key that is under way.
  kReplyUnnoted,       // Nor is the reply of another read.
  kGenerationAtReply,  // What was fetched counts for the generation in which it came, not for that of its question.
  kGenerationAtAck,    // The same of an own write and its acknowledgement.
  kWritesApart,        // The acknowledgement of an own write is no event for another that is under way.
  // In the channel and the server.
  kNoLease,          // NO_LEASE: a hit does not look at the clock.
  kNoChain,          // NO_CHAIN: nobody notices a missing message.
  kNoChecksum,       // The checksum of a message is not looked at.
  kUnreadSkipped,    // What cannot be read advances the chain all the same, as if it named no key (catalogue 62).
  kVersionUnread,    // The version of a message is not looked at.
  kPingHeartbeat,    // PING_HB: a heartbeat shows only that the connection lives.
  kNoPair,           // NO_PAIR: the invalidation connection may stay with another server than the data connections.
  kNotAtomic,        // NO_ATOMIC: the value changes first, the announcement follows or is lost with its writer.
  kPublishFirst,     // PUB_FIRST: the announcement comes first, the value changes later.
  kCountHeartbeat,   // COUNT_HB: heartbeats compare how many operations there were, not which was the last.
  kOwnUnheard,       // An acknowledged own change that the channel never brings is no event for the channel machine.
  kOpeningUnheard,   // Nor is what is announced in the moment in which a generation opens.
  kReadingUnheard,   // A reading whose lane id the channel has not brought counts for nothing.
  kPassedOver,       // What a generation hears before it hears of its base is forgotten.
  kClearOutOfOrder,  // Any Clear that the channel tells is taken for the last one, one that the base covers, too.
  kLaneFirst,        // A reading takes the lane id before the epoch.
  kLossUntold,       // Who sees that the server lost history keeps it to himself.
  kAsOfReply,        // A heartbeat proves what was executed until its answer came.
  kEpochZero,        // A lost epoch is made anew as the first one, not as one that never was.
  kStaleWriter,      // A set under another epoch than the namespace's is taken for good.
  kRetrySet,         // A set whose answer was lost is sent again.
  // Of strangers.
  kStrangersUnheard,  // The server's reports of keys are not looked at.
  kEchoTrusted,       // A report behind an announcement of the key is taken for its echo, and for nothing more.
  kDoubtKept,         // What is in doubt is not removed any more, by no Sync either.
  kOneFence,          // A reading counts when the channel has answered one PING.
  // Of groups.
  kGroupListsFirst,  // The announcement of a group names its first key only.
  kGroupAborted,     // A group that was refused as a whole counts as made.
  kGroupRetried,     // A group whose answer was lost is sent again, sets and all.
  kGroupStale,       // What the lane script says of the epoch is not looked at.
  kGroupNotAtomic,   // The commands of a group run when they come: the announcement first.
  // In the conductor.
  kEpochAlwaysFresh,  // What was judged by an epoch under lease counts as if it had been judged by the server's.
  kEpochTooEarly,     // The epoch of a read is taken before LocalTier::BeginRead.
  kClearUnheard,      // An acknowledged own Clear is not told to the coordinator.
  kAgeFromReply,      // A value is as young as its reply.
  kFreshFromMemory,   // A fresh read is answered by memory.
  kSyncAtOnce,        // Sync does not wait.
  kNoClockLag,        // The clock that guards a hit lags, and nobody allows for it.
  kEnd,               // None: the end of the list.
};

absl::string_view MutantName(Mutant mutant);

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_MUTANT_H_
