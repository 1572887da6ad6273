#include "tests/simulation/mutant.h"

namespace nearcache::simulation {

absl::string_view MutantName(Mutant mutant) {
  switch (mutant) {
    case Mutant::kNone:
      return "none";
    case Mutant::kNoToken:
      return "no_token";
    case Mutant::kNoGeneration:
      return "no_generation";
    case Mutant::kNoAckVoid:
      return "no_ack_void";
    case Mutant::kJoinAny:
      return "join_any";
    case Mutant::kJoinOld:
      return "join_old";
    case Mutant::kKeepOlder:
      return "keep_older";
    case Mutant::kSoftVoid:
      return "soft_void";
    case Mutant::kWriteBlind:
      return "write_blind";
    case Mutant::kEarlyFill:
      return "early_fill";
    case Mutant::kNoLease:
      return "no_lease";
    case Mutant::kNoChain:
      return "no_chain";
    case Mutant::kPingHeartbeat:
      return "ping_heartbeat";
    case Mutant::kNoPair:
      return "no_pair";
    case Mutant::kNotAtomic:
      return "not_atomic";
    case Mutant::kPublishFirst:
      return "publish_first";
    case Mutant::kEpochAlwaysFresh:
      return "epoch_always_fresh";
    case Mutant::kEpochTooEarly:
      return "epoch_too_early";
    case Mutant::kClearUnheard:
      return "clear_unheard";
  }
  return "?";
}

}  // namespace nearcache::simulation
