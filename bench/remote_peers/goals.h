// The goals G1 to G11, the floor under them, and the limits on context switches and allocations.

#ifndef BENCH_REMOTE_PEERS_GOALS_H_
#define BENCH_REMOTE_PEERS_GOALS_H_

#include <vector>

#include "bench/remote_peers/figures.h"
#include "bench/support/goals.h"

namespace nearcache::remote_peers {

// Of what was measured; a goal against a peer that is not here has no verdict.
std::vector<bench::Verdict> Judge(const Results& results);

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_GOALS_H_
