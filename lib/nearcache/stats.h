// What a Cache counts, and how it says how it is.
//
// Counters only grow, from the moment the cache was opened; gauges are marked. Taking a snapshot stops nobody: the
// numbers of one snapshot are each exact, but not of one instant. README, section "What it counts", explains each line.

#ifndef NEARCACHE_STATS_H_
#define NEARCACHE_STATS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "nearcache/remote_event.h"

namespace nearcache {

// A distribution of durations, as far as a snapshot tells.
struct DurationSummary {
  uint64_t count = 0;
  absl::Duration p50;
  absl::Duration p99;
  absl::Duration max;
};

// One server of the remote tier. The latencies are those of its operations, from the moment at which the event loop had
// one to its reply, late ones included; several calls may share one operation.
struct RemoteNodeStats {
  std::string address;
  bool connected = false;
  bool subscribed = false;      // The invalidation connection.
  std::string last_disconnect;  // Which connection was lost last, and why, in words; empty: none was.
  BreakerState breaker_state = BreakerState::kClosed;
  uint64_t queued_operations = 0;
  uint64_t queued_bytes = 0;
  DurationSummary reads;
  DurationSummary changes;
  DurationSummary invalidations;  // Deletes and their like.
  DurationSummary executes;
  DurationSummary control;  // Heartbeats, probes.
};

struct CacheStats {
  // Reads.
  uint64_t local_hits = 0;     // Answered from memory.
  uint64_t local_misses = 0;   // Had to go on.
  uint64_t lease_misses = 0;   // Of those: memory had it, but could not vouch for its freshness any more.
  uint64_t remote_hits = 0;    // Answered by Redis.
  uint64_t remote_misses = 0;  // Neither tier had it.
  uint64_t reads_joined = 0;   // Waited for another caller's read of the same key.
  uint64_t reads_failed = 0;
  uint64_t loads = 0;  // Loaders run.
  uint64_t loads_failed = 0;
  uint64_t fills_refused = 0;  // Delivered but not kept in memory, because the key changed meanwhile.

  // Writes and invalidations of this process.
  uint64_t writes = 0;
  uint64_t deletes = 0;
  uint64_t clears = 0;
  uint64_t changes_failed = 0;   // Certainly not executed.
  uint64_t changes_unknown = 0;  // No answer: executed at most once, perhaps later.

  // The local tier.
  uint64_t local_entries = 0;         // Gauge.
  uint64_t local_bytes = 0;           // Gauge; never above local_capacity_bytes.
  uint64_t local_capacity_bytes = 0;  // Gauge.
  uint64_t insertions = 0;
  uint64_t evictions = 0;  // Removed to make room.
  uint64_t expirations = 0;
  uint64_t invalidations = 0;      // Entries removed because another process changed them.
  uint64_t entries_too_large = 0;  // Above LocalOptions::entry_bytes_max: passed through.
  uint64_t removals_notified = 0;  // Given to LocalOptions::removal_listener.
  uint64_t removals_dropped = 0;   // Not given to it: more than removal_queue_*_max waited.
  uint64_t removals_queued = 0;    // Gauge: wait for it.

  // Coherence.
  uint64_t messages_received = 0;
  uint64_t messages_rejected = 0;  // Damaged, malformed, or of an unknown version.
  uint64_t heartbeats = 0;
  uint64_t heartbeats_failed = 0;
  uint64_t generations = 0;         // Times that everything in memory was distrusted; the causes are the next four.
  uint64_t gaps_detected = 0;       // A message was missed while the connection lived.
  uint64_t channel_losses = 0;      // The invalidation connection was lost.
  uint64_t heartbeat_timeouts = 0;  // Nothing provably heard within the staleness bound.
  uint64_t remote_resets = 0;       // The server lost its memory of the namespace, or is another one.
  uint64_t lanes_missing = 0;       // Of the resets: the namespace's register was gone,
  uint64_t lanes_regressed = 0;     // or went back,
  uint64_t epochs_changed = 0;      // or the epoch changed without a Clear,
  uint64_t servers_left = 0;        // or the server refused writes.
  uint64_t remote_flushes = 0;      // or the server said that a database was flushed (foreign_writers).
  uint64_t suspensions = 0;         // Of the heartbeat time-outs: the machine slept.
  uint64_t suspect_entries = 0;     // Entries in memory each time that a generation ended.
  uint64_t foreign_pushes = 0;      // Reports of the server of keys that changed (CoherenceOptions::foreign_writers),
  uint64_t foreign_changes = 0;     // keys in them that nobody with this library had announced,
  uint64_t foreign_echoes = 0;      // keys in them that somebody had,
  uint64_t foreign_unknown = 0;     // names in them that are no keys of this cache,
  uint64_t foreign_overflows = 0;   // and those that named too many: all of memory was dropped.
  uint64_t replays = 0;             // Times that own invalidations were sent again (CoherenceOptions::replay_window),
  uint64_t replayed_invalidations = 0;    // how many were,
  uint64_t replay_failures = 0;           // and how many could not be.
  uint64_t replay_entries = 0;            // Gauge: own changes that would be looked at,
  uint64_t replay_bytes = 0;              // Gauge: and what remembering them takes.
  uint64_t replay_dropped = 0;            // Forgotten for lack of room.
  uint64_t coherence_events_dropped = 0;  // Not given to CoherenceOptions::on_event, which was too slow.
  absl::Duration heartbeat_age;      // Gauge: since this process last knew to have heard everything; infinite if never.
  DurationSummary invalidation_lag;  // From the moment a change was announced to its arrival here, for own changes.

