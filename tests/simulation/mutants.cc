// Each weakening of the protocol (mutant.h) against the simulation, which must catch it: a checker that misses one is
// not to be trusted with the rest.
//
//   ./bazelw run //tests:mutants [-- --seconds=60] [--mutant=no_chain]
//
// Prints which seed caught each and after how long, in time of one core, which other work on the machine does not
// change; exit 1 if one was not caught within the time, or if the protocol as it is fails under that seed, too. As a
// test it may be cut into shards. `simulation_test --seed=… --tier=reference --mutant=…` tells a run in detail.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/simulation.h"

namespace nearcache::simulation {
namespace {

// The worlds that reach what is rare elsewhere; 0: any.
uint64_t WorldOf(Mutant mutant) {
  if (mutant == Mutant::kNoPair || mutant == Mutant::kCountHeartbeat) return kFirstFailOverWorld;
  if (mutant == Mutant::kAgeFromReply || mutant == Mutant::kAsOfReply) return kFirstSlowWorld;
  if (mutant == Mutant::kStrangersUnheard || mutant == Mutant::kEchoTrusted || mutant == Mutant::kDoubtKept ||
      mutant == Mutant::kOneFence) {
    return kFirstStrangerWorld;
  }
  if (mutant == Mutant::kNoChecksum || mutant == Mutant::kUnreadSkipped || mutant == Mutant::kVersionUnread) {
    return kFirstCorruptingWorld;
  }
  if (mutant == Mutant::kClearOutOfOrder || mutant == Mutant::kLaneFirst) return kFirstJoiningWorld;
  if (mutant == Mutant::kOwnUnheard || mutant == Mutant::kOpeningUnheard || mutant == Mutant::kReadingUnheard ||
      mutant == Mutant::kPassedOver || mutant == Mutant::kLossUntold) {
    return kFirstSnapshotWorld;
  }
  if (mutant == Mutant::kEpochAlwaysFresh) return kFirstClearingWorld;
  return 0;
}

// What this process, which has one thread, has used of a core.
absl::Duration CoreTime() { return absl::Seconds(1) * (static_cast<double>(std::clock()) / CLOCKS_PER_SEC); }

bool Catch(Mutant mutant, absl::Duration limit) {
  const absl::Duration start = CoreTime();
  RunOptions options;
  options.tier = TierKind::kReference;
  options.mutant = mutant;
  const uint64_t world = WorldOf(mutant);
  const uint64_t step = world == 0 ? 1 : kSeedsPerWorld;
  uint64_t tried = 0;
  for (options.seed = world == 0 ? 1 : world; CoreTime() - start < limit; options.seed += step) {
    ++tried;
    const RunResult result = RunSimulation(options);
    if (result.violation.empty()) continue;
    const double seconds = absl::ToDoubleSeconds(CoreTime() - start);
    // What is caught is the mutant and not the seed.
    options.mutant = Mutant::kNone;
    const std::string whole = RunSimulation(options).violation;
    std::printf("%-20s seed %6llu  %6.2f s  %s\n", std::string(MutantName(mutant)).c_str(),
                static_cast<unsigned long long>(options.seed), seconds, result.violation.c_str());
    if (!whole.empty()) std::printf("%-20s FAILS WITHOUT IT, TOO: %s\n", "", whole.c_str());
    return whole.empty();
  }
  std::printf("%-20s NOT CAUGHT by %llu seeds in %.0f s\n", std::string(MutantName(mutant)).c_str(),
              static_cast<unsigned long long>(tried), absl::ToDoubleSeconds(limit));
  return false;
}

// Which part of the mutants is ours: Bazel's protocol for shards of a test.
struct Shard {
  int index = 0;
  int count = 1;
};

Shard OwnShard() {
  Shard shard;
  const char* const count = std::getenv("TEST_TOTAL_SHARDS");
  const char* const index = std::getenv("TEST_SHARD_INDEX");
  if (count == nullptr || index == nullptr) return shard;
  if (!absl::SimpleAtoi(count, &shard.count) || !absl::SimpleAtoi(index, &shard.index)) return {};
  const char* const status = std::getenv("TEST_SHARD_STATUS_FILE");
  if (status != nullptr) std::ofstream(status, std::ios::app);
  return shard;
}

int Run(absl::Duration limit, const std::string& only) {
  const Shard shard = OwnShard();
  int caught = 0;
  int all = 0;
  for (int i = 1; i < static_cast<int>(Mutant::kEnd); ++i) {
    const auto mutant = static_cast<Mutant>(i);
    if (i % shard.count != shard.index || (!only.empty() && MutantName(mutant) != only)) continue;
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
