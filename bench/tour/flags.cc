#include "bench/tour/flags.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/support/clock.h"
#include "bench/support/flag_values.h"
#include "bench/tour/shared_memory.h"

ABSL_FLAG(double, seconds, 30, "How long the load runs, after the store was filled: 3 to 3600.");
ABSL_FLAG(uint32_t, keys, 200'000, "Number of keys: 1000 to 20 million. A million more needs about 0.5 GiB.");
ABSL_FLAG(double, write_percent, 1, "Share of writes in all operations: 0 to 50.");
ABSL_FLAG(double, zipf, 0.99, "Exponent of the popularity of keys: above 0, up to 3. More: more skewed.");
ABSL_FLAG(uint32_t, bound_ms, 500, "The staleness bound that is promised and checked: 50 to 60000 ms.");
ABSL_FLAG(uint32_t, local_mib, 128, "Memory of each worker's local tier: 1 to 16384 MiB.");
ABSL_FLAG(uint32_t, workers, 4, "Worker processes: 2 to 16.");
ABSL_FLAG(uint32_t, threads, 2, "Load threads of each worker: 1 to 16.");
ABSL_FLAG(std::string, server, "",
          "The server: redis, valkey, or the path of a program. Empty: redis-server or valkey-server, whichever is on "
          "PATH; without either the tour shows the local tier alone.");
ABSL_FLAG(std::string, html, "", "Where the page is written. Empty: tour.html in the folder of the call.");
ABSL_FLAG(bool, plain, false, "Write plain lines even on a terminal.");
ABSL_FLAG(std::string, faults, "all", "all: kill, cut, pause and restart half way. none: a calm run.");
ABSL_FLAG(uint64_t, seed, 1, "Seed of the load.");
ABSL_FLAG(
    bool, inject_stale, false,
    "Shows that the judge notices: worker 1 serves a quarter of its keys from copies that nobody invalidates. The "
    "tour must then report violations and end with exit code 1.");
ABSL_FLAG(int, worker, -1, "Internal: be this worker of a running tour.");
ABSL_FLAG(int, memory_fd, -1, "Internal: descriptor of the tour's shared memory.");

namespace nearcache::bench::tour {
namespace {

constexpr absl::string_view kUsage =
    "Four processes, one Redis, half a minute: a skewed, read-mostly load over nearcache, in which every value proves "
    "its "
    "version, so that the staleness of every read is checked. Half way a worker is killed, all connections are cut, a "
    "worker is paused and the server is restarted. Ends with exit code 0 only if no read broke the promise.";

Setup ReadSetup(FlagBounds* checker) {
  Setup setup;
  setup.worker_count = checker->InRange<uint32_t>("workers", absl::GetFlag(FLAGS_workers), 2, kWorkerCountMax);
  setup.threads_per_worker = checker->InRange<uint32_t>("threads", absl::GetFlag(FLAGS_threads), 1, 16);
  setup.key_count = checker->InRange<uint32_t>("keys", absl::GetFlag(FLAGS_keys), 1000, 20'000'000);
  setup.zipf_exponent = checker->InRange<double>("zipf", absl::GetFlag(FLAGS_zipf), 0.01, 3);
  setup.write_percent = checker->InRange<double>("write_percent", absl::GetFlag(FLAGS_write_percent), 0, 50);
  setup.bound_nanos =
      checker->InRange<uint32_t>("bound_ms", absl::GetFlag(FLAGS_bound_ms), 50, 60'000) * kNanosPerMilli;
  const uint64_t mib = checker->InRange<uint32_t>("local_mib", absl::GetFlag(FLAGS_local_mib), 1, 16'384);
  setup.local_bytes = mib << 20;
  setup.seed = absl::GetFlag(FLAGS_seed);
  setup.stale_worker = absl::GetFlag(FLAGS_inject_stale) ? 1 : -1;
  return setup;
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  absl::SetProgramUsageMessage(kUsage);
  const size_t words = absl::ParseCommandLine(argc, argv).size();
  if (words > 1) return absl::InvalidArgumentError("the tour takes flags only; --help lists them");
  FlagBounds checker;
  Flags flags;
  flags.setup = ReadSetup(&checker);
  flags.seconds = checker.InRange<double>("seconds", absl::GetFlag(FLAGS_seconds), 3, 3600);
  flags.plain = absl::GetFlag(FLAGS_plain);
  flags.server = absl::GetFlag(FLAGS_server);
  const std::string html = absl::GetFlag(FLAGS_html);
  flags.html = PathOfCaller(html.empty() ? "tour.html" : html);
  flags.worker = absl::GetFlag(FLAGS_worker);
  flags.memory_fd = absl::GetFlag(FLAGS_memory_fd);
  const std::string faults = absl::GetFlag(FLAGS_faults);
  if (faults != "all" && faults != "none") {
    return absl::InvalidArgumentError(absl::StrCat("--faults=", faults, " must be all or none"));
  }
  flags.faults = faults == "all";
  if (!checker.status().ok()) return checker.status();
  return flags;
}

}  // namespace nearcache::bench::tour
