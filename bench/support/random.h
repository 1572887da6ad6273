// A small, fast, reproducible source of random numbers: SplitMix64 (Steele, Lea, Flood 2014). One per thread. The same
// seed gives the same numbers with every compiler, which the distributions of the standard library do not promise.

#ifndef BENCH_SUPPORT_RANDOM_H_
#define BENCH_SUPPORT_RANDOM_H_

#include <cstdint>

namespace nearcache::bench {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound). The bias is below bound / 2^32. REQUIRES: bound > 0
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(((Next() >> 32) * uint64_t{bound}) >> 32); }

  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_RANDOM_H_
