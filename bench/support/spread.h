// What many noisy measurements of one thing say: the median, and how far the middle half of them lies apart.

#ifndef BENCH_SUPPORT_SPREAD_H_
#define BENCH_SUPPORT_SPREAD_H_

#include <cstddef>
#include <vector>

#include "bench/support/random.h"

namespace nearcache::bench {

struct Spread {
  double median = 0;
  double low = 0;   // The lower quartile; the least if there are fewer than four.
  double high = 0;  // The upper quartile; the greatest if there are fewer than four.
  size_t count = 0;
};

// All zero for no samples.
Spread SpreadOf(std::vector<double> samples);

// The spread of ours[i] / theirs[i]: the two measured in the same round share its disturbances, so their ratio is
// steadier than either. Rounds in which one of them is not positive are left out. REQUIRES: equal sizes
Spread PairedRatio(const std::vector<double>& ours, const std::vector<double>& theirs);

// 0 … count - 1 in random order: in which order the candidates of one round take their turns.
std::vector<size_t> ShuffledOrder(size_t count, Random* random);

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_SPREAD_H_
