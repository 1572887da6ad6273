// The loads: what is kept, and what is done with it.

#ifndef BENCH_LOCAL_PEERS_LOADS_H_
#define BENCH_LOCAL_PEERS_LOADS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/local_peers/candidate.h"
#include "bench/local_peers/registry.h"
#include "bench/support/corpus.h"

namespace nearcache::local_peers {

struct Activity {
  std::string name;  // "visit-1t", "copy-2t-w5": form, threads, percent of writes.
  Task task;
  int threads = 1;
  // Each operation is timed on its own, which costs about as much as a hit of a hot key: latencies count, means do not.
  bool timed = false;
  // All threads work on one key.
  bool one_key = false;
};

struct Load {
  std::string name;
  std::string what;
  bench::Shape shape;
  uint32_t key_count = 0;
  uint32_t entries = 0;  // 0: everything fits.
  double zipf_exponent = 0.99;
  uint32_t slice_operations = 0;  // Per thread.
  std::vector<Activity> activities;
};

inline constexpr char kFill[] = "fill";

// All loads, in the order in which they are run. `hardware_threads` above 2 adds an activity with so many. `quick`
// makes everything small, to see that it works.
std::vector<Load> AllLoads(int hardware_threads, bool quick);

bool TakesPart(const Entrant& entrant, const Load& load);
bool TakesPart(const Entrant& entrant, const Activity& activity);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_LOADS_H_
