// ./bazelw run -c opt //bench:remote_peers
//
// bench/README.md says how to read what it prints. Exit code 0: the run came to its end and every answer was right,
// whatever the verdicts. 1: a wrong answer, a lost message, a client that failed, no server, or a file that cannot be
// written. 2: bad flags.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/remote_peers/figures.h"
#include "bench/remote_peers/goals.h"
#include "bench/remote_peers/registry.h"
#include "bench/remote_peers/report.h"
#include "bench/remote_peers/scenes.h"
#include "bench/support/goals.h"

ABSL_FLAG(std::vector<std::string>, modes, {},
          "Which modes: bt, cb, x1, unpinned, batch, unix, size, write, lag, flood. Empty: every one.");
ABSL_FLAG(std::vector<std::string>, peers, {}, "Which peers; nearcache is always one. Empty: every one.");
ABSL_FLAG(std::vector<std::string>, in_flight, {}, "Which numbers of callers or GETs in flight. Empty: 1,4,16,64,256.");
ABSL_FLAG(uint32_t, rounds, 7, "Rounds of each scene: 1 to 100.");
ABSL_FLAG(double, seconds, 0.3, "Length of a turn: 0.01 to 60.");
ABSL_FLAG(bool, pin, true, "Client on CPU 0 and server on CPU 1, but in the mode unpinned.");
ABSL_FLAG(uint64_t, seed, 1, "Of the order of turns.");
ABSL_FLAG(std::string, json, "", "Where the figures are written as JSON. Empty: nowhere.");

namespace nearcache::remote_peers {
namespace {

constexpr int kInFlightMax = 4096;

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

bool Chosen(const std::vector<std::string>& list, const std::string& name) {
  return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
}

absl::StatusOr<RunOptions> ReadOptions() {
  RunOptions options;
  const uint32_t rounds = absl::GetFlag(FLAGS_rounds);
  if (rounds < 1 || rounds > 100) {
    return absl::InvalidArgumentError(absl::StrCat("--rounds=", rounds, " must be between 1 and 100"));
  }
  const double seconds = absl::GetFlag(FLAGS_seconds);
  if (!(seconds >= 0.01 && seconds <= 60)) {
    return absl::InvalidArgumentError(absl::StrCat("--seconds=", seconds, " must be between 0.01 and 60"));
  }
  for (const std::string& mode : absl::GetFlag(FLAGS_modes)) {
    const std::vector<Mode>& modes = Modes();
    if (std::none_of(modes.begin(), modes.end(), [&](const Mode& known) { return known.name == mode; })) {
      return absl::InvalidArgumentError(absl::StrCat("--modes: there is no ", mode));
    }
  }
  const std::vector<std::string> numbers = absl::GetFlag(FLAGS_in_flight);
  if (!numbers.empty()) options.in_flight.clear();
  for (const std::string& text : numbers) {
    int number = 0;
    if (!absl::SimpleAtoi(text, &number) || number < 1 || number > kInFlightMax) {
      return absl::InvalidArgumentError(absl::StrCat("--in_flight: ", text, " must be between 1 and ", kInFlightMax));
    }
    options.in_flight.push_back(number);
  }
  options.rounds = static_cast<int>(rounds);
  options.duration = absl::Seconds(seconds);
  options.pin = absl::GetFlag(FLAGS_pin);
  options.seed = absl::GetFlag(FLAGS_seed);
  return options;
}

// `bazel run` changes the folder and says here which one the user called from.
std::string FromCallersFolder(const std::string& path) {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  return path.empty() || path[0] == '/' || folder == nullptr ? path : absl::StrCat(folder, "/", path);
}

int Run(const RunOptions& options) {
  if (const std::string absent = AbsentPeers(); !absent.empty()) {
    Print("absent from this build and skipped: " + absent + "; `./bazelw --install-peers` gets it\n");
  }
  std::vector<Peer> peers;
  for (const Peer& peer : Peers()) {
    if (peer.name == kEngine || Chosen(absl::GetFlag(FLAGS_peers), peer.name)) peers.push_back(peer);
  }
  Results results;
  Stage stage(options);
  for (const Mode& mode : Modes()) {
    if (!Chosen(absl::GetFlag(FLAGS_modes), mode.name)) continue;
    stage.Play(mode.name, peers, &results, [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
    Print(ModeTable(mode, results));
  }
  const std::vector<bench::Verdict> verdicts = Judge(results);
  Print(Disturbance());
  if (results.wrong() > 0) Print(absl::StrCat(results.wrong(), " answers were wrong, or messages lost\n"));
  Print(GoalTable(verdicts));
  const std::string path = FromCallersFolder(absl::GetFlag(FLAGS_json));
  if (!path.empty()) {
    std::ofstream file(path);
    file << Json(results, verdicts);
    file.close();
    if (!file) {
      std::fprintf(stderr, "cannot write %s\n", path.c_str());
      return 1;
    }
  }
  return results.wrong() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace nearcache::remote_peers

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "nearcache's engine against every way of using Redis from C++ that this machine has, in one run: contenders take "
      "turns, and ratios are taken within a round. Prints tables, then goals and verdicts.");
  if (absl::ParseCommandLine(argc, argv).size() > 1) {
    std::fprintf(stderr, "only flags are taken; --help lists them\n");
    return 2;
  }
  const auto options = nearcache::remote_peers::ReadOptions();
  if (!options.ok()) {
    std::fprintf(stderr, "%s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  return nearcache::remote_peers::Run(*options);
}
