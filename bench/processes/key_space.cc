#include "bench/processes/key_space.h"

#include <cstdint>
#include <numeric>

namespace nearcache::bench {
namespace {

// A number near count / golden ratio that has no divisor in common with count, so that multiplying by it modulo count
// is one to one and spreads neighbours far apart.
uint64_t SpreadingMultiplier(uint64_t count) {
  uint64_t multiplier = static_cast<uint64_t>(static_cast<double>(count) * 0.6180339887498949);
  if (multiplier == 0) return 1;
  while (std::gcd(multiplier, count) != 1) ++multiplier;
  return multiplier;
}

}  // namespace

KeySpace::KeySpace(uint32_t key_count, uint32_t slot_count)
    : key_count_(key_count),
      slot_count_(slot_count),
      multiplier_(SpreadingMultiplier(key_count)),
      offset_(key_count / 3) {}

}  // namespace nearcache::bench
