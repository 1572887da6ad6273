// How much memory a candidate takes for what it keeps, in a process of its own: after a fill by one thread, and after
// two threads have churned through many more keys than fit. And how many hits it gets out of an equal number of bytes.

#ifndef BENCH_LOCAL_PEERS_MEMORY_H_
#define BENCH_LOCAL_PEERS_MEMORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "bench/local_peers/registry.h"
#include "bench/support/goals.h"

namespace nearcache::local_peers {

struct MemoryOptions {
  uint32_t few_keys = 100'000;
  uint32_t many_keys = 1'000'000;
  uint64_t churn_operations = 16'000'000;
  uint64_t seed = 1;
};

// Bytes per entry are those of the process, over key and value. Zero: not known.
struct MemoryFigures {
  double few_overhead = 0;
  double few_accounted_share = 0;
  double many_overhead = 0;
  double many_accounted_share = 0;
  double churn_overhead = 0;
  double equal_bytes_hit_ratio = 0;
};

using MemoryResults = std::map<std::string, MemoryFigures>;

// REQUIRES: this process has one thread.
MemoryResults MeasureMemory(const std::vector<Entrant>& entrants, const MemoryOptions& options,
                            absl::FunctionRef<void(const std::string&)> tell);

std::string MemoryTable(const std::vector<Entrant>& entrants, const MemoryResults& results);

std::vector<bench::Verdict> JudgeMemory(const MemoryResults& results);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_MEMORY_H_
