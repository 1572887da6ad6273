// The processor's time stamp counter: what one operation took, at the price of about 10 ns per reading, where the
// kernel's clock would cost more than the operation.

#ifndef BENCH_SUPPORT_TICKS_H_
#define BENCH_SUPPORT_TICKS_H_

#include <cstdint>

#include "bench/support/clock.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace nearcache::bench {

inline int64_t Ticks() {
#if defined(__x86_64__)
  return static_cast<int64_t>(__rdtsc());
#elif defined(__aarch64__)
  int64_t ticks;
  __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return NowNanos();
#endif
}

// Measured once against the monotonic clock, on the first call, which takes 20 ms.
double NanosPerTick();

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_TICKS_H_
