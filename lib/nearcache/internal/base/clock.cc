#include "nearcache/internal/base/clock.h"

#include <time.h>

namespace nearcache::internal {
namespace {

int64_t ReadClock(clockid_t id) {
  timespec time;
  clock_gettime(id, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class RealClock final : public Clock {
 public:
  MonotonicNanos Now() const override { return ReadClock(CLOCK_MONOTONIC); }
  MonotonicNanos NowCoarse() const override { return ReadClock(CLOCK_MONOTONIC_COARSE); }
  int64_t SuspendedNanos() const override {
    return ReadClock(CLOCK_BOOTTIME) - ReadClock(CLOCK_MONOTONIC);
  }
};

}  // namespace

Clock* Clock::Real() {
  static RealClock* const clock = new RealClock;
  return clock;
}

}  // namespace nearcache::internal
