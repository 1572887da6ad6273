#include "bench/coherence_torture/flags.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/coherence_torture/arena.h"
#include "bench/support/clock.h"
#include "bench/support/flag_values.h"

ABSL_FLAG(double, seconds, 60,
          "How long the load runs, 3 to 86400. The last 6.5 s, or half of less than 13, are calm.");
ABSL_FLAG(uint32_t, bound_ms, 300, "The staleness bound that is promised and checked: 50 to 60000 ms.");
ABSL_FLAG(uint32_t, processes, 4, "Worker processes: 1 to 16.");
ABSL_FLAG(std::string, faults, "all",
          "all, none, or names with commas between them; a wrong name lists those there are.");
ABSL_FLAG(uint64_t, seed, 1, "Seed of the load and of the faults.");
ABSL_FLAG(std::string, server, "redis", "redis, valkey, or the path of a server's program.");
ABSL_FLAG(uint32_t, keys, 2048, "Number of keys: 64 to 1048576.");
ABSL_FLAG(std::string, history, "torture-history.txt",
          "Where violations are told in words; only written if there are any.");
ABSL_FLAG(uint32_t, opened_bound_ms, 0,
          "Shows that the judge notices: caches are opened with this bound while --bound_ms is judged. A run with a "
          "larger one must report violations and end with exit code 1. 0: the same.");
ABSL_FLAG(int, worker, -1, "Internal: be this worker of a run.");
ABSL_FLAG(int, memory_fd, -1, "Internal: descriptor of the run's shared memory.");

namespace nearcache::bench::torture {
namespace {

constexpr char kUsage[] =
    "Checks the promise of nearcache from outside: processes read and write through their caches, every value proves "
    "its "
    "version, and every read is judged by what was acknowledged before it began, while a proxy between them and the "
    "server, the server, and the processes themselves are broken again and again. Exit code 0: the promise held; 1: it "
    "did not, or the run could not end as it should; 2: bad flags, or no server.";

// Calls are given several bounds of time, so that some end by their deadline and most do not.
constexpr int64_t kTimeoutNanosMin = 500 * kNanosPerMilli;

}  // namespace

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  absl::SetProgramUsageMessage(kUsage);
  const size_t words = absl::ParseCommandLine(argc, argv).size();
  if (words > 1) return absl::InvalidArgumentError("there are flags only; --help lists them");
  FlagBounds bounds;
  Flags flags;
  Setup& setup = flags.setup;
  setup.worker_count = bounds.InRange<uint32_t>("processes", absl::GetFlag(FLAGS_processes), 1, kWorkersMax);
  setup.key_count = bounds.InRange<uint32_t>("keys", absl::GetFlag(FLAGS_keys), 64, 1 << 20);
  const uint32_t bound_ms = bounds.InRange<uint32_t>("bound_ms", absl::GetFlag(FLAGS_bound_ms), 50, 60'000);
  const uint32_t opened_ms =
      bounds.InRange<uint32_t>("opened_bound_ms", absl::GetFlag(FLAGS_opened_bound_ms), 0, 60'000);
  setup.bound_nanos = bound_ms * kNanosPerMilli;
  setup.opened_bound_nanos = (opened_ms == 0 ? bound_ms : opened_ms) * kNanosPerMilli;
  setup.timeout_nanos = std::max(kTimeoutNanosMin, setup.bound_nanos);
  setup.seed = absl::GetFlag(FLAGS_seed);
  flags.seconds = bounds.InRange<double>("seconds", absl::GetFlag(FLAGS_seconds), 3, 86'400);
  flags.faults = absl::GetFlag(FLAGS_faults);
  flags.server = absl::GetFlag(FLAGS_server);
  flags.history = PathOfCaller(absl::GetFlag(FLAGS_history));
  flags.worker = absl::GetFlag(FLAGS_worker);
  flags.memory_fd = absl::GetFlag(FLAGS_memory_fd);
  if (!bounds.status().ok()) return bounds.status();
  return flags;
}

}  // namespace nearcache::bench::torture
