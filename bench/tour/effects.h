// What a fault did, read from the time series around it.

#ifndef BENCH_TOUR_EFFECTS_H_
#define BENCH_TOUR_EFFECTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/tour/fault_script.h"
#include "bench/tour/sampler.h"

namespace nearcache::bench::tour {

struct Effect {
  // The mean of the second before the fault, and the worst sample until the next one.
  double reads_per_second_before = 0;
  double reads_per_second_worst = 0;
  double local_percent_before = 0;
  double local_percent_worst = 0;
  // From the fault to the end of the first sample from which on all were good: no worker had a read that failed, and
  // each answered from memory at least half the share that all did before. Negative: not until the next fault or the
  // end.
  double recovery_seconds = -1;
  int64_t oldest_served_nanos = 0;
  uint64_t failed_reads = 0;
  uint64_t violations = 0;
};

// The effect of each event, as far as the series tells by now; a window ends where the next event begins.
std::vector<Effect> MeasureEffects(const std::vector<Sample>& series, const std::vector<FaultEvent>& events);

// "L1 93 % → 71 %, reads 1.2 M → 0.8 M/s, all work again within 1.3 s; oldest value served 214 ms; 0 violations"
std::string DescribeEffect(const Effect& effect);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_EFFECTS_H_
