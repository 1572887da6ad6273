// The checks of what callers pass in, and the errors that name what was wrong.
//
// Every error names the key (escaped, cut after 64 bytes), the limit that was broken and its value;
// never a value of the cache, never a secret. Thread-safe: functions of their arguments alone.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_ARGUMENTS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_ARGUMENTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {

// A key for people: in quotes, unprintable bytes escaped, cut after 64 bytes.
std::string QuoteKey(absl::string_view key);

// kInvalidArgument for an empty key and for one above limits.key_bytes_max.
absl::Status CheckKey(absl::string_view key, const LimitOptions& limits);

// kInvalidArgument above limits.value_bytes_max.
absl::Status CheckValue(absl::string_view key, absl::string_view value, const LimitOptions& limits);

// kInvalidArgument for a negative timeout.
absl::Status CheckTimeout(absl::Duration timeout);

// A life above this has no end.
inline constexpr absl::Duration kLongestTimeToLive = absl::Hours(24 * 365 * 100);

// The life to give to the value of `key`: `wanted` rounded up to milliseconds; nullopt for one
// without end. kInvalidArgument for zero and below.
absl::StatusOr<absl::optional<absl::Duration>> ResolveTimeToLive(absl::string_view key, absl::Duration wanted);

// kNotFound: neither tier has `key`.
absl::Status NoValue(absl::string_view key);

// The error of a call whose deadline passed, and that of a call that Close ended.
absl::Status DeadlinePassed(absl::string_view what);
absl::Status CancelledByClose();

// `status` with "`verb` of `key`: " in front of its text; keeps its payloads.
absl::Status Annotate(const absl::Status& status, absl::string_view verb, absl::string_view key);

// `status` marked so that nearcache::OutcomeUnknown() is true for it.
absl::Status MarkOutcomeUnknown(absl::Status status);
bool HasOutcomeUnknown(const absl::Status& status);

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_ARGUMENTS_H_
