#include "bench/hit_ratio/sweep.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "bench/hit_ratio/bounds.h"
#include "bench/hit_ratio/tier_run.h"
#include "nearcache/options.h"

namespace nearcache::hit_ratio {
namespace {

using internal::local::PolicyKind;

// The least that a cache can be opened with.
constexpr uint64_t kEntriesMin = LocalOptions::kEntriesMin;
constexpr uint64_t kCapacityMin = uint64_t{1} << 20;
// Of key and value, where entries are counted and many.
constexpr uint32_t kEqualBytesMin = 256;
// What a policy may lose, in points, and yet be the default.
constexpr double kDefaultGainMin = -1;

// What both units need.
struct Load {
  const Trace& trace;
  std::vector<uint32_t> weights;  // For all but the tier.
};

Load LoadFor(const Trace& trace, Unit unit, const SweepOptions& options) {
  if (unit == Unit::kEntries) return {trace, std::vector<uint32_t>(trace.key_count(), 1)};
  TierSetting setting;
  setting.stripe_count = StripesFor(trace.key_count(), options.stripe_count);
  const uint32_t overhead = OverheadPerEntry(trace.sizes, setting);
  Load load{trace, trace.sizes};
  for (uint32_t& weight : load.weights) weight += overhead;
  return load;
}

TierRun RunByEntries(const Trace& trace, uint64_t entries, const TierSetting& setting) {
  const auto size = static_cast<uint32_t>(std::max<uint64_t>(kEqualBytesMin, kCapacityMin / entries));
  return RunTier(trace.requests, std::vector<uint32_t>(trace.key_count(), size),
                 CapacityForEntries(static_cast<uint32_t>(entries), size, setting), setting);
}

void RunPolicy(const Trace& trace, uint64_t entries, const TierSetting& setting, Cell* cell) {
  const bool scan_resistant = setting.policy == PolicyKind::kScanResistant;
  const TierRun run = cell->unit == Unit::kEntries
                          ? RunByEntries(trace, entries, setting)
                          : RunTier(trace.requests, trace.sizes, static_cast<size_t>(cell->capacity), setting);
  cell->hits[scan_resistant ? kScanResistant : kTierLru] = run.hits;
  (scan_resistant ? cell->scan_resistant_entries : cell->lru_entries) = run.mean_entries;
}

bool IsJudgedPercent(double percent) {
  return std::find(std::begin(kJudgedPercents), std::end(kJudgedPercents), percent) != std::end(kJudgedPercents);
}

struct Gains {
  double sum = 0;
  double worst = 0;
  int count = 0;

  void Add(double gain) {
    worst = count == 0 ? gain : std::min(worst, gain);
    sum += gain;
    ++count;
  }
};

bench::Verdict VerdictOf(bench::Goal goal, double value) {
  bench::Verdict verdict;
  verdict.goal = std::move(goal);
  verdict.value = value;
  return verdict;
}

}  // namespace

int StripesFor(uint64_t entries, int stripe_count_max) {
  int count = 1;
  while (count * 2 <= stripe_count_max && entries / (static_cast<uint64_t>(count) * 2) >= kStripeEntriesMin) count *= 2;
  return count;
}

std::vector<Cell> Sweep(const Trace& trace, Unit unit, const SweepOptions& options,
                        absl::FunctionRef<void(const Cell&)> progress) {
  const Load load = LoadFor(trace, unit, options);
  double all = 0;
  for (const uint32_t weight : load.weights) all += weight;
  std::vector<Cell> cells;
  for (const double percent : kPercents) {
    const auto entries = static_cast<uint64_t>(trace.key_count() * percent / 100);
    if (entries < kEntriesMin) continue;
    Cell cell;
    cell.trace = trace.name;
    cell.recorded = trace.recorded;
    cell.unit = unit;
    cell.requests = trace.requests.size();
    cell.percent = percent;
    cell.capacity = static_cast<uint64_t>(all * percent / 100);
    cell.hits[kBound] = unit == Unit::kEntries ? MinHits(trace.requests, trace.key_count(), cell.capacity)
                                               : IntervalBoundHits(trace.requests, load.weights, cell.capacity);
    cell.hits[kLru] = LruHits(trace.requests, load.weights, cell.capacity);
    cell.hits[kFifo] = FifoHits(trace.requests, load.weights, cell.capacity);
    for (const PolicyKind policy : {PolicyKind::kScanResistant, PolicyKind::kLru}) {
      RunPolicy(trace, entries, {policy, StripesFor(entries, options.stripe_count), options.seed}, &cell);
    }
    progress(cell);
    cells.push_back(cell);
  }
  return cells;
}

std::vector<bench::Verdict> Judge(const std::vector<Cell>& cells) {
  Gains judged;
  Gains by_entries;
  Gains by_bytes;
  for (const Cell& cell : cells) {
    if (!cell.recorded) continue;
    if (cell.unit == Unit::kBytes) {
      if (cell.capacity >= kCapacityMin) by_bytes.Add(cell.Gain(kScanResistant) - cell.Gain(kTierLru));
      continue;
    }
    by_entries.Add(cell.Gain(kScanResistant));
    if (IsJudgedPercent(cell.percent)) judged.Add(cell.Gain(kScanResistant));
  }
  using bench::AtLeast;
  std::vector<bench::Verdict> verdicts;
  if (judged.count > 0) {
    verdicts.push_back(VerdictOf({"L16", "lru-mean", "mean gain over LRU, points", AtLeast(3.2), AtLeast(2.0)},
                                 judged.sum / judged.count));
    verdicts.push_back(VerdictOf(
        {"L16", "lru-worst", "gain over LRU in the worst cell, points", AtLeast(-1.6), AtLeast(-3.0)}, judged.worst));
  }
  if (by_entries.count > 0) {
    verdicts.push_back(VerdictOf({"default", "lru-entries-worst", "gain over LRU, by entries, worst of all sizes",
                                  AtLeast(kDefaultGainMin), AtLeast(kDefaultGainMin)},
                                 by_entries.worst));
  }
  if (by_bytes.count > 0) {
    verdicts.push_back(VerdictOf({"default", "kLru-bytes-worst", "gain over kLru, by bytes, worst of all sizes",
                                  AtLeast(kDefaultGainMin), AtLeast(kDefaultGainMin)},
                                 by_bytes.worst));
  }
  return verdicts;
}

}  // namespace nearcache::hit_ratio
