// ./bazelw run -c opt //bench:local_peers
//
// bench/README.md says how to read what it prints. Exit code 0: the run came to its end, whatever the verdicts.

#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "bench/local_peers/flags.h"
#include "bench/local_peers/loads.h"
#include "bench/local_peers/memory.h"
#include "bench/local_peers/pauses.h"
#include "bench/local_peers/registry.h"
#include "bench/local_peers/report.h"
#include "bench/local_peers/results.h"
#include "bench/local_peers/runner.h"
#include "bench/local_peers/timing_goals.h"
#include "bench/support/goals.h"

namespace nearcache::local_peers {
namespace {

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void Tell(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

std::vector<Entrant> ChosenEntrants(const Flags& flags) {
  std::vector<Entrant> chosen;
  for (const Entrant& entrant : Entrants()) {
    if (entrant.name == kTier || Chosen(flags.candidates, entrant.name)) chosen.push_back(entrant);
  }
  return chosen;
}

MemoryOptions MemoryOptionsFor(const Flags& flags) {
  MemoryOptions options;
  options.seed = flags.run.seed;
  if (flags.quick) options = {2000, 10'000, 40'000, flags.run.seed};
  return options;
}

PauseOptions PauseOptionsFor(const Flags& flags) {
  PauseOptions options;
  if (flags.quick) options = {500, 5000, 5'000'000, 1};
  return options;
}

int Run(const Flags& flags) {
  const std::vector<std::string> absent = AbsentPeers();
  if (!absent.empty()) {
    Print("absent from this build and skipped: " + absl::StrJoin(absent, ", ") +
          "; `./bazelw --install-peers` gets all of them\n");
  }
  const std::vector<Entrant> entrants = ChosenEntrants(flags);
  Measured measured;
  // First, while this process has one thread and has allocated next to nothing.
  if (Chosen(flags.loads, "memory")) {
    measured.memory = MeasureMemory(entrants, MemoryOptionsFor(flags), &Tell);
    Print(MemoryTable(entrants, measured.memory));
  }
  Results& results = measured.times;
  for (const Load& load : AllLoads(static_cast<int>(std::thread::hardware_concurrency()), flags.quick)) {
    if (!Chosen(flags.loads, load.name)) continue;
    RunLoad(load, entrants, flags.run, &results, &Tell);
    Print(LoadTables(load, entrants, results));
  }
  if (Chosen(flags.loads, "pauses")) {
    measured.pauses = MeasurePauses(entrants, PauseOptionsFor(flags), &Tell);
    Print(PauseTable(measured.pauses));
  }
  std::vector<bench::Verdict> verdicts = JudgeTimes(results, entrants);
  for (const auto& more : {JudgeMemory(measured.memory), JudgePauses(measured.pauses)}) {
    verdicts.insert(verdicts.end(), more.begin(), more.end());
  }
  Print("\n" + Disturbance(results));
  Print(GoalTables(verdicts));
  if (flags.json.empty()) return 0;
  std::ofstream file(flags.json);
  file << Json(measured, verdicts);
  file.close();
  if (file) return 0;
  std::fprintf(stderr, "cannot write %s\n", flags.json.c_str());
  return 1;
}

}  // namespace
}  // namespace nearcache::local_peers

int main(int argc, char** argv) {
  const absl::StatusOr<nearcache::local_peers::Flags> flags = nearcache::local_peers::ParseFlags(argc, argv);
  if (!flags.ok()) {
    std::fprintf(stderr, "%s\n", std::string(flags.status().message()).c_str());
    return 2;
  }
  return nearcache::local_peers::Run(*flags);
}
