// What a run says: tables for people, JSON for programs, and the goal lines for both.

#ifndef BENCH_LOCAL_PEERS_REPORT_H_
#define BENCH_LOCAL_PEERS_REPORT_H_

#include <string>
#include <vector>

#include "bench/local_peers/loads.h"
#include "bench/local_peers/memory.h"
#include "bench/local_peers/pauses.h"
#include "bench/local_peers/registry.h"
#include "bench/local_peers/results.h"
#include "bench/support/goals.h"

namespace nearcache::local_peers {

// Nanoseconds of each candidate and activity, with the ratio of ours to it in brackets; below it hit ratios, throughput
// and latencies.
std::string LoadTables(const Load& load, const std::vector<Entrant>& entrants, const Results& results);

// How often slices were disturbed by other work on this machine, and its load: how far the figures can be trusted.
std::string Disturbance(const Results& results);

// Sorted by goal, the table and then one line each.
std::string GoalTables(std::vector<bench::Verdict> verdicts);

struct Measured {
  Results times;
  MemoryResults memory;
  std::vector<Pause> pauses;
};

std::string Json(const Measured& measured, const std::vector<bench::Verdict>& verdicts);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_REPORT_H_
