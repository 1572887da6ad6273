// Integers in the one textual form that Redis' INCRBY and our integer frames share: decimal int64,
// no plus sign, no leading zeros, no "-0", no spaces. One number has exactly one text, so a value
// that reads as a number is also written back byte for byte.

#ifndef NEARCACHE_INTERNAL_CODEC_CANONICAL_INTEGER_H_
#define NEARCACHE_INTERNAL_CODEC_CANONICAL_INTEGER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace nearcache::internal::codec {

// The number that `text` is the canonical form of, or nullopt. Looks at 20 bytes at most; about 1
// ns for text that does not begin like a number.
absl::optional<int64_t> ParseCanonicalInteger(absl::string_view text);

// The number inside the payload of an integer frame, as its digits; nullopt unless the payload is a canonical number, a
// space, and the same number again. Any changed byte and any cut breaks that.
absl::optional<absl::string_view> IntegerPayloadDigits(absl::string_view payload);

}  // namespace nearcache::internal::codec

#endif  // NEARCACHE_INTERNAL_CODEC_CANONICAL_INTEGER_H_
