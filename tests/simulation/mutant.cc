#include "tests/simulation/mutant.h"

namespace nearcache::simulation {

namespace {

struct Name {
  Mutant mutant;
  absl::string_view name;
};

constexpr Name kNames[] = {
    {Mutant::kNone, "none"},
    {Mutant::kNoToken, "no_token"},
    {Mutant::kNoGeneration, "no_generation"},
    {Mutant::kNoAckVoid, "no_ack_void"},
    {Mutant::kJoinAny, "join_any"},
    {Mutant::kJoinOld, "join_old"},
    {Mutant::kKeepOlder, "keep_older"},
    {Mutant::kSoftVoid, "soft_void"},
    {Mutant::kWriteBlind, "write_blind"},
    {Mutant::kEarlyFill, "early_fill"},
    {Mutant::kMessageUnnoted, "message_unnoted"},
    {Mutant::kReplyUnnoted, "reply_unnoted"},
    {Mutant::kGenerationAtReply, "generation_at_reply"},
    {Mutant::kGenerationAtAck, "generation_at_ack"},
    {Mutant::kWritesApart, "writes_apart"},
    {Mutant::kNoLease, "no_lease"},
    {Mutant::kNoChain, "no_chain"},
    {Mutant::kNoChecksum, "no_checksum"},
    {Mutant::kUnreadSkipped, "unread_skipped"},
    {Mutant::kVersionUnread, "version_unread"},
    {Mutant::kPingHeartbeat, "ping_heartbeat"},
    {Mutant::kNoPair, "no_pair"},
    {Mutant::kNotAtomic, "not_atomic"},
    {Mutant::kPublishFirst, "publish_first"},
    {Mutant::kEpochAlwaysFresh, "epoch_always_fresh"},
    {Mutant::kEpochTooEarly, "epoch_too_early"},
    {Mutant::kClearUnheard, "clear_unheard"},
    {Mutant::kCountHeartbeat, "count_heartbeat"},
    {Mutant::kOwnUnheard, "own_unheard"},
    {Mutant::kOpeningUnheard, "opening_unheard"},
    {Mutant::kReadingUnheard, "reading_unheard"},
    {Mutant::kPassedOver, "passed_over"},
    {Mutant::kClearOutOfOrder, "clear_out_of_order"},
    {Mutant::kLaneFirst, "lane_first"},
    {Mutant::kLossUntold, "loss_untold"},
    {Mutant::kAsOfReply, "as_of_reply"},
    {Mutant::kEpochZero, "epoch_zero"},
    {Mutant::kStaleWriter, "stale_writer"},
    {Mutant::kRetrySet, "retry_set"},
    {Mutant::kStrangersUnheard, "strangers_unheard"},
    {Mutant::kEchoTrusted, "echo_trusted"},
    {Mutant::kDoubtKept, "doubt_kept"},
    {Mutant::kOneFence, "one_fence"},
    {Mutant::kGroupListsFirst, "group_lists_first"},
    {Mutant::kGroupAborted, "group_aborted"},
    {Mutant::kGroupRetried, "group_retried"},
    {Mutant::kGroupStale, "group_stale"},
    {Mutant::kGroupNotAtomic, "group_not_atomic"},
    {Mutant::kAgeFromReply, "age_from_reply"},
    {Mutant::kFreshFromMemory, "fresh_from_memory"},
    {Mutant::kSyncAtOnce, "sync_at_once"},
    {Mutant::kNoClockLag, "no_clock_lag"},
};

}  // namespace

absl::string_view MutantName(Mutant mutant) {
  for (const Name& name : kNames) {
    if (name.mutant == mutant) return name.name;
  }
  return "?";
}

}  // namespace nearcache::simulation
