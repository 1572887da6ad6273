// When an entry that nobody reads has to go.
//
// The time of the last read is kept in thirteen bits of the entry, in ticks of a 32nd to a 64th of the time-out, and
// rewritten when the tick has changed: at most 64 writes per entry and time-out, however often it is read. So an entry
// goes at the latest when it was not read for the time-out, and at the earliest a sixteenth before that. The ticks come
// round after 128 time-outs at least; an entry that was neither read nor looked at by anybody's housekeeping for so
// long may be taken for one that was read lately.
//
// Immutable, thread-safe.

#ifndef NEARCACHE_INTERNAL_LOCAL_IDLE_RULE_H_
#define NEARCACHE_INTERNAL_LOCAL_IDLE_RULE_H_

#include <cstdint>

#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/local/entry_use.h"

namespace nearcache::internal::local {

class IdleRule {
 public:
  // kNever: no time-out. REQUIRES: timeout_nanos >= 64
  explicit IdleRule(int64_t timeout_nanos) : timeout_nanos_(timeout_nanos) {
    if (timeout_nanos == kNever) return;
    while ((timeout_nanos >> tick_shift_) >= 2 * kTicksMin) ++tick_shift_;
    ticks_ = static_cast<uint32_t>(timeout_nanos >> tick_shift_);
  }

  bool on() const { return ticks_ != 0; }

  // The end of an idle life that begins at `start`.
  MonotonicNanos DeadlineFrom(MonotonicNanos start) const {
    return start > kNever - timeout_nanos_ ? kNever : start + timeout_nanos_;
  }

  uint32_t Stamp(MonotonicNanos time) const {
    return static_cast<uint32_t>(time >> tick_shift_) & EntryUse::kStampMask;
  }

  // Whether an entry last read at `stamp` has been idle for too long. REQUIRES: on()
  bool Ended(uint32_t stamp, MonotonicNanos latest) const { return Age(stamp, latest) >= ticks_; }

  // When that will be, if nobody reads it. REQUIRES: on() and !Ended(stamp, latest)
  MonotonicNanos Deadline(uint32_t stamp, MonotonicNanos latest) const {
    const auto ticks_left = static_cast<int64_t>(ticks_ - Age(stamp, latest));
    return ((latest >> tick_shift_) + ticks_left) << tick_shift_;
  }

 private:
  static constexpr int64_t kTicksMin = 32;

  // A stamp from the future, by a clock read elsewhere a moment later, is as young as can be.
  uint32_t Age(uint32_t stamp, MonotonicNanos latest) const {
    const uint32_t age = (Stamp(latest) - stamp) & EntryUse::kStampMask;
    return age == EntryUse::kStampMask ? 0 : age;
  }

  int64_t timeout_nanos_;
  int tick_shift_ = 0;
  uint32_t ticks_ = 0;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_IDLE_RULE_H_
