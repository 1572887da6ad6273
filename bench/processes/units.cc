#include "bench/processes/units.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nearcache::bench {
namespace {

std::string ThreeDigits(double value) {
  if (value >= 99.95) return absl::StrFormat("%.0f", value);
  if (value >= 9.995) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.2f", value);
}

}  // namespace

std::string FormatNanos(double nanos) {
  if (nanos <= 0) return "-";
  if (nanos < 999.5) return absl::StrCat(ThreeDigits(nanos), " ns");
  if (nanos < 999.5e3) return absl::StrCat(ThreeDigits(nanos / 1e3), " µs");
  if (nanos < 999.5e6) return absl::StrCat(ThreeDigits(nanos / 1e6), " ms");
  return absl::StrCat(ThreeDigits(nanos / 1e9), " s");
}

std::string FormatCount(double count) {
  if (count < 999.5) return absl::StrFormat("%.0f", count);
  if (count < 999.5e3) return absl::StrCat(ThreeDigits(count / 1e3), " k");
  if (count < 999.5e6) return absl::StrCat(ThreeDigits(count / 1e6), " M");
  return absl::StrCat(ThreeDigits(count / 1e9), " G");
}

std::string FormatPercent(double percent) {
  if (percent > 0 && percent < 0.995) return absl::StrFormat("%.2f %%", percent);
  return absl::StrFormat("%.1f %%", percent);
}

std::string FormatExact(uint64_t count) {
  std::string digits = absl::StrCat(count);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace nearcache::bench
