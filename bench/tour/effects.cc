#include "bench/tour/effects.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/processes/units.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

constexpr double kSecondsBefore = 1;
constexpr double kRecoveredShare = 0.5;

void MeasureBefore(const std::vector<Sample>& series, double at_seconds, Effect* effect) {
  double count = 0;
  for (const Sample& sample : series) {
    if (sample.at_seconds > at_seconds || sample.at_seconds <= at_seconds - kSecondsBefore) continue;
    effect->reads_per_second_before += sample.total.ReadsPerSecond();
    effect->local_percent_before += sample.total.Percent(kLocalHits);
    ++count;
  }
  if (count == 0) return;
  effect->reads_per_second_before /= count;
  effect->local_percent_before /= count;
}

bool IsGood(const Sample& sample, const Effect& effect) {
  return std::all_of(sample.workers.begin(), sample.workers.end(), [&](const Interval& worker) {
    return worker.counts[kLocalHits] > 0 && worker.counts[kReadsFailed] == 0 &&
           worker.Percent(kLocalHits) >= kRecoveredShare * effect.local_percent_before;
  });
}

// Recovery counts from the last bad sample: one good one between two bad ones is none.
void MeasureAfter(const std::vector<Sample>& series, const FaultEvent& event, double end_seconds, Effect* effect) {
  effect->reads_per_second_worst = effect->reads_per_second_before;
  effect->local_percent_worst = effect->local_percent_before;
  for (const Sample& sample : series) {
    if (sample.at_seconds <= event.at_seconds || sample.at_seconds > end_seconds) continue;
    effect->reads_per_second_worst = std::min(effect->reads_per_second_worst, sample.total.ReadsPerSecond());
    effect->local_percent_worst = std::min(effect->local_percent_worst, sample.total.Percent(kLocalHits));
    effect->oldest_served_nanos = std::max(effect->oldest_served_nanos, sample.total.oldest_served);
    effect->failed_reads += sample.total.counts[kReadsFailed];
    effect->violations += sample.total.Violations();
    const bool undone = sample.at_seconds - sample.total.seconds >= event.until_seconds;
    if (!undone || !IsGood(sample, *effect)) {
      effect->recovery_seconds = -1;
    } else if (effect->recovery_seconds < 0) {
      effect->recovery_seconds = sample.at_seconds - event.at_seconds;
    }
  }
}

}  // namespace

std::vector<Effect> MeasureEffects(const std::vector<Sample>& series, const std::vector<FaultEvent>& events) {
  std::vector<Effect> effects(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    const double end = i + 1 < events.size() ? events[i + 1].at_seconds : std::numeric_limits<double>::max();
    MeasureBefore(series, events[i].at_seconds, &effects[i]);
    MeasureAfter(series, events[i], end, &effects[i]);
  }
  return effects;
}

std::string DescribeEffect(const Effect& effect) {
  std::string text = absl::StrFormat("L1 %.0f %% → %.0f %%, reads %s → %s/s, ", effect.local_percent_before,
                                     effect.local_percent_worst, FormatCount(effect.reads_per_second_before),
                                     FormatCount(effect.reads_per_second_worst));
  if (effect.recovery_seconds < 0) {
    absl::StrAppend(&text, "not all work again yet");
  } else {
    absl::StrAppendFormat(&text, "all work again within %.1f s", effect.recovery_seconds);
  }
  const bool any = effect.oldest_served_nanos > 0;
  absl::StrAppend(&text, "; oldest value served ",
                  any ? FormatNanos(static_cast<double>(effect.oldest_served_nanos)) : "0 ms", "; ", effect.violations,
                  effect.violations == 1 ? " violation" : " violations");
  return text;
}

}  // namespace nearcache::bench::tour
