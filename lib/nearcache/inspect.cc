#include "nearcache/inspect.h"

#include "absl/strings/str_cat.h"

namespace nearcache {
namespace {

absl::string_view InWords(Explanation::Memory memory) {
  switch (memory) {
    case Explanation::Memory::kAbsent:
      return "not there";
    case Explanation::Memory::kServed:
      return "would be served";
    case Explanation::Memory::kExpired:
      return "not served: its life is over";
    case Explanation::Memory::kCleared:
      return "not served: cleared, or from before all of memory was distrusted";
    case Explanation::Memory::kNotVouchedFor:
      return "not served: older than the staleness bound, and no lease covers it";
  }
  return "unknown";
}

absl::string_view InWords(Explanation::Remote remote) {
  switch (remote) {
    case Explanation::Remote::kNotAsked:
      return "not asked";
    case Explanation::Remote::kNone:
      return "there is none";
    case Explanation::Remote::kUnreachable:
      return "no answer";
    case Explanation::Remote::kAbsent:
      return "not there";
    case Explanation::Remote::kPresent:
      return "there";
    case Explanation::Remote::kExpired:
      return "absent: marked as expired";
    case Explanation::Remote::kCleared:
      return "absent: written before the last Clear";
    case Explanation::Remote::kForeign:
      return "unusable: not written by this library";
    case Explanation::Remote::kUnusable:
      return "unusable: damaged, of another version, or of another key";
  }
  return "unknown";
}

std::string Life(absl::Duration time_to_live) {
  if (time_to_live == absl::InfiniteDuration()) return "without end";
  return absl::StrCat("for ", absl::FormatDuration(time_to_live), " more");
}

}  // namespace

std::string Explanation::ToString() const {
  std::string text = absl::StrCat("memory: ", InWords(memory), "\n");
  if (being_written) absl::StrAppend(&text, "  is being written here: reads go to the remote tier\n");
  if (being_read) absl::StrAppend(&text, "  is being read from the remote tier\n");
  if (being_loaded) absl::StrAppend(&text, "  is being loaded\n");
  absl::StrAppend(&text, "  stripe ", stripe, ", lane ", lane, ", ",
                  lane_generation == 0 ? "closed" : absl::StrCat("generation ", lane_generation), "\n");
  if (memory != Memory::kAbsent) {
    absl::StrAppend(&text, "  age ", absl::FormatDuration(age), ", lives ", Life(time_to_live), ", ", value_bytes,
                    " bytes of value in ", entry_bytes, "\n  generation ", generation,
                    leased ? ", covered by the lease" : ", not covered by the lease",
                    read_lately ? ", read lately" : ", not read lately", ", written by operation ", operation_id, "\n");
  }
  absl::StrAppend(&text, "remote: ", InWords(remote));
  if (remote == Remote::kUnreachable) absl::StrAppend(&text, ": ", remote_status.message());
  if (remote == Remote::kPresent) {
    absl::StrAppend(&text, ", lives ", Life(remote_time_to_live), ", ", remote_bytes, " bytes as stored\n  ",
                    same_write() ? "the same write as in memory" : "written by operation ",
                    same_write() ? "" : remote_operation_id);
  }
  absl::StrAppend(&text, "\n");
  return text;
}

}  // namespace nearcache
