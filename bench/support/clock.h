// The clocks that benchmarks measure with. CLOCK_MONOTONIC is shared by all processes of one machine, so that ages
// measured across processes are exact; the clock of a thread counts only the time that it ran.

#ifndef BENCH_SUPPORT_CLOCK_H_
#define BENCH_SUPPORT_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace nearcache::bench {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;

inline int64_t NanosOf(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

inline int64_t NowNanos() { return NanosOf(CLOCK_MONOTONIC); }

// A system call, so only for whole slices of work.
inline int64_t ThreadCpuNanos() { return NanosOf(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_CLOCK_H_
