// Threads that sleep, and waking many of them with one system call.
//
// Waking threads one by one costs a system call each, and after each the scheduler may give the processor to who was
// woken: with as many callers as replies in a read, the thread that hands out the replies is put off and on again for
// every single one. So threads that expect to be woken by such a thread sleep in groups: up to 32 of them on one word,
// each under a bit of its own (futex bitsets), and a WakeBatch wakes all of a group that it has an answer for at once.
//
// A slot is a place in a group: each thread has one, given out in turn. Two threads share one when more than kSlots
// threads have ever slept here; then each is also woken for the other, so who wakes up looks whether it was meant.
//
//   sleeper                                     waker
//   ticket = TicketOf(slot)                     make the condition true
//   if the condition holds: done                WakeSlot(slot)
//   SleepInSlot(slot, ticket, deadline)
//   again
//
// Thread-safe, but for WakeBatch, which belongs to one thread.

#ifndef NEARCACHE_INTERNAL_BASE_WAKE_BATCH_H_
#define NEARCACHE_INTERNAL_BASE_WAKE_BATCH_H_

#include <cstdint>

#include "nearcache/internal/base/clock.h"

namespace nearcache::internal {

inline constexpr uint32_t kWakeGroups = 64;
inline constexpr uint32_t kSlotsPerGroup = 32;
inline constexpr uint32_t kSlots = kWakeGroups * kSlotsPerGroup;

// The calling thread's slot, below kSlots.
uint32_t SlotOfThisThread();

// Changes with every wake-up of the group.
uint32_t TicketOf(uint32_t slot);

// Sleeps until the slot is woken, the deadline passes, or for no reason at all; not at all if its group was woken since
// `ticket` was drawn.
void SleepInSlot(uint32_t slot, uint32_t ticket, MonotonicNanos deadline);

// Wakes whoever sleeps in the slot: at once, or, if this thread has a WakeBatch, by that.
void WakeSlot(uint32_t slot);

// While it lives, what its thread wakes stays asleep until Flush, which costs one system call per group. Whoever holds
// one must Flush before it sleeps or does anything else that takes long.
class WakeBatch {
 public:
  // REQUIRES: the thread has no other one.
  WakeBatch();
  ~WakeBatch();
  WakeBatch(const WakeBatch&) = delete;
  WakeBatch& operator=(const WakeBatch&) = delete;

  void Flush();

 private:
  friend void WakeSlot(uint32_t slot);

  uint64_t groups_ = 0;  // Those with somebody to wake, as bits.
  uint32_t slots_[kWakeGroups] = {};
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_WAKE_BATCH_H_
