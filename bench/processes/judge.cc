#include "bench/processes/judge.h"

#include "absl/strings/string_view.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench {
namespace {

Finding Classify(const VersionHistory& history, const ReadObservation& read, int64_t age_nanos) {
  if (read.version == 0 || read.version > history.newest_begun) return Finding::kForeign;
  if (history.outcome == WriteOutcome::kFailed) return Finding::kPhantom;
  const bool suspect = age_nanos > read.bound_nanos || read.version < read.floor;
  if (history.outcome == WriteOutcome::kUnknown && suspect) return Finding::kUnknownVersion;
  if (age_nanos > read.bound_nanos) return Finding::kTooOld;
  return read.version < read.floor ? Finding::kWentBack : Finding::kSound;
}

}  // namespace

absl::string_view FindingName(Finding finding) {
  switch (finding) {
    case Finding::kSound:
      return "sound";
    case Finding::kUnknownVersion:
      return "of unknown outcome";
    case Finding::kTooOld:
      return "too old";
    case Finding::kWentBack:
      return "went back";
    case Finding::kPhantom:
      return "phantom";
    case Finding::kForeign:
      return "foreign bytes";
  }
  return "?";
}

Verdict Judge(const VersionTable& table, const ReadObservation& read) {
  const VersionHistory history = table.Find(read.key, read.version);
  Verdict verdict;
  if (history.successor != 0 && history.successor_acknowledged_nanos < read.begun_nanos) {
    verdict.successor = history.successor;
    verdict.age_nanos = read.begun_nanos - history.successor_acknowledged_nanos;
  }
  verdict.finding = Classify(history, read, verdict.age_nanos);
  return verdict;
}

}  // namespace nearcache::bench
