// One run of the deterministic simulation: a few processes with real coordinators against a model server, under a
// schedule of faults drawn from the seed. What the seed decides: the number of processes, keys and connections, the
// bound, the network, the workload, which faults come when, and every delay.

#ifndef TESTS_SIMULATION_SIMULATION_H_
#define TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <string>

#include "tests/simulation/mutant.h"

namespace nearcache::simulation {

// Seeds of worlds in which one thing happens all the time, fail-overs, clears, answers that take long while the channel
// hears nothing, old snapshots that come back unheard, damaged messages and such of an unknown format, channels that
// are made anew between clears, or strangers: this one, and every so many on.
inline constexpr uint64_t kFirstFailOverWorld = 3;
inline constexpr uint64_t kFirstClearingWorld = 5;
inline constexpr uint64_t kFirstSlowWorld = 7;
inline constexpr uint64_t kFirstSnapshotWorld = 9;
inline constexpr uint64_t kFirstCorruptingWorld = 11;
inline constexpr uint64_t kFirstJoiningWorld = 13;
inline constexpr uint64_t kFirstStrangerWorld = 15;
inline constexpr uint64_t kSeedsPerWorld = 16;

enum class TierKind { kReal, kReference };

struct RunOptions {
  uint64_t seed = 1;
  TierKind tier = TierKind::kReal;
  Mutant mutant = Mutant::kNone;
  // Print the faults, the violation and the state of every process to standard error.
  bool verbose = false;
};

struct RunResult {
  // Empty if all held, else what did not, in words.
  std::string violation;
  uint64_t events = 0;
  uint64_t reads = 0;
  uint64_t local_hits = 0;
  uint64_t generations = 0;
  uint64_t faults = 0;
  uint64_t syncs = 0;
  uint64_t groups = 0;  // Changes that left together.
};

RunResult RunSimulation(const RunOptions& options);

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_SIMULATION_H_
