#include "bench/remote_soak/footprint.h"

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/support/forked.h"

namespace nearcache::remote_soak {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(50);
constexpr int kPollsMax = 1200;
// Polls in a row that found no change.
constexpr int kPollsQuiet = 10;

constexpr char kTunables[] = "GLIBC_TUNABLES";
constexpr char kNoThreadCaches[] = "glibc.malloc.tcache_count=0";

// Without "." and "..".
int64_t CountEntries(const char* folder) {
  DIR* const directory = opendir(folder);
  if (directory == nullptr) return 0;
  int64_t count = -2;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

bench::Verdict Judge(const char* id, const char* what, int64_t growth, int64_t growth_max) {
  bench::Verdict verdict;
  const bench::Range limit = bench::AtMost(static_cast<double>(growth_max));
  verdict.goal = {id, "first-minute", what, limit, limit};
  verdict.value = static_cast<double>(growth);
  return verdict;
}

}  // namespace

Footprint Footprint::Now() {
  malloc_trim(0);
  const struct mallinfo2 info = mallinfo2();
  Footprint footprint;
  footprint.allocated_bytes = static_cast<int64_t>(info.uordblks + info.hblkhd);
  footprint.resident_bytes = static_cast<int64_t>(bench::ResidentBytes());
  // The folder itself is one of them while it is read.
  footprint.descriptors = CountEntries("/proc/self/fd") - 1;
  footprint.threads = CountEntries("/proc/self/task");
  return footprint;
}

Footprint SettledFootprint() {
  Footprint settled = Footprint::Now();
  int quiet = 0;
  for (int i = 0; i < kPollsMax && quiet < kPollsQuiet; ++i) {
    absl::SleepFor(kPollInterval);
    const Footprint now = Footprint::Now();
    const bool same = now.allocated_bytes >= settled.allocated_bytes && now.descriptors == settled.descriptors &&
                      now.threads == settled.threads;
    quiet = same ? quiet + 1 : 0;
    if (!same) settled = now;
  }
  return settled;
}

std::vector<bench::Verdict> Compare(const Footprint& first, const Footprint& last) {
  return {
      Judge("soak-memory", "bytes allocated", last.allocated_bytes - first.allocated_bytes, kGrowthBytesMax),
      Judge("soak-descriptors", "descriptors", last.descriptors - first.descriptors, 0),
      Judge("soak-threads", "threads", last.threads - first.threads, 0),
  };
}

std::string ToString(const Footprint& footprint) {
  return absl::StrFormat("%d KiB allocated, %d KiB resident, %d descriptors, %d threads",
                         footprint.allocated_bytes / 1024, footprint.resident_bytes / 1024, footprint.descriptors,
                         footprint.threads);
}

void RestartWithoutThreadCaches(char** argv) {
  if (std::getenv(kTunables) != nullptr) return;
  setenv(kTunables, kNoThreadCaches, 1);
  execv("/proc/self/exe", argv);
  // Goes on with them where this is not possible: the figures are less exact, not wrong.
}

}  // namespace nearcache::remote_soak
