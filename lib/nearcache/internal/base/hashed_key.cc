#include "nearcache/internal/base/hashed_key.h"

// Inlined, because a call through the shared library's dispatch would cost as much as hashing a short key.
#define XXH_INLINE_ALL
#include "xxhash.h"

namespace nearcache::internal {

uint64_t HashBytes(absl::string_view key, uint64_t seed) { return XXH3_64bits_withSeed(key.data(), key.size(), seed); }

}  // namespace nearcache::internal
