// A worker process: opens a cache behind the proxy, reads and writes, and watches itself until the run stops.

#ifndef BENCH_COHERENCE_TORTURE_WORKER_H_
#define BENCH_COHERENCE_TORTURE_WORKER_H_

#include <cstdint>

namespace nearcache::bench::torture {

// The whole life of worker `index`; `descriptor` is the arena. Returns the process's exit code.
int RunWorker(uint32_t index, int descriptor);

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_WORKER_H_
