#include "bench/support/forked.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace nearcache::bench {
namespace {

void WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status HowItEnded(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  if (WIFSIGNALED(status)) return absl::InternalError(absl::StrCat("the child ended by signal ", WTERMSIG(status)));
  return absl::InternalError(absl::StrCat("the child ended with code ", WEXITSTATUS(status)));
}

}  // namespace

absl::StatusOr<std::string> RunForked(absl::FunctionRef<std::string()> measure) {
  int ends[2];
  if (pipe(ends) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const pid_t child = fork();
  if (child < 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "fork");
    close(ends[0]);
    close(ends[1]);
    return status;
  }
  if (child == 0) {
    close(ends[0]);
    WriteAll(ends[1], measure());
    _exit(0);
  }
  close(ends[1]);
  std::string text = ReadAll(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (absl::Status ended = HowItEnded(status); !ended.ok()) return ended;
  return text;
}

size_t ResidentBytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    absl::string_view text = line;
    uint64_t kib = 0;
    if (!absl::ConsumePrefix(&text, "RssAnon:") || !absl::ConsumeSuffix(&text, "kB")) continue;
    if (absl::SimpleAtoi(text, &kib)) return size_t{kib} << 10;
  }
  return 0;
}

}  // namespace nearcache::bench
