// What readers feel while much goes at once: one thread reads hot keys, another one clears, shrinks to half, or lets a
// million entries expire and takes them out.

#ifndef BENCH_LOCAL_PEERS_PAUSES_H_
#define BENCH_LOCAL_PEERS_PAUSES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "bench/local_peers/registry.h"
#include "bench/support/goals.h"

namespace nearcache::local_peers {

struct PauseOptions {
  uint32_t hot_keys = 100'000;
  uint32_t other_keys = 1'000'000;
  int64_t idle_nanos = 500'000'000;
  // Repetitions of ours; peers have one.
  int repetitions = 3;
};

struct Pause {
  std::string candidate;
  std::string event;         // "clear", "shrink", "expire".
  double call_nanos = 0;     // The call itself.
  double whole_nanos = 0;    // Until the work that it left behind was done.
  double speed_percent = 0;  // The reader's, of what it was before.
  double p999_nanos = 0;
  double max_nanos = 0;
  double idle_p999_nanos = 0;
};

// One for each event that the candidate knows; medians of the repetitions, and the greatest maximum.
std::vector<Pause> MeasurePauses(const std::vector<Entrant>& entrants, const PauseOptions& options,
                                 absl::FunctionRef<void(const std::string&)> tell);

std::string PauseTable(const std::vector<Pause>& pauses);

std::vector<bench::Verdict> JudgePauses(const std::vector<Pause>& pauses);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_PAUSES_H_
