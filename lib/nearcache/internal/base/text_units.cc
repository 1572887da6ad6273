#include "nearcache/internal/base/text_units.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace nearcache::internal {
namespace {

constexpr int64_t kByteSizeMax = int64_t{1} << 62;

// More of a text that cannot be read helps nobody.
constexpr size_t kQuotedBytesMax = 80;

// Only digits, behind one minus sign at most: SimpleAtoi alone would also take spaces and a plus
// sign.
bool IsPlainNumber(absl::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

struct ByteUnit {
  absl::string_view name;
  int shift;
};
constexpr ByteUnit kByteUnits[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

}  // namespace

std::string Quoted(absl::string_view text) {
  const absl::string_view ending = text.size() > kQuotedBytesMax ? "...\"" : "\"";
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kQuotedBytesMax)), ending);
}

absl::Status NotReadable(absl::string_view field, absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", Quoted(text), " is not ", expected));
}

absl::StatusOr<int64_t> ParseInteger(absl::string_view field, absl::string_view text, int64_t least, int64_t greatest) {
  int64_t number = 0;
  if (!IsPlainNumber(text) || !absl::SimpleAtoi(text, &number) || number < least || number > greatest) {
    return NotReadable(field, text, absl::StrCat("a whole number from ", least, " to ", greatest));
  }
  return number;
}

absl::StatusOr<absl::Duration> ParseUnitDuration(absl::string_view field, absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration()) {
    return NotReadable(field, text, "a duration: a number with a unit, as 250ms, 2s, 5m or 1h, not negative");
  }
  return duration;
}

absl::StatusOr<int64_t> ParseByteSize(absl::string_view field, absl::string_view text) {
  const absl::Status error =
      NotReadable(field, text, "a size: whole bytes, or a number with KiB, MiB, GiB or TiB, at most 2^62 bytes");
  absl::string_view digits = text;
  int shift = 0;
  for (const ByteUnit& unit : kByteUnits) {
    if (text.size() < unit.name.size() || text.substr(text.size() - unit.name.size()) != unit.name) continue;
    digits.remove_suffix(unit.name.size());
    shift = unit.shift;
  }
  int64_t number = 0;
  if (!IsPlainNumber(digits) || !absl::SimpleAtoi(digits, &number)) return error;
  if (number < 0 || number > (kByteSizeMax >> shift)) return error;
  return number << shift;
}

}  // namespace nearcache::internal
