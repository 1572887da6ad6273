// The figures of a run, as lines.

#ifndef BENCH_COHERENCE_TORTURE_SUMMARY_H_
#define BENCH_COHERENCE_TORTURE_SUMMARY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "bench/coherence_torture/arena.h"

namespace nearcache::bench::torture {

// Over all workers, since the beginning.
struct Totals {
  std::array<uint64_t, kCountCount> counts = {};
  int64_t oldest_nanos = 0;
  uint64_t violations = 0;

  // Reads whose value was placed in time and held against the promise. Not among them: those that fell into the store's
  // step into its past, and values whose write got no answer, so that nothing says when they took effect.
  uint64_t CheckedReads() const;
  // Of all reads, failed ones included.
  double HitShare() const;
};

Totals TotalsOf(Arena* arena);

struct FaultCounts {
  uint64_t happened = 0;
  size_t kinds = 0;
};

// checked_reads=… writes=… faults=… kinds=… violations=… oldest_ms=… bound_ms=… hit_share=…
std::string LastLine(const Totals& totals, const FaultCounts& faults, int64_t bound_nanos);

// What the last line has no room for.
std::string Details(const Totals& totals);

class Progress {
 public:
  // One line about what happened since the last one. `under_way`: names of faults.
  std::string Line(const Totals& totals, const FaultCounts& faults, int64_t since_start_nanos,
                   absl::string_view under_way);

 private:
  Totals last_;
  int64_t last_nanos_ = 0;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_SUMMARY_H_
