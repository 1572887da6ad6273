// The goals that are ratios of times: ours against a peer's in the same rounds.

#ifndef BENCH_LOCAL_PEERS_TIMING_GOALS_H_
#define BENCH_LOCAL_PEERS_TIMING_GOALS_H_

#include <vector>

#include "bench/local_peers/registry.h"
#include "bench/local_peers/results.h"
#include "bench/support/goals.h"

namespace nearcache::local_peers {

// Only those that this run has measured both sides of.
std::vector<bench::Verdict> JudgeTimes(const Results& results, const std::vector<Entrant>& entrants);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_TIMING_GOALS_H_
