// A clock that stands still until it is told to move, for deterministic tests and for the
// simulation. Thread-safe.

#ifndef NEARCACHE_INTERNAL_BASE_FAKE_CLOCK_H_
#define NEARCACHE_INTERNAL_BASE_FAKE_CLOCK_H_

#include <atomic>

#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::internal {

class FakeClock final : public Clock {
 public:
  // Starts well above zero, so that "long ago" can be expressed.
  explicit FakeClock(MonotonicNanos start = 1'000'000'000'000) : now_(start) {}

  MonotonicNanos Now() const override { return now_.load(std::memory_order_acquire); }
  MonotonicNanos NowCoarse() const override { return Now(); }
  int64_t CoarseLagNanos() const override { return 0; }
  int64_t SuspendedNanos() const override { return suspended_.load(std::memory_order_acquire); }

  void Advance(absl::Duration by) { now_.fetch_add(absl::ToInt64Nanoseconds(by), std::memory_order_acq_rel); }

  // The machine sleeps: the monotonic clock stands still while this grows.
  void Suspend(absl::Duration by) { suspended_.fetch_add(absl::ToInt64Nanoseconds(by), std::memory_order_acq_rel); }

 private:
  std::atomic<MonotonicNanos> now_;
  std::atomic<int64_t> suspended_{0};
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_FAKE_CLOCK_H_
