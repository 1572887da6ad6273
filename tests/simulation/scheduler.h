// The one source of time, order and chance of a simulation: a queue of events, a clock that jumps from one to the next,
// and a random generator. The same seed gives the same run, event by event.
//
// An event belongs to a process or to the world. While a process is paused its events wait; when it goes on, what its
// callers do runs first and its loop catches up after them, as after SIGCONT.
//
// Not thread-safe: a run is one thread.

#ifndef TESTS_SIMULATION_SCHEDULER_H_
#define TESTS_SIMULATION_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::simulation {

using internal::MonotonicNanos;

inline constexpr int64_t kMicrosecond = 1'000;
inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

// Ticks in steps of 4 ms for hits, as CLOCK_MONOTONIC_COARSE does.
class SimulatedClock final : public internal::Clock {
 public:
  static constexpr int64_t kTickNanos = 4 * kMillisecond;

  MonotonicNanos Now() const override { return now_; }
  MonotonicNanos NowCoarse() const override { return now_ - now_ % tick_; }
  int64_t CoarseLagNanos() const override { return lag_; }
  int64_t SuspendedNanos() const override { return 0; }

 private:
  friend class Scheduler;
  MonotonicNanos now_ = 1'000 * kSecond;
  int64_t tick_ = kTickNanos;
  int64_t lag_ = 2 * kTickNanos;
};

class Scheduler {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // Whose event it is.
  struct Owner {
    int process = -1;  // -1: the world, which never pauses.
    bool caller = false;
  };
  static Owner World() { return {}; }
  static Owner Loop(int process) { return {process, false}; }
  static Owner Caller(int process) { return {process, true}; }

  explicit Scheduler(uint64_t seed) : random_(seed) {}

  const internal::Clock* clock() const { return &clock_; }
  MonotonicNanos now() const { return clock_.now_; }
  // For a mutant: the clock does not tell how far its ticks are behind, and they are long enough to matter.
  void HideClockLag() {
    clock_.tick_ = 10 * SimulatedClock::kTickNanos;
    clock_.lag_ = 0;
  }

  void At(MonotonicNanos when, Owner owner, Task task);
  void After(int64_t nanos, Owner owner, Task task) { At(now() + nanos, owner, std::move(task)); }

  // The process stands still until `until`.
  void Pause(int process, MonotonicNanos until);
  bool IsPaused(int process) const;

  // Runs events until `end`, or until `stop` says so after an event. False if stopped.
  bool RunUntil(MonotonicNanos end, const std::function<bool()>& stop);

  uint64_t events_run() const { return events_run_; }

  // --- Chance

  uint64_t Random() { return random_(); }
  // From 0 to bound - 1.
  int64_t Below(int64_t bound) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(bound)); }
  // From low to high, both included.
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }
  bool Chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability; }

 private:
  struct Event {
    Owner owner;
    Task task;
  };
  using Place = std::pair<MonotonicNanos, uint64_t>;

  std::mt19937_64 random_;
  SimulatedClock clock_;
  std::map<Place, Event> events_;
  std::map<int, MonotonicNanos> paused_until_;
  uint64_t last_event_ = 0;
  uint64_t events_run_ = 0;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_SCHEDULER_H_
