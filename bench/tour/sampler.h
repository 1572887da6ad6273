// Turns what grows in the shared memory into what happened in an interval.

#ifndef BENCH_TOUR_SAMPLER_H_
#define BENCH_TOUR_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "bench/processes/worker_status.h"
#include "bench/support/histogram.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {

// What one worker, or all together, did in an interval. Durations are nanoseconds; 0 where nothing was measured.
struct Interval {
  double seconds = 0;
  Counts counts = {};
  int64_t hit_tenths_of_nanos_p50 = 0;
  int64_t remote_latency_p50 = 0;
  int64_t remote_latency_p99 = 0;
  int64_t outdated_age_p50 = 0;
  int64_t outdated_age_p99 = 0;
  int64_t oldest_served = 0;
  // Of the worker's cache, at the end of the interval; for all together the worst of them. Lags are since it was
  // opened.
  Gauges gauges = {};
  WorkerState state = WorkerState::kAbsent;

  // Reads that got an answer, be it that there is no value.
  uint64_t Reads() const { return counts[kLocalHits] + counts[kRemoteHits] + counts[kMisses]; }
  double ReadsPerSecond() const { return seconds > 0 ? static_cast<double>(Reads()) / seconds : 0; }
  // Of all reads that were tried, the percentage that ended so.
  double Percent(Count count) const;
  uint64_t Violations() const;
};

struct Sample {
  // When the interval ended, since the load began.
  double at_seconds = 0;
  std::vector<Interval> workers;
  Interval total;
};

class Sampler {
 public:
  // `memory` is not owned. Each observer may have one sampler only.
  Sampler(SharedMemory* memory, Observer observer);

  // The interval since the last call, or since construction. `at_seconds` of both give its length.
  Sample Take(double at_seconds);

 private:
  struct Cumulative {
    Counts counts = {};
    HistogramSnapshot remote_latency;
    HistogramSnapshot hits;
    HistogramSnapshot outdated;
  };

  Cumulative Read(uint32_t worker) const;
  Interval Describe(const Cumulative& difference, double seconds) const;
  void AddGauges(uint32_t worker, Interval* interval) const;

  SharedMemory* const memory_;
  const Observer observer_;
  std::vector<Cumulative> before_;
  double before_seconds_ = 0;
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_SAMPLER_H_
