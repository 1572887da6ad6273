#include "bench/coherence_torture/summary.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/arena.h"
#include "bench/processes/units.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

double Millis(int64_t nanos) { return static_cast<double>(nanos) / kNanosPerMilli; }

uint64_t AllReads(const Totals& totals) {
  return totals.counts[kLocalHits] + totals.counts[kRemoteHits] + totals.counts[kMisses] + totals.counts[kReadsFailed];
}

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

uint64_t Totals::CheckedReads() const {
  return counts[kLocalHits] + counts[kRemoteHits] - counts[kUnjudged] - counts[kUnplaced];
}

double Totals::HitShare() const { return Share(counts[kLocalHits], AllReads(*this)); }

Totals TotalsOf(Arena* arena) {
  Totals totals;
  for (uint32_t worker = 0; worker < arena->setup().worker_count; ++worker) {
    WorkerBlock& block = arena->worker(worker);
    for (int i = 0; i < kCountCount; ++i) totals.counts[i] += block.counts[i].load(std::memory_order_relaxed);
    totals.oldest_nanos = std::max(totals.oldest_nanos, block.oldest_nanos.load(std::memory_order_relaxed));
  }
  totals.violations = arena->violations().Total();
  return totals;
}

std::string LastLine(const Totals& totals, const FaultCounts& faults, int64_t bound_nanos) {
  return absl::StrFormat(
      "checked_reads=%d writes=%d faults=%d kinds=%d violations=%d oldest_ms=%.1f bound_ms=%d hit_share=%.2f%%",
      totals.CheckedReads(), totals.counts[kWritesAcknowledged], faults.happened, faults.kinds, totals.violations,
      Millis(totals.oldest_nanos), bound_nanos / kNanosPerMilli, totals.HitShare());
}

std::string Details(const Totals& totals) {
  return absl::StrFormat(
      "Reads: %s from memory, %s from the server (%s had to be fresh), %s found nothing, %s failed.\n"
      "Not counted as checked: %s while the store stepped into its past, %s of a write without an answer.\n"
      "Changes: %s acknowledged, %s without an answer, %s failed. Clears: %s. Syncs: %s. Losses noticed: %s.\n"
      "Among them %s were adds, %s increments, %s ends of lives; besides %s longer lives, and %s loads, %s of them "
      "overtaken.",
      FormatExact(totals.counts[kLocalHits]), FormatExact(totals.counts[kRemoteHits]),
      FormatExact(totals.counts[kFreshReads]), FormatExact(totals.counts[kMisses]),
      FormatExact(totals.counts[kReadsFailed]), FormatExact(totals.counts[kUnjudged]),
      FormatExact(totals.counts[kUnplaced]), FormatExact(totals.counts[kWritesAcknowledged]),
      FormatExact(totals.counts[kWritesUnknown]), FormatExact(totals.counts[kWritesFailed]),
      FormatExact(totals.counts[kClears]), FormatExact(totals.counts[kSyncs]),
      FormatExact(totals.counts[kLossesNoticed]), FormatExact(totals.counts[kAdds]),
      FormatExact(totals.counts[kIncrements]), FormatExact(totals.counts[kLivesEnded]),
      FormatExact(totals.counts[kLivesChanged]), FormatExact(totals.counts[kLoads]),
      FormatExact(totals.counts[kLoadsOvertaken]));
}

std::string Progress::Line(const Totals& totals, const FaultCounts& faults, int64_t since_start_nanos,
                           absl::string_view under_way) {
  const uint64_t reads = AllReads(totals) - AllReads(last_);
  const double seconds = static_cast<double>(since_start_nanos - last_nanos_) / kNanosPerSecond;
  const uint64_t hits = totals.counts[kLocalHits] - last_.counts[kLocalHits];
  last_ = totals;
  last_nanos_ = since_start_nanos;
  return absl::StrFormat(
      "%6.1f s  %7s checked  %7s reads/s  hits %5.1f %%  writes %s  faults %d of %d kinds  oldest %.1f ms  violations "
      "%d  %s",
      static_cast<double>(since_start_nanos) / kNanosPerSecond, FormatCount(static_cast<double>(totals.CheckedReads())),
      FormatCount(static_cast<double>(reads) / seconds), Share(hits, reads),
      FormatCount(static_cast<double>(totals.counts[kWritesAcknowledged])), faults.happened, faults.kinds,
      Millis(totals.oldest_nanos), totals.violations, under_way);
}

}  // namespace nearcache::bench::torture
