// A histogram as CacheStats shows it.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_HISTOGRAM_SUMMARY_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_HISTOGRAM_SUMMARY_H_

#include "nearcache/internal/metrics/histogram.h"
#include "nearcache/stats.h"

namespace nearcache::internal::conductor {

inline DurationSummary Summarise(const metrics::HistogramSnapshot& snapshot) {
  DurationSummary summary;
  summary.count = snapshot.count();
  summary.p50 = snapshot.Percentile(50);
  summary.p99 = snapshot.Percentile(99);
  summary.max = snapshot.max();
  return summary;
}

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_HISTOGRAM_SUMMARY_H_
