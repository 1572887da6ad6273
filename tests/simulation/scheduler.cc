#include "tests/simulation/scheduler.h"

#include <algorithm>

namespace nearcache::simulation {
namespace {

// How long a process that goes on lets its callers run before its loop gets a turn.
constexpr int64_t kLoopWakesLaterNanos = 3 * kMillisecond;

}  // namespace

void Scheduler::At(MonotonicNanos when, Owner owner, Task task) {
  events_.emplace(Place{std::max(when, now()), ++last_event_}, Event{owner, std::move(task)});
}

void Scheduler::Pause(int process, MonotonicNanos until) {
  MonotonicNanos& paused = paused_until_[process];
  paused = std::max(paused, until);
}

bool Scheduler::IsPaused(int process) const {
  const auto paused = paused_until_.find(process);
  return paused != paused_until_.end() && paused->second > now();
}

bool Scheduler::RunUntil(MonotonicNanos end, const std::function<bool()>& stop) {
  while (!events_.empty() && events_.begin()->first.first <= end) {
    const auto first = events_.begin();
    const Place place = first->first;
    Event event = std::move(first->second);
    events_.erase(first);
    clock_.now_ = place.first;
    const auto paused = paused_until_.find(event.owner.process);
    if (paused != paused_until_.end()) {
      const MonotonicNanos wakes = paused->second + (event.owner.caller ? 0 : kLoopWakesLaterNanos);
      if (place.first < wakes) {
        // It keeps its place among the events that wait with it.
        events_.emplace(Place{wakes, place.second}, std::move(event));
        continue;
      }
    }
    ++events_run_;
    std::move(event.task)();
    if (stop()) return false;
  }
  clock_.now_ = std::max(clock_.now_, end);
  return true;
}

}  // namespace nearcache::simulation
