// What no cache can do better than, and the textbook's caches to compare with.
//
// All take the requests of a trace and count hits. `weights` are those of the keys, by number, in the unit of
// `capacity`: all 1 for a cache counted in entries. An entry heavier than the capacity is never kept.

#ifndef BENCH_HIT_RATIO_BOUNDS_H_
#define BENCH_HIT_RATIO_BOUNDS_H_

#include <cstdint>
#include <vector>

namespace nearcache::hit_ratio {

// Belady's MIN: of all entries, the one that is asked for again last goes (L. Belady, IBM Systems Journal 5(2), 1966);
// the new entry is one of them, so a key may be passed by. The most hits that any cache of `capacity` entries can have.
// O(requests · log requests).
uint64_t MinHits(const std::vector<uint32_t>& requests, uint32_t key_count, uint64_t capacity);

// The bound with weights, for which MIN is not the best and the best is NP-hard to find. Between two requests of a key
// a cache either keeps it, at a price of weight × requests in between, or misses; and no cache can pay more in total
// than capacity × requests. So the cheapest intervals are taken until that is spent. No cache has more hits; whether
// one has as many is unknown, since the budget holds on the whole only and not at each moment. (PFOO-L of D. Berger, N.
// Beckmann, M. Harchol-Balter: "Practical bounds on optimal caching with variable object sizes", SIGMETRICS 2018.)
// O(requests · log requests).
uint64_t IntervalBoundHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights,
                           uint64_t capacity);

// Least recently used, exactly. O(requests).
uint64_t LruHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights, uint64_t capacity);

// First in, first out: the floor. O(requests).
uint64_t FifoHits(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& weights, uint64_t capacity);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_BOUNDS_H_
