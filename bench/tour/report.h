// Everything a finished tour knows about itself: what the summary tells and the page draws.

#ifndef BENCH_TOUR_REPORT_H_
#define BENCH_TOUR_REPORT_H_

#include <string>
#include <vector>

#include "bench/tour/effects.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {

struct Report {
  Setup setup;
  // "Redis 8.0.6"; empty: the local tier alone.
  std::string server_name;
  // How long the load ran, and whether Ctrl-C ended it.
  double seconds = 0;
  bool interrupted = false;
  // Four samples a second.
  std::vector<Sample> series;
  // The whole run as one interval.
  Sample whole;
  std::vector<FaultEvent> events;
  std::vector<Effect> effects;
  // The first violations, in words.
  std::vector<std::string> violations;
  // What went wrong besides violations: a worker that ended by itself or did not recover. Empty in a good tour.
  std::vector<std::string> problems;

  bool Good() const { return whole.total.Violations() == 0 && problems.empty(); }
};

// The verdict and the numbers of the whole run in a few lines of prose.
std::string Summarize(const Report& report);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_REPORT_H_
