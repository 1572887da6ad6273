// Numbers with units, as people write them in URLs and environment variables.
//
// Every error is kInvalidArgument and reads `field: "text" is not ...`, with the form that is
// expected. None of these is used for secrets.

#ifndef NEARCACHE_INTERNAL_BASE_TEXT_UNITS_H_
#define NEARCACHE_INTERNAL_BASE_TEXT_UNITS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nearcache::internal {

// A decimal integer, from `least` to `greatest`, without spaces or a plus sign.
absl::StatusOr<int64_t> ParseInteger(absl::string_view field, absl::string_view text, int64_t least, int64_t greatest);

// "250ms", "2s", "1m30s", "1h", "1.5s", "inf": absl::ParseDuration's form, which wants a unit. Not
// negative.
absl::StatusOr<absl::Duration> ParseUnitDuration(absl::string_view field, absl::string_view text);

// A number of bytes: "1048576", "512KiB", "64MiB", "1GiB", "1TiB". At most 2^62.
absl::StatusOr<int64_t> ParseByteSize(absl::string_view field, absl::string_view text);

// `text` in quotes, for an error: unprintable bytes escaped, cut behind 80 bytes.
std::string Quoted(absl::string_view text);

// The error of all parsers here: `field: "text" is not expected`.
absl::Status NotReadable(absl::string_view field, absl::string_view text, absl::string_view expected);

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_TEXT_UNITS_H_
