#include "nearcache/internal/local/tier_state.h"

#include "nearcache/internal/local/eviction_policy.h"

namespace nearcache::internal::local {

TierState::TierState(const LocalTierOptions& tier_options)
    : options(tier_options),
      coarse_lag_nanos(tier_options.clock->CoarseLagNanos()),
      staleness_nanos(AddDuration(0, tier_options.staleness_bound)),
      idle_nanos(AddDuration(0, tier_options.idle_timeout)),
      idle(idle_nanos),
      hits_max(EvictionPolicy::HitsMax(tier_options.policy)),
      lanes(new LaneLease[static_cast<size_t>(tier_options.lane_count)]),
      small_share(tier_options.capacity_bytes),
      budget(tier_options.capacity_bytes) {}

Beginning TierState::Begin(const HashedKey& key, MonotonicNanos now) const {
  Beginning beginning;
  beginning.at = now;
  if (options.lane_of_key != nullptr) {
    beginning.lane = static_cast<uint16_t>(options.lane_of_key(key.key));
  }
  beginning.generation = lanes[beginning.lane].FillGeneration();
  beginning.era = CurrentEra();
  return beginning;
}

}  // namespace nearcache::internal::local
