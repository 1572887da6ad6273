#include "bench/support/goals.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nearcache::bench {
namespace {

const char* YesOrNo(bool yes) { return yes ? "yes" : "no"; }

}  // namespace

std::string FormatRange(const Range& range) {
  if (std::isinf(range.low)) return absl::StrFormat("<=%.4g", range.high);
  if (std::isinf(range.high)) return absl::StrFormat(">=%.4g", range.low);
  return absl::StrFormat("%.4g..%.4g", range.low, range.high);
}

std::string GoalLine(const Verdict& verdict) {
  std::string line =
      absl::StrFormat("goal=%s against=%s value=%.3g limit=%s ok=%s", verdict.goal.id, verdict.goal.against,
                      verdict.value, FormatRange(verdict.goal.limit), YesOrNo(verdict.ok()));
  if (!verdict.goal.floor.unbounded()) {
    absl::StrAppendFormat(&line, " floor=%s above_floor=%s", FormatRange(verdict.goal.floor),
                          YesOrNo(verdict.above_floor()));
  }
  if (verdict.low != 0 || verdict.high != 0) {
    absl::StrAppendFormat(&line, " spread=%.3g..%.3g", verdict.low, verdict.high);
  }
  return line;
}

}  // namespace nearcache::bench
