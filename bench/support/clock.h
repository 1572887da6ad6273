// The clock that benchmarks measure with: CLOCK_MONOTONIC, which all processes of one machine share, so that ages
// measured across processes are exact.

#ifndef BENCH_SUPPORT_CLOCK_H_
#define BENCH_SUPPORT_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace nearcache::bench {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;

inline int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_CLOCK_H_
