// Turns how a read ended into what its caller gets. `Info` is nearcache::ReadInfo, which is declared
// above this layer.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_READ_INFO_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_READ_INFO_H_

#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"

namespace nearcache::internal::conductor {

// What is left until `end`; infinite for kNever, zero for the past.
inline absl::Duration TimeUntil(MonotonicNanos end, MonotonicNanos now) {
  if (end == kNever) return absl::InfiniteDuration();
  return absl::Nanoseconds(end > now ? end - now : 0);
}

// Does nothing if `info` is null.
template <typename Info>
void FillInfo(const Clock& clock, const local::EntryInfo& entry, Source source, Info* info) {
  if (info == nullptr) return;
  const MonotonicNanos now = clock.Now();
  info->source = static_cast<typename Info::Source>(source);
  info->age = TimeUntil(now, entry.fetched_at);
  info->time_to_live = TimeUntil(entry.expires_at, now);
}

// Fills `info` if it is not null and the read succeeded.
template <typename Info>
absl::StatusOr<Value> ToValue(const Clock& clock, ReadResult result, Info* info) {
  if (!result.status.ok()) return std::move(result.status);
  FillInfo(clock, result.info, result.source, info);
  return std::move(result.value);
}

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_READ_INFO_H_
