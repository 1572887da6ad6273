// What a run costs this process: processor time, context switches, allocations.

#ifndef NEARCACHE_BENCH_REMOTE_USAGE_H_
#define NEARCACHE_BENCH_REMOTE_USAGE_H_

#include <cstdint>

namespace nearcache::bench {

struct Usage {
  double cpu_micros = 0;  // User and system, all threads.
  int64_t context_switches = 0;
  int64_t allocations = 0;  // Calls of operator new, all threads; malloc of C code is not seen.

  static Usage Now();
  friend Usage operator-(const Usage& a, const Usage& b) {
    return {a.cpu_micros - b.cpu_micros, a.context_switches - b.context_switches, a.allocations - b.allocations};
  }
};

}  // namespace nearcache::bench

#endif  // NEARCACHE_BENCH_REMOTE_USAGE_H_
