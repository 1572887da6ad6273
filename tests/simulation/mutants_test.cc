// The simulation against each weakening of the protocol, which it must catch: a checker that misses one is not to be
// trusted with the rest. Prints by which seed; `simulation_test --seed=… --tier=reference --mutant=…` tells the run.

#include <cstdint>
#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/simulation.h"

namespace nearcache::simulation {
namespace {

class MutantTest : public ::testing::TestWithParam<Mutant> {};

TEST_P(MutantTest, IsCaught) {
  constexpr uint64_t kSeedsMax = 3000;
  RunOptions options;
  options.tier = TierKind::kReference;
  options.mutant = GetParam();
  for (options.seed = 1; options.seed <= kSeedsMax; ++options.seed) {
    const RunResult result = RunSimulation(options);
    if (result.violation.empty()) continue;
    std::printf("%s: caught by seed %llu: %s\n", std::string(MutantName(options.mutant)).c_str(),
                static_cast<unsigned long long>(options.seed), result.violation.c_str());
    return;
  }
  ADD_FAILURE() << "not caught by " << kSeedsMax << " seeds";
}

// Not kNoPair: it takes a fail-over that loses the last write at the one moment at which the new server's lane is the
// last id that was heard; traces_test leads there step by step.
INSTANTIATE_TEST_SUITE_P(All, MutantTest,
                         ::testing::Values(Mutant::kNoToken, Mutant::kNoGeneration, Mutant::kNoAckVoid,
                                           Mutant::kJoinAny, Mutant::kJoinOld, Mutant::kKeepOlder, Mutant::kSoftVoid,
                                           Mutant::kWriteBlind, Mutant::kEarlyFill, Mutant::kNoLease, Mutant::kNoChain,
                                           Mutant::kPingHeartbeat, Mutant::kNotAtomic, Mutant::kPublishFirst,
                                           Mutant::kEpochAlwaysFresh, Mutant::kEpochTooEarly, Mutant::kClearUnheard),
                         [](const auto& test) { return std::string(MutantName(test.param)); });

}  // namespace
}  // namespace nearcache::simulation
