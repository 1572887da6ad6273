#include "nearcache/internal/base/clock.h"

#include <time.h>

namespace nearcache::internal {
namespace {

int64_t ReadClock(clockid_t id) {
  timespec time;
  clock_gettime(id, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Two ticks of the coarse clock. One is what it can lag by design; the second allows for a tick
// that is handled late.
int64_t TwoCoarseTicks() {
  timespec resolution;
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return 2 * (int64_t{resolution.tv_sec} * 1'000'000'000 + resolution.tv_nsec);
}

class RealClock final : public Clock {
 public:
  MonotonicNanos Now() const override { return ReadClock(CLOCK_MONOTONIC); }
  MonotonicNanos NowCoarse() const override { return ReadClock(CLOCK_MONOTONIC_COARSE); }
  int64_t CoarseLagNanos() const override { return coarse_lag_nanos_; }
  int64_t SuspendedNanos() const override { return ReadClock(CLOCK_BOOTTIME) - ReadClock(CLOCK_MONOTONIC); }

 private:
  const int64_t coarse_lag_nanos_ = TwoCoarseTicks();
};

}  // namespace

Clock* Clock::Real() {
  static RealClock* const clock = new RealClock;
  return clock;
}

}  // namespace nearcache::internal
