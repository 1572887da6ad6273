// A key and its hash, computed once per operation and handed down.
//
// The hash is XXH3-64 with a seed that is drawn per Cache, so that nobody who chooses keys can aim at one stripe or one
// bucket. High bits choose the stripe, low bits the bucket.

#ifndef NEARCACHE_INTERNAL_BASE_HASHED_KEY_H_
#define NEARCACHE_INTERNAL_BASE_HASHED_KEY_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace nearcache::internal {

struct HashedKey {
  absl::string_view key;
  uint64_t hash = 0;
};

// XXH3-64 of `key` under `seed`. About 8 ns for a key of 30 bytes.
uint64_t HashBytes(absl::string_view key, uint64_t seed);

inline HashedKey HashKey(absl::string_view key, uint64_t seed) { return {key, HashBytes(key, seed)}; }

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_HASHED_KEY_H_
