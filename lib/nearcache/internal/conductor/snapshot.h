// The statistics of a cache at one moment.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_SNAPSHOT_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_SNAPSHOT_H_

#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/stats.h"

namespace nearcache::internal::conductor {

// What the conductor and the local tier count; `local_is_on`: the local tier keeps entries.
// Ways::AddStats adds the rest.
CacheStats TakeSnapshot(const Counters& counters, const local::LocalTier& tier, bool local_is_on);

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_SNAPSHOT_H_
