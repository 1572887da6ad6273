// Every policy on one trace, at every size of memory.

#ifndef BENCH_HIT_RATIO_SWEEP_H_
#define BENCH_HIT_RATIO_SWEEP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "bench/hit_ratio/trace.h"
#include "bench/support/goals.h"

namespace nearcache::hit_ratio {

// A curve.
enum Series : size_t { kBound, kScanResistant, kTierLru, kLru, kFifo, kSeriesCount };

// As they stand in tables, JSON and the page.
inline constexpr const char* kSeriesNames[kSeriesCount] = {"belady", "nearcache-scan-resistant", "nearcache-lru", "lru",
                                                           "fifo"};
inline constexpr const char* kSeriesMeanings[kSeriesCount] = {"Belady's bound", "nearcache, kScanResistant",
                                                              "nearcache, kLru", "LRU, exact", "FIFO"};

// What memory is counted in.
enum class Unit { kEntries, kBytes };
inline const char* UnitName(Unit unit) { return unit == Unit::kEntries ? "entries" : "bytes"; }

struct Cell {
  std::string trace;
  bool recorded = false;
  Unit unit = Unit::kEntries;
  uint64_t requests = 0;
  // Of all keys of the trace, or of the bytes that all of them need.
  double percent = 0;
  uint64_t capacity = 0;
  std::array<uint64_t, kSeriesCount> hits = {};
  // What the tier held on average, with kScanResistant and with kLru.
  double scan_resistant_entries = 0;
  double lru_entries = 0;

  // In per cent of the requests.
  double Ratio(Series series) const {
    return 100.0 * static_cast<double>(hits[series]) / static_cast<double>(requests);
  }
  double Gain(Series series) const { return Ratio(series) - Ratio(kLru); }
};

// Sizes of memory, in per cent; and those at which L16 is judged.
inline constexpr double kPercents[] = {0.5, 1, 2, 5, 10, 25, 50};
inline constexpr double kJudgedPercents[] = {1, 5, 10, 25};

struct SweepOptions {
  // At most; fewer where a stripe would hold less than kStripeEntriesMin, which no cache of the allowed sizes does.
  int stripe_count = 16;
  uint64_t seed = 1;
};

inline constexpr uint64_t kStripeEntriesMin = 64;

// Largest power of two that is at most `stripe_count_max` and leaves each stripe kStripeEntriesMin of `entries`.
int StripesFor(uint64_t entries, int stripe_count_max);

// In units of `unit`, ascending by size; sizes below sixteen entries are left out. `progress` hears each cell.
//
// kEntries: all entries have the same size, and the tier gets the budget in which it holds so many. No cache can be
// opened with less than 1 MiB, so where they are few they are large. The bound is MIN.
// kBytes: sizes as the trace has them, and the tier gets the budget as it is. All others are charged for an entry what
// the tier's books show on average besides key and value, so that they have no more room; the bound is that by
// intervals (bounds.h).
std::vector<Cell> Sweep(const Trace& trace, Unit unit, const SweepOptions& options,
                        absl::FunctionRef<void(const Cell&)> progress);

// Of kScanResistant on recorded traces; a verdict without cells is left out. L16: by entries at kJudgedPercents, the
// mean gain over exact LRU, and the worst cell. "default", which asks whether it loses too much to be the default: the
// worst cell of all sizes, by entries against exact LRU, and, from 1 MiB on, by bytes against kLru, which bears the
// same bookkeeping.
std::vector<bench::Verdict> Judge(const std::vector<Cell>& cells);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_SWEEP_H_
