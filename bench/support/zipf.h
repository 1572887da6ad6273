// Ranks with Zipf's distribution: rank k is drawn with a probability proportional to 1 / (k + 1)^exponent, which is how
// the popularity of articles, products and users is spread in practice.
//
// Rejection-inversion after W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
// discrete distributions", ACM TOMACS 6(3), 1996: no table, constant time per draw (1.1 trials on average), any number
// of ranks.

#ifndef BENCH_SUPPORT_ZIPF_H_
#define BENCH_SUPPORT_ZIPF_H_

#include <cstdint>

#include "bench/support/random.h"

namespace nearcache::bench {

// Immutable after construction, so that threads may share one.
class Zipf {
 public:
  // REQUIRES: rank_count > 0 and exponent > 0
  Zipf(uint32_t rank_count, double exponent);

  // A rank in [0, rank_count); 0 is the most popular.
  uint32_t Draw(Random* random) const;

 private:
  double Density(double x) const;
  // The integral of Density, and its inverse.
  double Integral(double x) const;
  double IntegralInverse(double area) const;

  const double rank_count_;
  const double exponent_;
  const double area_begin_;
  const double area_end_;
  // A draw this close to its rank, or closer, is accepted without computing the exact bound.
  const double accepted_distance_;
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_ZIPF_H_
