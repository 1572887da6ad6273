#include "bench/processes/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace nearcache::bench {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(2);
constexpr int kExitCannotRun = 127;

// Between fork and exec: only calls that are safe after fork.
[[noreturn]] void BecomeProgram(char* const* arguments, int inherited_descriptor, bool quiet, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExitCannotRun);  // It died before it could be watched.
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  if (quiet) {
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
  }
  if (inherited_descriptor >= 0) fcntl(inherited_descriptor, F_SETFD, 0);
  execv(arguments[0], arguments);
  _exit(kExitCannotRun);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                                  int inherited_descriptor, bool quiet) {
  std::vector<std::string> texts = arguments;
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot start ", arguments[0]));
  if (pid == 0) BecomeProgram(pointers.data(), inherited_descriptor, quiet, parent);
  return absl::WrapUnique(new ChildProcess(pid));
}

ChildProcess::~ChildProcess() {
  if (!Running()) return;
  Signal(SIGKILL);
  waitpid(pid_, &status_, 0);
}

void ChildProcess::Signal(int signal) {
  if (running_) kill(pid_, signal);
}

bool ChildProcess::Running() {
  if (running_ && waitpid(pid_, &status_, WNOHANG) != 0) running_ = false;
  return running_;
}

bool ChildProcess::WaitForEnd(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (Running() && absl::Now() < deadline) absl::SleepFor(kPollInterval);
  return !running_;
}

std::string ChildProcess::HowItEnded() const {
  if (WIFEXITED(status_)) return absl::StrCat("exit code ", WEXITSTATUS(status_));
  return absl::StrCat("signal ", WTERMSIG(status_), " (", strsignal(WTERMSIG(status_)), ")");
}

bool ChildProcess::EndedWell() const { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

}  // namespace nearcache::bench
