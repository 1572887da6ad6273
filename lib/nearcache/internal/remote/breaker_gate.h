// What callers see of the breaker (breaker.h): whether a call may go on. Written by the loop's thread, asked on any.
//
// Thread-safe. While the breaker is closed a question costs one load of a line that is not written.

#ifndef NEARCACHE_INTERNAL_REMOTE_BREAKER_GATE_H_
#define NEARCACHE_INTERNAL_REMOTE_BREAKER_GATE_H_

#include <atomic>
#include <cstdint>

#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/breaker.h"
#include "nearcache/remote_event.h"

namespace nearcache::internal::remote {

class BreakerGate {
 public:
  // Whether a call may go on; in half-open each yes takes one of the permits.
  bool Admit() {
    if (state() == BreakerState::kClosed) return true;
    if (state() == BreakerState::kHalfOpen && permits_.fetch_sub(1, std::memory_order_relaxed) > 0) return true;
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  // What Admit would say now, without taking anything.
  bool WouldAdmit() const {
    if (state() == BreakerState::kClosed) return true;
    return state() == BreakerState::kHalfOpen && permits_.load(std::memory_order_relaxed) > 0;
  }

  BreakerState state() const { return state_.load(std::memory_order_acquire); }
  // When it was closed last.
  MonotonicNanos closed_until() const { return closed_until_.load(std::memory_order_relaxed); }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }

  // After each event of the breaker, on the loop's thread. True if its state is another one than before.
  bool Follow(const Breaker& breaker) {
    if (breaker.round() == round_) return false;
    round_ = breaker.round();
    permits_.store(breaker.probes(), std::memory_order_relaxed);
    const BreakerState before = state_.exchange(breaker.state(), std::memory_order_acq_rel);
    if (before == breaker.state()) return false;
    if (before == BreakerState::kClosed) closed_until_.store(breaker.since(), std::memory_order_relaxed);
    if (breaker.state() == BreakerState::kOpen) opened_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

 private:
  std::atomic<BreakerState> state_{BreakerState::kClosed};
  std::atomic<int64_t> permits_{0};
  uint64_t round_ = 0;  // The loop's thread.
  std::atomic<MonotonicNanos> closed_until_{0};
  std::atomic<uint64_t> opened_{0};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_BREAKER_GATE_H_