  // The audit (AuditOptions).
  uint64_t audit_checks = 0;        // Entries that were compared with the remote tier.
  uint64_t audit_skipped = 0;       // Hits that were picked, and let go for lack of budget.
  uint64_t audit_inconclusive = 0;  // No answer, damaged bytes, or a server that went back.
  uint64_t audit_missing = 0;       // Memory served for longer than the bound what the server does not have any more.
  uint64_t audit_foreign = 0;       // The same for what a stranger overwrote.
  uint64_t audit_stale = 0;         // Broken promises: alarm on any.
  DurationSummary audit_staleness;  // Of those, as far as it was proven.

  // The remote tier.
  uint64_t remote_commands = 0;
  uint64_t remote_failures = 0;
  uint64_t remote_timeouts = 0;
  uint64_t remote_rejected = 0;                        // Refused by a limit of this process.
  uint64_t remote_direct_writes = 0;                   // Commands that a lone caller sent itself.
  uint64_t breaker_opened = 0;                         // Times that the circuit breaker opened.
  uint64_t breaker_refused = 0;                        // Calls that it refused.
  BreakerState breaker_state = BreakerState::kClosed;  // Gauge.
  uint64_t remote_events_dropped = 0;                  // Not given to RemoteOptions::on_event, which was too slow.
  uint64_t protocol_errors = 0;
  uint64_t connects = 0;
  uint64_t connect_failures = 0;
  uint64_t disconnects = 0;
  uint64_t health_failures = 0;  // Of the disconnects: the oldest command was unanswered for health_timeout.
  uint64_t retries = 0;          // Operations that were sent again after a lost connection.
  uint64_t retries_refused = 0;  // And those that were not, for lack of budget.
  uint64_t retry_budget = 0;     // Gauge: retries that the budget would allow now.
  uint64_t remote_batches = 0;   // System calls that sent commands; remote_commands per batch is the pipelining.
  uint64_t remote_bytes_sent = 0;
  uint64_t remote_bytes_received = 0;
  uint64_t remote_operations_dropped = 0;  // Not given to RemoteOptions::on_operation, which was too slow.
  uint64_t change_groups = 0;              // Writes and deletes that were ready together and committed in one step,
  uint64_t grouped_changes = 0;            // and how many there were in them.
  uint64_t queued_operations = 0;          // Gauge.
  uint64_t queued_bytes = 0;               // Gauge.
  uint64_t pooled_operations = 0;          // Gauge: memory for operations that is kept for use again.
  uint64_t calls_waiting = 0;              // Gauge: calls of this cache without an answer yet.
  DurationSummary remote_latency;          // Of reads, from the call to its answer.
  std::vector<RemoteNodeStats> nodes;      // One per server; empty without a remote tier.

  // Values that could not be used: each was a miss.
  uint64_t frames_corrupt = 0;  // Bad checksum, truncated, impossible sizes.
  uint64_t frames_foreign = 0;  // Not written by this library.
  uint64_t frames_cleared = 0;  // From before the last Clear.

  // One `name value` line per counter and gauge, for people and for tests.
  std::string ToString() const;
};

enum class HealthState {
  kHealthy,   // Both tiers work.
  kDegraded,  // Reads are answered, but memory cannot be trusted or the remote tier is slow or partly failing.
  kDown,      // The remote tier does not answer: reads are misses or errors, writes fail.
};

struct HealthReport {
  HealthState state = HealthState::kHealthy;
  // What is wrong, where and since when, in words; empty when healthy. Never contains a secret.
  std::string reason;
  // How long it has been in this state.
  absl::Duration since;
  // Round trip of the last heartbeat; infinite if there was none.
  absl::Duration round_trip;
};

}  // namespace nearcache

#endif  // NEARCACHE_STATS_H_
