// A worker process: opens a cache on the tour's server, runs its load threads, and publishes what the cache says about
// itself until the tour stops.

#ifndef BENCH_TOUR_WORKER_H_
#define BENCH_TOUR_WORKER_H_

#include <cstdint>

namespace nearcache::bench::tour {

// The whole life of worker `index`; `descriptor` is the shared memory. Returns the process's exit code.
int RunWorker(uint32_t index, int descriptor);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_WORKER_H_
