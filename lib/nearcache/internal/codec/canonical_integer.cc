#include "nearcache/internal/codec/canonical_integer.h"

#include <limits>

#include "nearcache/internal/base/frame_layout.h"

namespace nearcache::internal::codec {

absl::optional<int64_t> ParseCanonicalInteger(absl::string_view text) {
  if (text.empty() || text.size() > kFrameIntegerSizeMax) return absl::nullopt;
  if (text == "0") return 0;
  const bool negative = text[0] == '-';
  const absl::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits[0] == '0') return absl::nullopt;
  // The magnitude of the least int64 is one more than that of the greatest.
  const uint64_t limit = uint64_t{std::numeric_limits<int64_t>::max()} + (negative ? 1 : 0);
  uint64_t magnitude = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return absl::nullopt;
    const uint64_t value = static_cast<uint64_t>(digit - '0');
    if (magnitude > (limit - value) / 10) return absl::nullopt;
    magnitude = magnitude * 10 + value;
  }
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

absl::optional<absl::string_view> IntegerPayloadDigits(absl::string_view payload) {
  const absl::string_view digits = payload.substr(0, payload.size() / 2);
  const bool twice = payload.size() == 2 * digits.size() + 1 && payload[digits.size()] == ' ' &&
                     payload.substr(digits.size() + 1) == digits;
  if (!twice || !ParseCanonicalInteger(digits).has_value()) return absl::nullopt;
  return digits;
}

}  // namespace nearcache::internal::codec
