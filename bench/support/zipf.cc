#include "bench/support/zipf.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bench/support/random.h"

namespace nearcache::bench {

// The paper counts ranks from 1; only Draw's result counts from 0.
Zipf::Zipf(uint32_t rank_count, double exponent)
    : rank_count_(rank_count),
      exponent_(exponent),
      area_begin_(Integral(1.5) - 1),
      area_end_(Integral(rank_count + 0.5)),
      accepted_distance_(2 - IntegralInverse(Integral(2.5) - Density(2))) {}

uint32_t Zipf::Draw(Random* random) const {
  while (true) {
    const double area = area_end_ + random->Unit() * (area_begin_ - area_end_);
    const double x = IntegralInverse(area);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, rank_count_);
    if (rank - x <= accepted_distance_ || area >= Integral(rank + 0.5) - Density(rank)) {
      return static_cast<uint32_t>(rank) - 1;
    }
  }
}

double Zipf::Density(double x) const { return std::pow(x, -exponent_); }

double Zipf::Integral(double x) const {
  if (exponent_ == 1) return std::log(x);
  return std::pow(x, 1 - exponent_) / (1 - exponent_);
}

double Zipf::IntegralInverse(double area) const {
  if (exponent_ == 1) return std::exp(area);
  return std::pow(area * (1 - exponent_), 1 / (1 - exponent_));
}

}  // namespace nearcache::bench
