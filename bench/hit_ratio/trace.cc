#include "bench/hit_ratio/trace.h"

#include <algorithm>
#include <cmath>

#include "bench/support/random.h"

namespace nearcache::hit_ratio {
namespace {

constexpr double kMedianBytes = 500;
constexpr double kDeviation = 1.3;
constexpr double kBytesMin = 32;
constexpr double kBytesMax = 256 * 1024;
constexpr double kTwoPi = 6.283185307179586;

// Box and Muller's method.
double Normal(bench::Random* random) {
  const double radius = std::sqrt(-2 * std::log(1 - random->Unit()));
  return radius * std::cos(kTwoPi * random->Unit());
}

}  // namespace

void DrawSizes(Trace* trace) {
  trace->sizes_given = false;
  for (uint32_t number = 0; number < trace->key_count(); ++number) {
    bench::Random random(number);
    const double bytes = kMedianBytes * std::exp(kDeviation * Normal(&random));
    trace->sizes[number] = static_cast<uint32_t>(std::clamp(bytes, kBytesMin, kBytesMax));
  }
}

}  // namespace nearcache::hit_ratio
