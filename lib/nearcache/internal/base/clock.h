// The one source of time inside the library.
//
// Everything that ages (TTL, lease, deadline, back-off) is measured on the monotonic clock of this
// machine: wall clocks jump, and clocks of two machines never agree. Only durations ever cross the
// wire. Times are plain nanoseconds here, not absl::Time, because a local hit reads the clock once
// and compares twice, and must do nothing else.
//
// Thread-safe. Now() costs about 40 ns (CLOCK_MONOTONIC), NowCoarse() about 5 ns and lags by at
// most CoarseLagNanos().

#ifndef NEARCACHE_INTERNAL_BASE_CLOCK_H_
#define NEARCACHE_INTERNAL_BASE_CLOCK_H_

#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace nearcache::internal {

// Nanoseconds on CLOCK_MONOTONIC; comparable between the processes of one machine, meaningless
// elsewhere.
using MonotonicNanos = int64_t;

inline constexpr MonotonicNanos kNever = std::numeric_limits<MonotonicNanos>::max();

// Adds without overflow: an infinite or huge duration gives kNever.
inline MonotonicNanos AddDuration(MonotonicNanos start, absl::Duration duration) {
  const int64_t nanos = absl::ToInt64Nanoseconds(duration);
  if (nanos >= 0 && start > kNever - nanos) return kNever;
  return start + nanos;
}

class Clock {
 public:
  virtual ~Clock() = default;

  virtual MonotonicNanos Now() const = 0;

  // Never ahead of Now(), and behind it by CoarseLagNanos() at most. Deadlines that promise
  // something subtract the lag.
  virtual MonotonicNanos NowCoarse() const = 0;

  // How far NowCoarse() may be behind Now(): twice the resolution that the kernel states, so two of
  // its ticks. Constant over the life of the clock; 0 for a clock whose two readings agree.
  virtual int64_t CoarseLagNanos() const = 0;

  // Time this machine has spent suspended so far (BOOTTIME - MONOTONIC), in nanoseconds. A jump
  // means that the monotonic clock stood still while the rest of the world went on, so nothing that
  // was leased may be trusted.
  virtual int64_t SuspendedNanos() const = 0;

  // The machine's clock; never destroyed.
  static Clock* Real();
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_CLOCK_H_
