#include "nearcache/internal/conductor/snapshot.h"

#include "nearcache/internal/conductor/histogram_summary.h"

namespace nearcache::internal::conductor {
namespace {

void AddConductor(const Counters& counters, CacheStats* stats) {
  stats->local_misses = counters.local_misses.Sum();
  stats->remote_hits = counters.remote_hits.Sum();
  stats->remote_misses = counters.remote_misses.Sum();
  stats->reads_failed = counters.reads_failed.Sum();
  stats->loads = counters.loads.Sum();
  stats->loads_failed = counters.loads_failed.Sum();
  stats->writes = counters.writes.Sum();
  stats->deletes = counters.deletes.Sum();
  stats->clears = counters.clears.Sum();
  stats->changes_failed = counters.changes_failed.Sum();
  stats->changes_unknown = counters.changes_unknown.Sum();
  stats->frames_corrupt = counters.frames.Corrupt();
  stats->frames_foreign = counters.frames.Foreign();
  stats->frames_cleared = counters.frames.Cleared();
}

void AddLocalTier(const local::LocalTierStats& tier, CacheStats* stats) {
  stats->local_hits = tier.hits;
  stats->lease_misses = tier.lease_misses;
  stats->reads_joined = tier.flights_joined;
  stats->fills_refused = tier.fills_refused;
  stats->local_entries = tier.entries;
  stats->local_bytes = tier.bytes;
  stats->local_capacity_bytes = tier.capacity_bytes;
  stats->insertions = tier.insertions;
  stats->evictions = tier.removals_capacity;
  stats->expirations = tier.removals_expired;
  stats->invalidations = tier.removals_invalidated;
  stats->entries_too_large = tier.entries_too_large;
}

}  // namespace

CacheStats TakeSnapshot(const Counters& counters, const local::LocalTier& tier, bool local_is_on) {
  CacheStats stats;
  AddConductor(counters, &stats);
  AddLocalTier(tier.GetStats(), &stats);
  stats.remote_latency = Summarise(counters.remote_latency.Snapshot());
  if (!local_is_on) {
    // The tier that orders reads and writes keeps nothing, and its bookkeeping is nobody's concern.
    stats.local_bytes = 0;
    stats.local_capacity_bytes = 0;
    stats.entries_too_large = 0;
  }
  return stats;
}

}  // namespace nearcache::internal::conductor
