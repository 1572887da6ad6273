#include "bench/local_peers/flags.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(bool, quick, false, "Small and short, to see that everything works. Its figures mean nothing.");
ABSL_FLAG(std::vector<std::string>, loads, {},
          "Which loads: all, tenth, hundredth, tiny, hot, small, large, memory, pauses. Empty: every one.");
ABSL_FLAG(std::vector<std::string>, candidates, {}, "Which candidates; nearcache is always one. Empty: every one.");
ABSL_FLAG(uint32_t, rounds, 7, "Rounds of each activity: 1 to 100. Those with latencies have half as many.");
ABSL_FLAG(uint32_t, memory_mib, 5000, "Memory for candidates that are alive together: 256 to 1048576 MiB.");
ABSL_FLAG(uint64_t, seed, 1, "Seed of the load and of the order of turns.");
ABSL_FLAG(std::string, json, "", "Where the figures are written as JSON. Empty: nowhere.");

namespace nearcache::local_peers {
namespace {

constexpr char kUsage[] =
    "The local tier against the caches that this machine has, in one run: all candidates take turns, slice by slice, "
    "and "
    "ratios are taken within a round. Prints tables, then goals and verdicts.";

absl::Status CheckRange(const char* name, uint32_t value, uint32_t least, uint32_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--", name, "=", value, " must be between ", least, " and ", most));
}

// `bazel run` changes the folder and says here which one the user called from.
std::string FromCallersFolder(const std::string& path) {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  return path.empty() || path[0] == '/' || folder == nullptr ? path : absl::StrCat(folder, "/", path);
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  absl::SetProgramUsageMessage(kUsage);
  if (absl::ParseCommandLine(argc, argv).size() > 1) {
    return absl::InvalidArgumentError("only flags are taken; --help lists them");
  }
  Flags flags;
  flags.quick = absl::GetFlag(FLAGS_quick);
  flags.loads = absl::GetFlag(FLAGS_loads);
  flags.candidates = absl::GetFlag(FLAGS_candidates);
  flags.json = FromCallersFolder(absl::GetFlag(FLAGS_json));
  const uint32_t rounds = absl::GetFlag(FLAGS_rounds);
  const uint32_t memory_mib = absl::GetFlag(FLAGS_memory_mib);
  absl::Status status = CheckRange("rounds", rounds, 1, 100);
  status.Update(CheckRange("memory_mib", memory_mib, 256, 1'048'576));
  if (!status.ok()) return status;
  flags.run.rounds = flags.quick ? 2 : static_cast<int>(rounds);
  flags.run.timed_rounds = std::max(1, flags.run.rounds / 2);
  flags.run.memory_bytes = size_t{memory_mib} << 20;
  flags.run.seed = absl::GetFlag(FLAGS_seed);
  return flags;
}

bool Chosen(const std::vector<std::string>& list, const std::string& name) {
  return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace nearcache::local_peers
