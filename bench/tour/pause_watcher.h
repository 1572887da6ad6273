// One thread of a worker that does nothing but look at the clock. When it finds that the process stood still for a good
// part of the staleness bound, it reads the most popular keys from memory at once: of all moments this is the one in
// which a cache is most likely to serve what was replaced long ago, and the load threads, which mostly wait for the
// server, would hardly meet it before the invalidations that arrived meanwhile are applied.

#ifndef BENCH_TOUR_PAUSE_WATCHER_H_
#define BENCH_TOUR_PAUSE_WATCHER_H_

#include <cstdint>

#include "bench/processes/session_floor.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/shared_memory.h"
#include "nearcache/cache.h"

namespace nearcache::bench::tour {

class PauseWatcher {
 public:
  // None of the pointers is owned; all must outlive this.
  PauseWatcher(Cache* cache, SharedMemory* memory, SessionFloor* floors, uint32_t worker);

  // Runs until the phase is kStopping.
  void Run();

 private:
  void ReadPopularKeys();

  Cache* const cache_;
  SharedMemory* const memory_;
  ReadChecker checker_;
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_PAUSE_WATCHER_H_
