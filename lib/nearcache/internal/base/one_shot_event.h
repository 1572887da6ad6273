// Something that happens once, and a thread that waits for it: a futex word.
//
// For a caller that sleeps until another thread has its answer. Set wakes the waiter with one system call, and with
// none if nobody sleeps yet; the waiter needs no lock afterwards, so nothing but its own switch lies between the two.
//
// A waiter that is likely to be woken together with others says so (kInBatches); then a thread that has a WakeBatch
// wakes all of them with one system call (wake_batch.h). A wake-up by any other thread costs a little more then.
//
// Thread-safe: one thread sets, once; one waits. What was written before Set can be read after a wait that returned
// true. The event must outlive the call of Set, not only the wait: let both threads hold it.

#ifndef NEARCACHE_INTERNAL_BASE_ONE_SHOT_EVENT_H_
#define NEARCACHE_INTERNAL_BASE_ONE_SHOT_EVENT_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/wake_batch.h"

namespace nearcache::internal {

class OneShotEvent {
 public:
  enum class Waking { kAlone, kInBatches };

  explicit OneShotEvent(Waking waking = Waking::kAlone) : waking_(waking) {}
  OneShotEvent(const OneShotEvent&) = delete;
  OneShotEvent& operator=(const OneShotEvent&) = delete;

  bool is_set() const { return state_.load(std::memory_order_acquire) == kSet; }

  void Set() {
    const uint32_t before = state_.exchange(kSet, std::memory_order_acq_rel);
    if (before >= kFirstSlot) return WakeSlot(before - kFirstSlot);
    if (before == kAwaited) WakeWaiter();
  }

  void Wait() { WaitFor(absl::InfiniteDuration()); }

  // False if it was not set within `timeout`; a timeout of zero or less only looks.
  bool WaitFor(absl::Duration timeout);

 private:
  static constexpr uint32_t kUnset = 0;
  static constexpr uint32_t kAwaited = 1;  // The waiter sleeps, or is about to.
  static constexpr uint32_t kSet = 2;
  static constexpr uint32_t kFirstSlot = 3;  // As kAwaited, in a slot; the next ones stand for further slots.

  void WakeWaiter();
  bool WaitInSlot(MonotonicNanos deadline);

  const Waking waking_;
  std::atomic<uint32_t> state_{kUnset};
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_ONE_SHOT_EVENT_H_
