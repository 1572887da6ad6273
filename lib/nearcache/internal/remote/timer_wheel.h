// Many timers, most of which are cancelled before they fire: a hashed timing wheel.
//
// kSlotCount slots of one tick each; a timer lies in the slot of the tick in which it is due, whatever the round, and
// is looked at once per round. Arm and Cancel are O(1) and never allocate. A timer never fires early; it fires at the
// first Advance that is a tick or more after it was due.
//
// After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6.
//
// Not thread-safe: the loop's thread alone.

#ifndef NEARCACHE_INTERNAL_REMOTE_TIMER_WHEEL_H_
#define NEARCACHE_INTERNAL_REMOTE_TIMER_WHEEL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::internal::remote {

// Derive from it. A timer must be cancelled, or have fired, before it is destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // The timer is disarmed already: it may be armed again, or destroyed, from inside.
  virtual void OnTimer() = 0;

  bool armed() const { return next_ != nullptr; }

 protected:
  virtual ~Timer() = default;

 private:
  friend class TimerWheel;

  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  int64_t tick_ = 0;  // The first tick at whose end it is due.
};

class TimerWheel {
 public:
  // REQUIRES: tick > 0.
  TimerWheel(MonotonicNanos start, absl::Duration tick);

  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms `timer` for `when`, moving it if it is armed. A time in the past fires at the next tick; kNever disarms it.
  void Arm(Timer* timer, MonotonicNanos when);

  void Cancel(Timer* timer);

  // Fires what is due, each slot in the order in which its timers were armed. Timers may arm and cancel any timer from
  // inside OnTimer; one armed for the past from inside fires at the next tick, so that this always ends.
  void Advance(MonotonicNanos now);

  // No timer fires before this; kNever if none is armed. A lower bound: Advance may find nothing to do then.
  MonotonicNanos NextExpiry() const;

 private:
  static constexpr size_t kSlotCount = 1024;
  static constexpr size_t kWordBits = 64;

  // Head of a circular list.
  class Slot final : public Timer {
   public:
    Slot();
    void OnTimer() override {}
    bool empty() const;
  };

  static size_t SlotOf(int64_t tick) { return static_cast<size_t>(tick) % kSlotCount; }
  static void Link(Slot* slot, Timer* timer);
  static void Unlink(Timer* timer);
  void CollectDue(size_t slot, int64_t now_tick, Slot* due);
  void UpdateOccupied(size_t slot);

  const int64_t tick_nanos_;
  int64_t current_tick_;  // All ticks up to this one were processed.
  std::array<Slot, kSlotCount> slots_;
  std::array<uint64_t, kSlotCount / kWordBits> occupied_{};
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_TIMER_WHEEL_H_
