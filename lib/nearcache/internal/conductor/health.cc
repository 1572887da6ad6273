#include "nearcache/internal/conductor/health.h"

#include <string>

namespace nearcache::internal::conductor {

HealthMonitor::HealthMonitor(const Clock* clock, const remote::Store* store, const coherence::Coordinator* coordinator)
    : clock_(clock), store_(store), coordinator_(coordinator), state_began_at_(clock->Now()) {}

HealthReport HealthMonitor::Judge() const {
  HealthReport report;
  const absl::Status link = store_->LinkStatus();
  const absl::Status coherence = coordinator_->Status();
  const remote::StoreStats store = store_->GetStats();
  if (!store.connected || store.breaker_state == BreakerState::kOpen) {
    report.state = HealthState::kDown;
    report.reason = std::string(link.message());
  } else if (!link.ok() || !coherence.ok()) {
    report.state = HealthState::kDegraded;
    report.reason = std::string(link.ok() ? coherence.message() : link.message());
  }
  return report;
}

absl::Duration HealthMonitor::SinceWhen(HealthState state) {
  const MonotonicNanos now = clock_->Now();
  absl::MutexLock lock(&mutex_);
  if (state != state_) {
    state_ = state;
    state_began_at_ = now;
  }
  return absl::Nanoseconds(now - state_began_at_);
}

HealthReport HealthMonitor::Report() {
  HealthReport report = Judge();
  report.since = SinceWhen(report.state);
  report.round_trip = coordinator_->GetStats().round_trip;
  return report;
}

}  // namespace nearcache::internal::conductor
