#include "nearcache/stats.h"

#include "absl/strings/str_cat.h"

namespace nearcache {
namespace {

void AppendDuration(absl::string_view name, absl::Duration duration, std::string* text) {
  absl::StrAppend(text, name, " ", absl::FormatDuration(duration), "\n");
}

void AppendSummary(absl::string_view name, const DurationSummary& summary, std::string* text) {
  absl::StrAppend(text, name, "_count ", summary.count, "\n");
  AppendDuration(absl::StrCat(name, "_p50"), summary.p50, text);
  AppendDuration(absl::StrCat(name, "_p99"), summary.p99, text);
  AppendDuration(absl::StrCat(name, "_max"), summary.max, text);
}

void AppendNode(const std::string& prefix, const RemoteNodeStats& node, std::string* text) {
  absl::StrAppend(text, prefix, "_address ", node.address, "\n", prefix, "_connected ", node.connected, "\n", prefix,
                  "_subscribed ", node.subscribed, "\n", prefix, "_breaker_state ",
                  BreakerStateName(node.breaker_state), "\n", prefix, "_queued_operations ", node.queued_operations,
                  "\n", prefix, "_queued_bytes ", node.queued_bytes, "\n");
  if (!node.last_disconnect.empty()) absl::StrAppend(text, prefix, "_last_disconnect ", node.last_disconnect, "\n");
  AppendSummary(prefix + "_reads", node.reads, text);
  AppendSummary(prefix + "_changes", node.changes, text);
  AppendSummary(prefix + "_invalidations", node.invalidations, text);
  AppendSummary(prefix + "_executes", node.executes, text);
  AppendSummary(prefix + "_control", node.control, text);
}

struct Line {
  absl::string_view name;
  uint64_t CacheStats::* field;
};

#define NEARCACHE_LINE(field) {#field, &CacheStats::field}
constexpr Line kLines[] = {
    NEARCACHE_LINE(local_hits),
    NEARCACHE_LINE(local_misses),
    NEARCACHE_LINE(lease_misses),
    NEARCACHE_LINE(remote_hits),
    NEARCACHE_LINE(remote_misses),
    NEARCACHE_LINE(reads_joined),
    NEARCACHE_LINE(reads_failed),
    NEARCACHE_LINE(loads),
    NEARCACHE_LINE(loads_failed),
    NEARCACHE_LINE(fills_refused),
    NEARCACHE_LINE(writes),
    NEARCACHE_LINE(deletes),
    NEARCACHE_LINE(clears),
    NEARCACHE_LINE(changes_failed),
    NEARCACHE_LINE(changes_unknown),
    NEARCACHE_LINE(local_entries),
    NEARCACHE_LINE(local_bytes),
    NEARCACHE_LINE(local_capacity_bytes),
    NEARCACHE_LINE(insertions),
    NEARCACHE_LINE(evictions),
    NEARCACHE_LINE(expirations),
    NEARCACHE_LINE(invalidations),
    NEARCACHE_LINE(entries_too_large),
    NEARCACHE_LINE(removals_notified),
    NEARCACHE_LINE(removals_dropped),
    NEARCACHE_LINE(removals_queued),
    NEARCACHE_LINE(messages_received),
    NEARCACHE_LINE(messages_rejected),
    NEARCACHE_LINE(heartbeats),
    NEARCACHE_LINE(heartbeats_failed),
    NEARCACHE_LINE(generations),
    NEARCACHE_LINE(gaps_detected),
    NEARCACHE_LINE(channel_losses),
    NEARCACHE_LINE(heartbeat_timeouts),
    NEARCACHE_LINE(remote_resets),
    NEARCACHE_LINE(lanes_missing),
    NEARCACHE_LINE(lanes_regressed),
    NEARCACHE_LINE(epochs_changed),
    NEARCACHE_LINE(servers_left),
    NEARCACHE_LINE(remote_flushes),
    NEARCACHE_LINE(suspensions),
    NEARCACHE_LINE(suspect_entries),
    NEARCACHE_LINE(foreign_pushes),
    NEARCACHE_LINE(foreign_changes),
    NEARCACHE_LINE(foreign_echoes),
    NEARCACHE_LINE(foreign_unknown),
    NEARCACHE_LINE(foreign_overflows),
    NEARCACHE_LINE(replays),
    NEARCACHE_LINE(replayed_invalidations),
    NEARCACHE_LINE(replay_failures),
    NEARCACHE_LINE(replay_entries),
    NEARCACHE_LINE(replay_bytes),
    NEARCACHE_LINE(replay_dropped),
    NEARCACHE_LINE(coherence_events_dropped),
    NEARCACHE_LINE(audit_checks),
    NEARCACHE_LINE(audit_skipped),
    NEARCACHE_LINE(audit_inconclusive),
    NEARCACHE_LINE(audit_missing),
    NEARCACHE_LINE(audit_foreign),
    NEARCACHE_LINE(audit_stale),
    NEARCACHE_LINE(remote_commands),
    NEARCACHE_LINE(remote_failures),
    NEARCACHE_LINE(remote_timeouts),
    NEARCACHE_LINE(remote_rejected),
    NEARCACHE_LINE(remote_direct_writes),
    NEARCACHE_LINE(breaker_opened),
    NEARCACHE_LINE(breaker_refused),
    NEARCACHE_LINE(remote_events_dropped),
    NEARCACHE_LINE(protocol_errors),
    NEARCACHE_LINE(connects),
    NEARCACHE_LINE(connect_failures),
    NEARCACHE_LINE(disconnects),
    NEARCACHE_LINE(health_failures),
    NEARCACHE_LINE(retries),
    NEARCACHE_LINE(retries_refused),
    NEARCACHE_LINE(retry_budget),
    NEARCACHE_LINE(remote_batches),
    NEARCACHE_LINE(remote_bytes_sent),
    NEARCACHE_LINE(remote_bytes_received),
    NEARCACHE_LINE(remote_operations_dropped),
    NEARCACHE_LINE(change_groups),
    NEARCACHE_LINE(grouped_changes),
    NEARCACHE_LINE(queued_operations),
    NEARCACHE_LINE(queued_bytes),
    NEARCACHE_LINE(pooled_operations),
    NEARCACHE_LINE(calls_waiting),
    NEARCACHE_LINE(frames_corrupt),
    NEARCACHE_LINE(frames_foreign),
    NEARCACHE_LINE(frames_cleared),
};
#undef NEARCACHE_LINE

}  // namespace

std::string CacheStats::ToString() const {
  std::string text;
  for (const Line& line : kLines) absl::StrAppend(&text, line.name, " ", this->*line.field, "\n");
  absl::StrAppend(&text, "breaker_state ", BreakerStateName(breaker_state), "\n");
  AppendDuration("heartbeat_age", heartbeat_age, &text);
  AppendSummary("invalidation_lag", invalidation_lag, &text);
  AppendSummary("audit_staleness", audit_staleness, &text);
  AppendSummary("remote_latency", remote_latency, &text);
  for (size_t i = 0; i < nodes.size(); ++i) AppendNode(absl::StrCat("nodes_", i), nodes[i], &text);
  return text;
}

}  // namespace nearcache
