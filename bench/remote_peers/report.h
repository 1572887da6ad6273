// What a run says: tables for people, JSON for programs, and the goal lines for both.

#ifndef BENCH_REMOTE_PEERS_REPORT_H_
#define BENCH_REMOTE_PEERS_REPORT_H_

#include <string>
#include <vector>

#include "bench/remote_peers/figures.h"
#include "bench/remote_peers/scenes.h"
#include "bench/support/goals.h"

namespace nearcache::remote_peers {

// The median figures of every contender and scene of a mode, and in brackets the median of ours divided by theirs.
std::string ModeTable(const Mode& mode, const Results& results);

// The table of the verdicts, then one line each.
std::string GoalTable(const std::vector<bench::Verdict>& verdicts);

// How busy the machine was with other things.
std::string Disturbance();

std::string Json(const Results& results, const std::vector<bench::Verdict>& verdicts);

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_REPORT_H_
