// Many seeds of the simulation: the promise must hold under every fault.
//
//   simulation_test --seed=17 [--tier=reference] [--mutant=no_chain]   one run, told in detail
//   simulation_test --first=1 --runs=500000                           other seeds, more of them: a million in all
//   simulation_test --first=9 --step=16 --runs=500000                 those of one world (simulation.h)

#include "tests/simulation/simulation.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "tests/simulation/mutant.h"

namespace nearcache::simulation {
namespace {

struct Flags {
  uint64_t seed = 0;  // 0: many.
  uint64_t first = 1;
  uint64_t step = 1;
  uint64_t runs = 5000;  // Of each kind of tier.
  std::string tier = "real";
  std::string mutant = "none";
} flags;

std::string Again(const RunOptions& options) {
  return absl::StrCat("run again with --seed=", options.seed,
                      options.tier == TierKind::kReference ? " --tier=reference" : "",
                      " --mutant=", MutantName(options.mutant));
}

// The seeds of one kind of tier are cut into as many tests, for shards.
constexpr uint64_t kSlices = 8;

// What all tests of this process did.
RunResult sum;
uint64_t runs = 0;

void Add(const RunResult& result) {
  ++runs;
  sum.events += result.events;
  sum.reads += result.reads;
  sum.local_hits += result.local_hits;
  sum.generations += result.generations;
  sum.faults += result.faults;
  sum.syncs += result.syncs;
  sum.groups += result.groups;
}

class SimulationTest : public ::testing::TestWithParam<std::tuple<TierKind, uint64_t>> {};

TEST_P(SimulationTest, ThePromiseHoldsUnderEveryFault) {
  RunOptions options;
  options.tier = std::get<0>(GetParam());
  const uint64_t slice = std::get<1>(GetParam());
  const uint64_t end = flags.runs * (slice + 1) / kSlices;
  for (uint64_t run = flags.runs * slice / kSlices; run < end; ++run) {
    options.seed = flags.first + run * flags.step;
    const RunResult result = RunSimulation(options);
    ASSERT_EQ(result.violation, "") << Again(options);
    Add(result);
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, SimulationTest,
                         ::testing::Combine(::testing::Values(TierKind::kReal, TierKind::kReference),
                                            ::testing::Range(uint64_t{0}, kSlices)),
                         [](const auto& test) {
                           return absl::StrCat(std::get<0>(test.param) == TierKind::kReal ? "Real" : "Reference",
                                               std::get<1>(test.param));
                         });

class Sum : public ::testing::Environment {
 public:
  void TearDown() override {
    if (runs < 100 || flags.step != 1) return;
    // Not vacuous: memory answers a good part of the reads although generations end all the time.
    EXPECT_GT(sum.local_hits * 5, sum.reads * 2);
    EXPECT_GT(sum.generations, runs);
    EXPECT_GT(sum.syncs, runs);
    EXPECT_GT(sum.groups, runs);
    std::printf(
        "%llu runs: %llu events, %llu reads checked, %llu hits, %llu faults, %llu generations, %llu syncs, %llu "
        "groups\n",
        static_cast<unsigned long long>(runs), static_cast<unsigned long long>(sum.events),
        static_cast<unsigned long long>(sum.reads), static_cast<unsigned long long>(sum.local_hits),
        static_cast<unsigned long long>(sum.faults), static_cast<unsigned long long>(sum.generations),
        static_cast<unsigned long long>(sum.syncs), static_cast<unsigned long long>(sum.groups));
  }
};

TEST(SimulationDeterminismTest, OneSeedIsOneRun) {
  RunOptions options;
  options.seed = 42;
  options.tier = TierKind::kReference;
  const RunResult first = RunSimulation(options);
  const RunResult second = RunSimulation(options);
  EXPECT_EQ(first.events, second.events);
  EXPECT_EQ(first.reads, second.reads);
  EXPECT_EQ(first.local_hits, second.local_hits);
}

Mutant MutantNamed(const std::string& name) {
  for (int i = 0; i < static_cast<int>(Mutant::kEnd); ++i) {
    if (MutantName(static_cast<Mutant>(i)) == name) return static_cast<Mutant>(i);
  }
  return Mutant::kNone;
}

int RunOne() {
  RunOptions options;
  options.seed = flags.seed;
  options.tier = flags.tier == "reference" ? TierKind::kReference : TierKind::kReal;
  options.mutant = MutantNamed(flags.mutant);
  options.verbose = true;
  return RunSimulation(options).violation.empty() ? 0 : 1;
}

bool ReadFlag(absl::string_view argument) {
  if (absl::ConsumePrefix(&argument, "--seed=")) return absl::SimpleAtoi(argument, &flags.seed);
  if (absl::ConsumePrefix(&argument, "--first=")) return absl::SimpleAtoi(argument, &flags.first);
  if (absl::ConsumePrefix(&argument, "--step=")) return absl::SimpleAtoi(argument, &flags.step);
  if (absl::ConsumePrefix(&argument, "--runs=")) return absl::SimpleAtoi(argument, &flags.runs);
  if (absl::ConsumePrefix(&argument, "--tier=")) return flags.tier = std::string(argument), true;
  if (absl::ConsumePrefix(&argument, "--mutant=")) return flags.mutant = std::string(argument), true;
  return false;
}

}  // namespace
}  // namespace nearcache::simulation

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (!nearcache::simulation::ReadFlag(argv[i])) {
      std::fprintf(stderr, "unknown argument %s\n", argv[i]);
      return 2;
    }
  }
  if (nearcache::simulation::flags.seed != 0) return nearcache::simulation::RunOne();
  ::testing::AddGlobalTestEnvironment(new nearcache::simulation::Sum);
  return RUN_ALL_TESTS();
}
