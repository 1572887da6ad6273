// What was measured, and of what.

#ifndef BENCH_REMOTE_PEERS_FIGURES_H_
#define BENCH_REMOTE_PEERS_FIGURES_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bench/support/spread.h"

namespace nearcache::remote_peers {

// One turn of one contender. "Per operation": per GET, batch, write or message, as the scene has it. What a scene does
// not measure is 0.
struct Figures {
  double per_second = 0;
  double client_cpu_micros = 0;  // Per operation: all threads of this process, or the subscriber's alone.
  double server_cpu_micros = 0;  // Per operation.
  double switches = 0;           // Context switches of this process per operation.
  double allocations = 0;        // Calls of malloc and its relatives per operation.
  // Corrected for coordinated omission (loops.h).
  double p50_micros = 0;
  double p99_micros = 0;
  double p999_micros = 0;
  uint64_t wrong = 0;  // Answers that were another key's, messages that were lost.
};

using Column = double Figures::*;

// Which turns are compared with each other.
struct Scene {
  std::string mode;    // "bt"
  std::string detail;  // "n=64"

  std::string ToString() const { return mode + " " + detail; }
  bool operator<(const Scene& other) const { return std::tie(mode, detail) < std::tie(other.mode, other.detail); }
};

class Results {
 public:
  // `figures` of the contenders of one round come in the same order of rounds.
  void Add(const Scene& scene, const std::string& contender, const Figures& figures) {
    rounds_[scene][contender].push_back(figures);
  }

  using Rounds = std::vector<Figures>;
  const std::map<Scene, std::map<std::string, Rounds>>& all() const { return rounds_; }
  bool Has(const Scene& scene, const std::string& contender) const;

  // Count 0: not measured.
  bench::Spread Of(const Scene& scene, const std::string& contender, Column column) const;
  // Of the ratios within each round.
  bench::Spread Ratio(const Scene& scene, const std::string& ours, const std::string& theirs, Column column) const;

  uint64_t wrong() const;

 private:
  std::vector<double> Values(const Scene& scene, const std::string& contender, Column column) const;

  std::map<Scene, std::map<std::string, Rounds>> rounds_;
};

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_FIGURES_H_
