#include "nearcache/internal/remote/timer_wheel.h"

#include <algorithm>

namespace nearcache::internal::remote {
namespace {

int64_t RoundUp(MonotonicNanos when, int64_t tick) { return when <= 0 ? 0 : (when - 1) / tick + 1; }

}  // namespace

TimerWheel::Slot::Slot() { previous_ = next_ = this; }
bool TimerWheel::Slot::empty() const { return next_ == this; }

TimerWheel::TimerWheel(MonotonicNanos start, absl::Duration tick)
    : tick_nanos_(absl::ToInt64Nanoseconds(tick)), current_tick_(start / tick_nanos_) {}

void TimerWheel::Link(Slot* slot, Timer* timer) {
  timer->previous_ = slot->previous_;
  timer->next_ = slot;
  slot->previous_->next_ = timer;
  slot->previous_ = timer;
}

void TimerWheel::Unlink(Timer* timer) {
  timer->previous_->next_ = timer->next_;
  timer->next_->previous_ = timer->previous_;
  timer->previous_ = timer->next_ = nullptr;
}

void TimerWheel::UpdateOccupied(size_t slot) {
  const uint64_t bit = uint64_t{1} << (slot % kWordBits);
  uint64_t& word = occupied_[slot / kWordBits];
  word = slots_[slot].empty() ? word & ~bit : word | bit;
}

void TimerWheel::Arm(Timer* timer, MonotonicNanos when) {
  Cancel(timer);
  if (when == kNever) return;
  timer->tick_ = std::max(RoundUp(when, tick_nanos_), current_tick_ + 1);
  const size_t slot = SlotOf(timer->tick_);
  Link(&slots_[slot], timer);
  UpdateOccupied(slot);
}

void TimerWheel::Cancel(Timer* timer) {
  if (!timer->armed()) return;
  Unlink(timer);
  UpdateOccupied(SlotOf(timer->tick_));
}

void TimerWheel::CollectDue(size_t slot, int64_t now_tick, Slot* due) {
  Slot& head = slots_[slot];
  for (Timer* timer = head.next_; timer != &head;) {
    Timer* const next = timer->next_;
    if (timer->tick_ <= now_tick) {
      Unlink(timer);
      Link(due, timer);
    }
    timer = next;
  }
  UpdateOccupied(slot);
}

void TimerWheel::Advance(MonotonicNanos now) {
  const int64_t now_tick = now / tick_nanos_;
  if (now_tick <= current_tick_) return;
  const int64_t first = std::max(current_tick_ + 1, now_tick - int64_t{kSlotCount} + 1);
  current_tick_ = now_tick;
  Slot due;
  for (int64_t tick = first; tick <= now_tick; ++tick) {
    const size_t slot = SlotOf(tick);
    if (!slots_[slot].empty()) CollectDue(slot, now_tick, &due);
  }
  while (!due.empty()) {
    Timer* const timer = due.next_;
    Unlink(timer);
    timer->OnTimer();
  }
}

MonotonicNanos TimerWheel::NextExpiry() const {
  const size_t start = SlotOf(current_tick_ + 1);
  for (size_t distance = 0; distance < kSlotCount;) {
    const size_t slot = (start + distance) % kSlotCount;
    const uint64_t word = occupied_[slot / kWordBits] >> (slot % kWordBits);
    if (word != 0) {
      distance += static_cast<size_t>(__builtin_ctzll(word));
      return (current_tick_ + 1 + static_cast<int64_t>(distance)) * tick_nanos_;
    }
    distance += kWordBits - slot % kWordBits;
  }
  return kNever;
}

}  // namespace nearcache::internal::remote
