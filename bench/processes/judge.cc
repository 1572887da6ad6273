#include "bench/processes/judge.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench {
namespace {

// From when on a write must have begun to be after the version that was read in any case.
int64_t CountsFrom(const ReadObservation& read, WriteOutcome outcome) {
  const bool placed = outcome == WriteOutcome::kUnknown && read.seen_nanos > 0;
  return placed ? std::max(read.store_since_nanos, read.seen_nanos) : read.store_since_nanos;
}

bool WentBack(const VersionTable& table, const ReadObservation& read, int64_t counts_from_nanos) {
  if (read.version >= read.floor) return false;
  return counts_from_nanos == 0 || table.Find(read.key, read.floor).begun_nanos >= counts_from_nanos;
}

Finding Classify(const VersionTable& table, const VersionHistory& history, const ReadObservation& read,
                 int64_t age_nanos) {
  if (read.version == 0 || read.version > history.newest_begun) return Finding::kForeign;
  if (history.outcome == WriteOutcome::kFailed) return Finding::kPhantom;
  const bool unplaced = history.outcome == WriteOutcome::kUnknown && read.seen_nanos == 0;
  const bool suspect = age_nanos > read.bound_nanos || read.version < read.floor;
  if (unplaced && suspect) return Finding::kUnknownVersion;
  if (age_nanos > read.bound_nanos) return Finding::kTooOld;
  return WentBack(table, read, CountsFrom(read, history.outcome)) ? Finding::kWentBack : Finding::kSound;
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
  VersionHistory history = table.Find(read.key, read.version, read.store_since_nanos);
  const int64_t counts_from_nanos = CountsFrom(read, history.outcome);
  if (counts_from_nanos > read.store_since_nanos) history = table.Find(read.key, read.version, counts_from_nanos);
  Verdict verdict;
  verdict.outcome = history.outcome;
  if (history.successor != 0 && history.successor_acknowledged_nanos < read.begun_nanos) {
    verdict.successor = history.successor;
    verdict.age_nanos = read.begun_nanos - history.successor_acknowledged_nanos;
  }
  verdict.finding = Classify(table, history, read, verdict.age_nanos);
  return verdict;
}

}  // namespace nearcache::bench
