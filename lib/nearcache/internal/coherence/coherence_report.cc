#include "nearcache/internal/coherence/coherence_report.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::coherence {
namespace {

std::string InWords(int64_t nanos) {
  return absl::FormatDuration(absl::Trunc(absl::Nanoseconds(nanos), absl::Milliseconds(1)));
}

}  // namespace

CoherenceReport::CoherenceReport(int64_t bound_nanos, const Clock* clock) : bound_nanos_(bound_nanos), clock_(clock) {
  SetCause("the invalidation channel was not subscribed yet");
}

void CoherenceReport::NoteAnswer(int64_t round_trip_nanos) {
  round_trip_nanos_.store(round_trip_nanos, std::memory_order_relaxed);
  absl::MutexLock lock(&mutex_);
  failure_.clear();
}

void CoherenceReport::NoteFailure(const absl::Status& status) {
  Count(heartbeats_failed_);
  absl::MutexLock lock(&mutex_);
  failure_ = std::string(status.message());
}

void CoherenceReport::NoteClose(CloseCause cause, uint64_t suspect_entries) {
  open_.store(false, std::memory_order_release);
  Count(generations_);
  Count(ends_by_cause_[static_cast<size_t>(cause)]);
  suspect_entries_.fetch_add(suspect_entries, std::memory_order_relaxed);
  switch (cause) {
    case CloseCause::kGap:
      Count(gaps_detected_);
      break;
    case CloseCause::kChannelLost:
      Count(channel_losses_);
      return;  // The link has said why.
    case CloseCause::kHeartbeatTimeout:
    case CloseCause::kSuspended:
      Count(heartbeat_timeouts_);
      break;
    case CloseCause::kLaneMissing:
    case CloseCause::kLaneRegressed:
    case CloseCause::kEpochChanged:
    case CloseCause::kServerLeft:
    case CloseCause::kFlushed:
      Count(remote_resets_);
      break;
  }
  SetCause(std::string(CloseCauseName(cause)));
}

void CoherenceReport::SetCause(std::string cause) {
  const MonotonicNanos now = clock_->Now();
  absl::MutexLock lock(&mutex_);
  cause_ = std::move(cause);
  cause_since_ = now;
}

std::string CoherenceReport::Obstacle() const {
  absl::MutexLock lock(&mutex_);
  if (open()) return failure_;
  return absl::StrCat(cause_, failure_.empty() ? "" : "; ", failure_);
}

absl::Status CoherenceReport::Status() const {
  const MonotonicNanos now = clock_->Now();
  const bool is_open = open();  // Before the age: whoever sees it open sees what opened it.
  const int64_t age = now - as_of_.load(std::memory_order_relaxed);
  if (is_open && age <= bound_nanos_) return absl::OkStatus();
  const std::string obstacle = Obstacle();
  if (is_open) {
    return absl::UnavailableError(absl::StrCat("memory is not served: no heartbeat was proven for ", InWords(age),
                                               " (bound ", InWords(bound_nanos_), ")", obstacle.empty() ? "" : ": ",
                                               obstacle));
  }
  absl::MutexLock lock(&mutex_);
  return absl::UnavailableError(
      absl::StrCat("memory is not vouched for since ", InWords(now - cause_since_), ": ", obstacle));
}

absl::Duration CoherenceReport::HeartbeatAge() const {
  const MonotonicNanos as_of = as_of_.load(std::memory_order_relaxed);
  return as_of == 0 ? absl::InfiniteDuration() : absl::Nanoseconds(clock_->Now() - as_of);
}

CoherenceStats CoherenceReport::GetStats() const {
  const auto value = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  CoherenceStats stats;
  stats.messages_received = value(messages_received_);
  stats.messages_rejected = value(messages_rejected_);
  stats.heartbeats = value(heartbeats_);
  stats.heartbeats_failed = value(heartbeats_failed_);
  stats.generations = value(generations_);
  stats.gaps_detected = value(gaps_detected_);
  stats.channel_losses = value(channel_losses_);
  stats.heartbeat_timeouts = value(heartbeat_timeouts_);
  stats.remote_resets = value(remote_resets_);
  for (size_t i = 0; i < kCloseCauseCount; ++i) stats.ends_by_cause[i] = value(ends_by_cause_[i]);
  stats.suspect_entries = value(suspect_entries_);
  stats.foreign_pushes = value(foreign_pushes_);
  stats.foreign_changes = value(foreign_changes_);
  stats.foreign_echoes = value(foreign_echoes_);
  stats.foreign_overflows = value(foreign_overflows_);
  stats.heartbeat_age = HeartbeatAge();
  const int64_t round_trip = round_trip_nanos_.load(std::memory_order_relaxed);
  if (round_trip >= 0) stats.round_trip = absl::Nanoseconds(round_trip);
  stats.invalidation_lag = lag_.Snapshot();
  return stats;
}

}  // namespace nearcache::internal::coherence
