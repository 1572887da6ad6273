#include "bench/support/spread.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <numeric>
#include <utility>

namespace nearcache::bench {
namespace {

// Linear between neighbours. REQUIRES: `sorted` is sorted and not empty
double Quantile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Spread SpreadOf(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  if (samples.size() < 4) return {Quantile(samples, 0.5), samples.front(), samples.back(), samples.size()};
  return {Quantile(samples, 0.5), Quantile(samples, 0.25), Quantile(samples, 0.75), samples.size()};
}

Spread PairedRatio(const std::vector<double>& ours, const std::vector<double>& theirs) {
  assert(ours.size() == theirs.size());
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i] > 0 && theirs[i] > 0) ratios.push_back(ours[i] / theirs[i]);
  }
  return SpreadOf(std::move(ratios));
}

std::vector<size_t> ShuffledOrder(size_t count, Random* random) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random->Below(static_cast<uint32_t>(i))]);
  return order;
}

}  // namespace nearcache::bench
