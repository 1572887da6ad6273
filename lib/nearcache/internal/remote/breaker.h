// The circuit breaker of one server: when most of the latest calls failed or were slow, further ones are refused at
// once, so that callers do not queue up behind a server that is not able to answer, and it gets time to recover.
//
// States, and what moves it:
//   closed    -> open       in the window, calls_min calls or more ended, and bad_share or more of them were bad:
//   failed,
//                           or slower than slow_call
//   open      -> half-open  the pause is over and the link is ready; or the link has just become ready again
//   half-open -> closed     `probes` calls that began in it were good
//   half-open -> open       one of them was bad; each time in a row the pause doubles, up to open_time_max
//
// In half-open `probes` calls are let through. If they are under way for a whole pause without having shown anything
// (callers with deadlines shorter than slow_call leave early), as many again are. What began before the present state
// says nothing about it and is not counted.
//
// The pauses are drawn from the upper half of their length, so that the processes of a fleet do not probe in step. A
// pure machine: time is an argument, randomness is seeded, no I/O. Memory: a few hundred bytes.
//
// Not thread-safe: the loop's thread alone. What other threads need of it is in BreakerGate.

#ifndef NEARCACHE_INTERNAL_REMOTE_BREAKER_H_
#define NEARCACHE_INTERNAL_REMOTE_BREAKER_H_

#include <array>
#include <cstdint>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/remote_event.h"

namespace nearcache::internal::remote {

struct BreakerOptions {
  bool enabled = true;
  absl::Duration window = absl::Seconds(10);  // Looked at in kSlots steps.
  int calls_min = 20;
  double bad_share = 0.5;  // Above 0, to 1.
  absl::Duration slow_call = absl::Milliseconds(500);
  absl::Duration open_time = absl::Milliseconds(500);
  absl::Duration open_time_max = absl::Seconds(5);
  int probes = 5;
  uint64_t random_seed = 1;
};

class Breaker {
 public:
  // How one call ended.
  enum class Outcome { kGood, kFailed, kSlow };

  static constexpr int kSlots = 10;

  explicit Breaker(const BreakerOptions& options);

  // A call that began at `began_at` ended. kSlow: it was answered, later than slow_call.
  void OnOutcome(Outcome outcome, MonotonicNanos began_at, MonotonicNanos now);
  void OnTimer(MonotonicNanos now);
  // The link to the server: not ready at first.
  void OnLinkReady(MonotonicNanos now);
  void OnLinkDown() { link_ready_ = false; }

  // When OnTimer is wanted; kNever: not at all.
  MonotonicNanos timer_at() const { return timer_at_; }

  BreakerState state() const { return state_; }
  // Grows whenever calls are let through anew: `probes` more may pass in half-open.
  uint64_t round() const { return round_; }
  MonotonicNanos since() const { return since_; }
  // What made it open last, in words with numbers; empty: it never did.
  const std::string& cause() const { return cause_; }
  int probes() const { return options_.probes; }
  absl::Duration slow_call() const { return options_.slow_call; }
  bool enabled() const { return options_.enabled; }

 private:
  struct Slot {
    int64_t number = -1;  // Of the part of time that it counts.
    uint64_t calls = 0;
    uint64_t failed = 0;
    uint64_t slow = 0;
  };

  Slot Window(MonotonicNanos now) const;
  void Count(Outcome outcome, MonotonicNanos now);
  void JudgeProbe(Outcome outcome, MonotonicNanos now);
  void Move(BreakerState state, MonotonicNanos now);
  void Open(MonotonicNanos now);
  void LetProbesThrough(MonotonicNanos now);
  absl::Duration Pause();

  const BreakerOptions options_;
  const int64_t slot_nanos_;
  std::mt19937_64 random_;
  BreakerState state_ = BreakerState::kClosed;
  bool link_ready_ = false;
  uint64_t round_ = 0;
  MonotonicNanos since_ = 0;
  MonotonicNanos timer_at_ = kNever;
  int openings_ = 0;     // In a row.
  int probes_good_ = 0;  // Of this half-open state.
  std::array<Slot, kSlots> slots_;
  std::string opened_because_;
  std::string cause_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_BREAKER_H_
