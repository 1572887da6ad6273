// Each weakening of the protocol (mutant.h) against the simulation, which must catch it: a checker that misses one is
// not to be trusted with the rest.
//
//   ./bazelw run //tests:mutants [-- --seconds=60] [--mutant=no_chain]
//
// Prints which seed caught each and after how long; exit 1 if one was not caught within the time.
// `simulation_test --seed=… --tier=reference --mutant=…` tells a run in detail.

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/simulation.h"

namespace nearcache::simulation {
namespace {

// The worlds that reach what is rare elsewhere; 0: any.
uint64_t WorldOf(Mutant mutant) {
  if (mutant == Mutant::kNoPair || mutant == Mutant::kCountHeartbeat) return kFirstFailOverWorld;
  if (mutant == Mutant::kAgeFromReply || mutant == Mutant::kAsOfReply) return kFirstSlowWorld;
  if (mutant == Mutant::kEpochAlwaysFresh) return kFirstClearingWorld;
  return 0;
}

bool Catch(Mutant mutant, absl::Duration limit) {
  const absl::Time start = absl::Now();
  RunOptions options;
  options.tier = TierKind::kReference;
  options.mutant = mutant;
  const uint64_t world = WorldOf(mutant);
  const uint64_t step = world == 0 ? 1 : kSeedsPerWorld;
  uint64_t tried = 0;
  for (options.seed = world == 0 ? 1 : world; absl::Now() - start < limit; options.seed += step) {
    ++tried;
    const RunResult result = RunSimulation(options);
    if (result.violation.empty()) continue;
    std::printf("%-20s seed %6llu  %6.2f s  %s\n", std::string(MutantName(mutant)).c_str(),
                static_cast<unsigned long long>(options.seed), absl::ToDoubleSeconds(absl::Now() - start),
                result.violation.c_str());
    return true;
  }
  std::printf("%-20s NOT CAUGHT by %llu seeds in %.0f s\n", std::string(MutantName(mutant)).c_str(),
              static_cast<unsigned long long>(tried), absl::ToDoubleSeconds(limit));
  return false;
}

int Run(absl::Duration limit, const std::string& only) {
  int caught = 0;
  int all = 0;
  for (int i = 1; i < static_cast<int>(Mutant::kEnd); ++i) {
    const auto mutant = static_cast<Mutant>(i);
    if (!only.empty() && MutantName(mutant) != only) continue;
    ++all;
    caught += Catch(mutant, limit) ? 1 : 0;
    std::fflush(stdout);
  }
  std::printf("\n%d of %d mutants caught\n", caught, all);
  return caught == all && all > 0 ? 0 : 1;
}

}  // namespace
}  // namespace nearcache::simulation

int main(int argc, char** argv) {
  int seconds = 60;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--seconds=") && absl::SimpleAtoi(argument, &seconds)) continue;
    if (absl::ConsumePrefix(&argument, "--mutant=")) {
      only = std::string(argument);
      continue;
    }
    std::fprintf(stderr, "usage: mutants [--seconds=60] [--mutant=NAME]\n");
    return 2;
  }
  return nearcache::simulation::Run(absl::Seconds(seconds), only);
}
