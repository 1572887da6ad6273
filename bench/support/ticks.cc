#include "bench/support/ticks.h"

#include <cstdint>

#include "bench/support/clock.h"

namespace nearcache::bench {
namespace {

double Measure() {
  const int64_t nanos_begin = NowNanos();
  const int64_t ticks_begin = Ticks();
  int64_t nanos = 0;
  while (nanos < 20 * kNanosPerMilli) nanos = NowNanos() - nanos_begin;
  return static_cast<double>(nanos) / static_cast<double>(Ticks() - ticks_begin);
}

}  // namespace

double NanosPerTick() {
  static const double nanos_per_tick = Measure();
  return nanos_per_tick;
}

}  // namespace nearcache::bench
