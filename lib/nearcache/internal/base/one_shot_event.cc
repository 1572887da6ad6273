#include "nearcache/internal/base/one_shot_event.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "nearcache/internal/base/clock.h"

namespace nearcache::internal {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// The kernel's interface is a plain word, which std::atomic<uint32_t> is.
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "a futex is a word of four bytes");

// Sleeps while *word == expected, until `deadline` on CLOCK_MONOTONIC, or for no reason at all.
void FutexWait(std::atomic<uint32_t>* word, uint32_t expected, MonotonicNanos deadline) {
  timespec until;
  until.tv_sec = static_cast<time_t>(deadline / kNanosPerSecond);
  until.tv_nsec = static_cast<long>(deadline % kNanosPerSecond);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
          deadline == kNever ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void OneShotEvent::WakeWaiter() {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&state_), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
}

bool OneShotEvent::WaitFor(absl::Duration timeout) {
  if (is_set()) return true;
  if (timeout <= absl::ZeroDuration()) return false;
  Clock* const clock = Clock::Real();
  const MonotonicNanos deadline = AddDuration(clock->Now(), timeout);
  if (waking_ == Waking::kInBatches) return WaitInSlot(deadline);
  uint32_t expected = kUnset;
  if (!state_.compare_exchange_strong(expected, kAwaited, std::memory_order_acq_rel) && expected == kSet) return true;
  while (true) {
    FutexWait(&state_, kAwaited, deadline);
    if (is_set()) return true;
    if (deadline != kNever && clock->Now() >= deadline) return false;
  }
}

bool OneShotEvent::WaitInSlot(MonotonicNanos deadline) {
  const uint32_t slot = SlotOfThisThread();
  uint32_t expected = kUnset;
  if (!state_.compare_exchange_strong(expected, kFirstSlot + slot, std::memory_order_acq_rel) && expected == kSet) {
    return true;
  }
  while (true) {
    const uint32_t ticket = TicketOf(slot);
    if (is_set()) return true;
    if (deadline != kNever && Clock::Real()->Now() >= deadline) return false;
    SleepInSlot(slot, ticket, deadline);
  }
}

}  // namespace nearcache::internal
