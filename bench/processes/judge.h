// The rule by which every read is judged (the contract's sentences 1, 2 and 4 of README, seen from outside).
//
// A read that began at time t and returned version v of a key is
//   * too old      if v's successor had been acknowledged before t - bound; for reads that must be fresh the bound is 0
//   * went back    if a read or write of this process had already shown a newer version before t
//   * a phantom    if the write of v was reported as certainly not executed
//   * foreign      if nobody ever wrote v, or the bytes are of another key, torn or mixed
// and otherwise sound. A version whose write ended without an answer may take effect at any later moment, even after
// its successors, so such a version is neither too old nor a step back; nor does an unanswered write replace anything.
// Once anybody has seen it, though, it has taken effect, and cannot do so a second time: what was begun after that
// moment replaces it like any other.
//
// A store that went back to an old state (a restart from an old snapshot) has lost the writes that had begun before it
// came back: those neither replace anything nor are they a floor.

#ifndef BENCH_PROCESSES_JUDGE_H_
#define BENCH_PROCESSES_JUDGE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "bench/processes/version_table.h"

namespace nearcache::bench {

enum class Finding : uint32_t {
  kSound,
  kUnknownVersion,  // Sound: its write got no answer.
  kTooOld,
  kWentBack,
  kPhantom,
  kForeign,
};
constexpr int kFindingCount = 6;

// Whether a finding breaks the promise.
inline bool IsViolation(Finding finding) { return finding >= Finding::kTooOld; }

// "too old", …
absl::string_view FindingName(Finding finding);

struct ReadObservation {
  uint32_t key = 0;
  uint32_t version = 0;
  int64_t begun_nanos = 0;
  // The newest version of the key that this process had seen, by a read or an acknowledged write, when the read began.
  uint32_t floor = 0;
  int64_t bound_nanos = 0;
  // When the store came back from its last step into the past; 0: it never took one.
  int64_t store_since_nanos = 0;
  // When somebody had first seen this version, if its write got no answer; 0: nobody, as far as is known.
  int64_t seen_nanos = 0;
};

struct Verdict {
  Finding finding = Finding::kSound;
  // How the write of the version ended, as far as is known.
  WriteOutcome outcome = WriteOutcome::kNone;
  // The version that had replaced the one read when the read began, and how long before; 0: none had.
  uint32_t successor = 0;
  int64_t age_nanos = 0;
};

// Must be called after the read ended. Cheap when the newest version was read.
Verdict Judge(const VersionTable& table, const ReadObservation& read);

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_JUDGE_H_
