// Runs a trace through the local tier of the library, as a cache without a remote tier does it: a read, and a store if
// that missed.

#ifndef BENCH_HIT_RATIO_TIER_RUN_H_
#define BENCH_HIT_RATIO_TIER_RUN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/hit_ratio/trace.h"
#include "nearcache/internal/local/local_tier.h"

namespace nearcache::hit_ratio {

struct TierSetting {
  internal::local::PolicyKind policy = internal::local::PolicyKind::kLru;
  int stripe_count = 1;  // A power of two.
  // Of the hash. The same seed gives nearly the same hits: what an entry costs depends a little on what the allocator
  // did before, too.
  uint64_t seed = 1;
};

struct TierRun {
  uint64_t hits = 0;
  // In memory, on average over the second half of the requests.
  double mean_entries = 0;
  // The most that the tier accounted for at any of a thousand moments.
  uint64_t bytes_max = 0;
};

// `sizes`: bytes of key and value, by number.
TierRun RunTier(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& sizes, size_t capacity_bytes,
                const TierSetting& setting);

// The bytes that the tier counts for one entry besides key and value, on average, when all keys are in it: header,
// rounding, share of the table.
uint32_t OverheadPerEntry(const std::vector<uint32_t>& sizes, const TierSetting& setting);

// The budget with which the tier holds `entries` entries of `size` bytes while a long row of keys, each asked for once,
// passes through: what its policy needs for itself is in it.
size_t CapacityForEntries(uint32_t entries, uint32_t size, const TierSetting& setting);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_TIER_RUN_H_
