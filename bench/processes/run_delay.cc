#include "bench/processes/run_delay.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace nearcache::bench {
namespace {

// "time on a processor" "time waited for one" "turns"
int64_t ReadDelay(int descriptor) {
  char buffer[128];
  const ssize_t count = descriptor < 0 ? -1 : pread(descriptor, buffer, sizeof(buffer), 0);
  if (count <= 0) return 0;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::string_view(buffer, static_cast<size_t>(count)), ' ');
  int64_t nanos = 0;
  return parts.size() > 1 && absl::SimpleAtoi(parts[1], &nanos) ? nanos : 0;
}

}  // namespace

OwnRunDelay::OwnRunDelay() : descriptor_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

OwnRunDelay::~OwnRunDelay() {
  if (descriptor_ >= 0) close(descriptor_);
}

int64_t OwnRunDelay::Nanos() const { return ReadDelay(descriptor_); }

int64_t RunDelayOfProcess(const std::vector<pid_t>& excepted) {
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return 0;
  int64_t sum = 0;
  while (const dirent* const task = readdir(tasks)) {
    pid_t thread = 0;
    if (!absl::SimpleAtoi(task->d_name, &thread)) continue;
    if (std::find(excepted.begin(), excepted.end(), thread) != excepted.end()) continue;
    const int descriptor = openat(dirfd(tasks), absl::StrCat(thread, "/schedstat").c_str(), O_RDONLY | O_CLOEXEC);
    sum += ReadDelay(descriptor);
    if (descriptor >= 0) close(descriptor);
  }
  closedir(tasks);
  return sum;
}

}  // namespace nearcache::bench
