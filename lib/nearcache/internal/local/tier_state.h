// What all stripes of a tier share: its settings, leases, era, budget and counters, and the two rules that need them.

#ifndef NEARCACHE_INTERNAL_LOCAL_TIER_STATE_H_
#define NEARCACHE_INTERNAL_LOCAL_TIER_STATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/optimization.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/counter_block.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/budget.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/flight.h"
#include "nearcache/internal/local/idle_rule.h"
#include "nearcache/internal/local/lane_lease.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/local/small_share.h"

namespace nearcache::internal::local {

// One per number in LocalTierStats that is a sum; gauges of this kind are added to and subtracted from.
enum class Count {
  kHits,
  kMisses,
  kLeaseMisses,
  kFlightsJoined,
  kInsertions,
  kFillsRefused,
  kRemovals,  // The first of six, in the order of RemovalCause.
  kRemovalsEnd = kRemovals + 6,
  kEntriesTooLarge = kRemovalsEnd,
  kEntriesRefused,
  kFlights,
  kWrites,
  kEnd,
};

// Thread-safe.
struct TierState {
  explicit TierState(const LocalTierOptions& tier_options);

  // Whether `entry` may be served when the true time may be as late as `latest`.
  bool Servable(const Entry& entry, MonotonicNanos latest) const {
    return Servable(entry, latest, lanes[entry.lane].deadline());
  }

  // For readers without a lock: `lease` is what LeaseOf(key) was before the search.
  bool Servable(const Entry& entry, MonotonicNanos latest, MonotonicNanos lease) const {
    return entry.era == CurrentEra() && Deadline::IsBefore(latest, entry.deadline_steps) &&
           Covered(entry, latest, lease) && !IdleTooLong(entry, latest);
  }

  MonotonicNanos LeaseOf(const HashedKey& key) const {
    if (ABSL_PREDICT_TRUE(options.lane_of_key == nullptr)) return lanes[0].deadline();
    return lanes[static_cast<size_t>(options.lane_of_key(key.key))].deadline();
  }

  bool IdleTooLong(const Entry& entry, MonotonicNanos latest) const {
    return ABSL_PREDICT_FALSE(idle.on()) && idle.Ended(entry.use.stamp(), latest);
  }

  // A reader was served `entry`.
  void NoteHit(Entry* entry, MonotonicNanos latest) const {
    if (ABSL_PREDICT_FALSE(idle.on())) {
      entry->use.NoteHitAt(hits_max, idle.Stamp(latest));
    } else {
      entry->use.NoteHit(hits_max);
    }
  }

  // As Servable, with the reason.
  Presence PresenceOf(const Entry& entry, MonotonicNanos latest) const {
    if (entry.era != CurrentEra()) return Presence::kCleared;
    if (latest >= entry.expires_at()) return Presence::kExpired;
    return Covered(entry, latest) ? Presence::kServed : Presence::kNotCovered;
  }

  // Mechanism M4: covered by the lease of its lane, as nearly all are where there are leases, or fresh in itself.
  bool Covered(MonotonicNanos since, uint16_t lane, Generation generation, MonotonicNanos latest) const {
    return lanes[lane].Covers(generation, latest) || latest - since <= staleness_nanos;
  }

  bool Covered(const Entry& entry, MonotonicNanos latest) const {
    return Covered(entry, latest, lanes[entry.lane].deadline());
  }

  // The lease first: with a remote tier it covers nearly all, and without one there is no bound.
  bool Covered(const Entry& entry, MonotonicNanos latest, MonotonicNanos lease) const {
    return lanes[entry.lane].Covers(entry.generation, latest, lease) || staleness_nanos == kNever ||
           latest - entry.fetched_at() <= staleness_nanos;
  }

  // The latest true time, given what the coarse clock said. All rules are checked against this one: an entry may go a
  // few milliseconds early, never late.
  MonotonicNanos Latest(MonotonicNanos now) const { return now + coarse_lag_nanos; }

  Era CurrentEra() const { return era.load(std::memory_order_acquire); }

  // The circumstances of what begins now on `key`.
  Beginning Begin(const HashedKey& key, MonotonicNanos now) const;

  void Add(Count count, uint64_t by = 1) { counters.Add(count, by); }
  void Subtract(Count count) { counters.Add(count, ~uint64_t{0}); }
  void AddRemoval(RemovalCause cause) {
    counters.Add(static_cast<size_t>(Count::kRemovals) + static_cast<size_t>(cause));
  }

  const LocalTierOptions options;
  const int64_t coarse_lag_nanos;
  const int64_t staleness_nanos;  // kNever: no bound.
  const int64_t idle_nanos;       // kNever: no time-out.
  const IdleRule idle;
  const uint32_t hits_max;
  const std::unique_ptr<LaneLease[]> lanes;
  // Written by Clear alone.
  std::atomic<Era> era{1};

  // What the policies of the stripes have in common.
  SmallShare small_share;

  Budget budget;
  CounterBlock<static_cast<size_t>(Count::kEnd)> counters;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_TIER_STATE_H_
