// What each key of a run is used for. Some calls exclude each other on one key: what a writer without an answer may
// still do must not look like a violation of another's.

#ifndef BENCH_COHERENCE_TORTURE_KEY_USE_H_
#define BENCH_COHERENCE_TORTURE_KEY_USE_H_

#include <cstdint>

#include "bench/processes/key_space.h"

namespace nearcache::bench::torture {

enum class KeyUse {
  kRecord,      // Set, added, deleted, expired, given longer lives.
  kCounter,     // A number, incremented (counter_value.h).
  kShortLived,  // Set, and given lives that end at once.
  kLoaded,      // Set, and loaded by its owner.
};

constexpr uint32_t kKeysPerUse = 16;

inline KeyUse UseOf(const KeySpace& keys, uint32_t key) {
  switch (key / keys.slot_count() % kKeysPerUse) {
    case 5:
      return KeyUse::kCounter;
    case 9:
      return KeyUse::kShortLived;
    case 13:
      return KeyUse::kLoaded;
    default:
      return KeyUse::kRecord;
  }
}

// A key near `key`, of the same owner, with that use. REQUIRES: keys.key_count() >= kKeysPerUse * keys.slot_count()
inline uint32_t NeighbourOfUse(const KeySpace& keys, uint32_t key, KeyUse use) {
  while (UseOf(keys, key) != use) {
    key += keys.slot_count();
    if (key >= keys.key_count()) key %= keys.slot_count();
  }
  return key;
}

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_KEY_USE_H_
