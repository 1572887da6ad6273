// Runs a load: all its candidates live at once and take turns, slice by slice, in an order that is shuffled anew for
// each round and activity. So what disturbs the machine for a while disturbs all of them, and ratios within a round
// stay comparable.

#ifndef BENCH_LOCAL_PEERS_RUNNER_H_
#define BENCH_LOCAL_PEERS_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "bench/local_peers/loads.h"
#include "bench/local_peers/registry.h"
#include "bench/local_peers/results.h"

namespace nearcache::local_peers {

struct RunOptions {
  int rounds = 7;
  int timed_rounds = 3;
  // Where all candidates together would take more, they run in groups, each with ours in it.
  size_t memory_bytes = size_t{5} << 30;
  uint64_t seed = 1;
};

// `tell` is called with a line for people now and then.
void RunLoad(const Load& load, const std::vector<Entrant>& entrants, const RunOptions& options, Results* results,
             absl::FunctionRef<void(const std::string&)> tell);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_RUNNER_H_
