// The coordinator of a tour: starts the server and the workers, watches, does the faults, shows, judges the whole,
// writes the page, and leaves nothing behind.

#ifndef BENCH_TOUR_COORDINATOR_H_
#define BENCH_TOUR_COORDINATOR_H_

#include "bench/tour/flags.h"

namespace nearcache::bench::tour {

// The whole life of the coordinator. Returns the exit code of the program: 0 if the load ran, nothing broke the promise
// and every worker recovered; 1 otherwise.
int RunTour(const Flags& flags);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_COORDINATOR_H_
