#include "nearcache/internal/remote/breaker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {

Breaker::Breaker(const BreakerOptions& options)
    : options_(options),
      slot_nanos_(std::max<int64_t>(absl::ToInt64Nanoseconds(options.window) / kSlots, 1)),
      random_(options.random_seed) {}

// --- The window

Breaker::Slot Breaker::Window(MonotonicNanos now) const {
  const int64_t number = now / slot_nanos_;
  Slot sum;
  for (const Slot& slot : slots_) {
    if (slot.number <= number - kSlots || slot.number > number) continue;
    sum.calls += slot.calls;
    sum.failed += slot.failed;
    sum.slow += slot.slow;
  }
  return sum;
}

void Breaker::Count(Outcome outcome, MonotonicNanos now) {
  const int64_t number = now / slot_nanos_;
  Slot& slot = slots_[static_cast<size_t>(number % kSlots)];
  if (slot.number != number) slot = Slot{number, 0, 0, 0};
  ++slot.calls;
  if (outcome == Outcome::kGood) return;
  ++(outcome == Outcome::kFailed ? slot.failed : slot.slow);
  const Slot sum = Window(now);
  const uint64_t bad = sum.failed + sum.slow;
  if (sum.calls < static_cast<uint64_t>(options_.calls_min)) return;
  if (static_cast<double>(bad) < options_.bad_share * static_cast<double>(sum.calls)) return;
  opened_because_ = absl::StrCat("of the last ", sum.calls, " calls ", sum.failed, " failed and ", sum.slow,
                                 " took longer than ", absl::FormatDuration(options_.slow_call));
  cause_ = opened_because_;
  openings_ = 0;
  Open(now);
}

// --- Events

void Breaker::OnOutcome(Outcome outcome, MonotonicNanos began_at, MonotonicNanos now) {
  if (!options_.enabled || began_at < since_) return;
  switch (state_) {
    case BreakerState::kClosed:
      return Count(outcome, now);
    case BreakerState::kHalfOpen:
      return JudgeProbe(outcome, now);
    case BreakerState::kOpen:
      return;
  }
}

void Breaker::JudgeProbe(Outcome outcome, MonotonicNanos now) {
  if (outcome != Outcome::kGood) {
    cause_ =
        absl::StrCat(opened_because_, outcome == Outcome::kFailed ? "; a probe failed" : "; a probe was slow, too");
    return Open(now);
  }
  if (++probes_good_ < options_.probes) return;
  slots_ = {};
  timer_at_ = kNever;
  Move(BreakerState::kClosed, now);
}

void Breaker::OnTimer(MonotonicNanos now) {
  if (now < timer_at_) return;
  timer_at_ = kNever;
  // Without a link nothing would come of a probe but one more call that waits in vain: OnLinkReady goes on.
  if (state_ == BreakerState::kOpen && !link_ready_) return;
  if (state_ == BreakerState::kOpen) Move(BreakerState::kHalfOpen, now);
  if (state_ == BreakerState::kHalfOpen) LetProbesThrough(now);
}

void Breaker::OnLinkReady(MonotonicNanos now) {
  link_ready_ = true;
  if (state_ != BreakerState::kOpen) return;
  Move(BreakerState::kHalfOpen, now);
  LetProbesThrough(now);
}

// --- Moving

void Breaker::Move(BreakerState state, MonotonicNanos now) {
  state_ = state;
  since_ = now;
  ++round_;
  probes_good_ = 0;
}

void Breaker::Open(MonotonicNanos now) {
  Move(BreakerState::kOpen, now);
  timer_at_ = AddDuration(now, Pause());
  ++openings_;
}

void Breaker::LetProbesThrough(MonotonicNanos now) {
  ++round_;
  timer_at_ = AddDuration(now, options_.open_time);
}

absl::Duration Breaker::Pause() {
  absl::Duration longest = options_.open_time;
  for (int i = 0; i < openings_ && longest < options_.open_time_max; ++i) longest *= 2;
  longest = std::min(longest, options_.open_time_max);
  return longest * std::uniform_real_distribution<double>(0.5, 1.0)(random_);
}

}  // namespace nearcache::internal::remote
