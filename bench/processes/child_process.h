// A process that this one starts and answers for: it is killed when its object is destroyed, and by the kernel when
// this process dies in any other way. It runs in a process group of its own, so that Ctrl-C reaches the coordinator
// alone, which then stops everybody in order. Single-threaded use; start children before starting threads.

#ifndef BENCH_PROCESSES_CHILD_PROCESS_H_
#define BENCH_PROCESSES_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nearcache::bench {

class ChildProcess {
 public:
  // Runs `arguments`; the first is the path of the program. Standard input is empty; standard output is that of this
  // process or, with `quiet`, nothing. `inherited_descriptor` stays open in the child under the same number; -1: none.
  // A program that cannot be run ends with exit code 127.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& arguments,
                                                             int inherited_descriptor, bool quiet);

  // Kills and reaps it, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Does nothing once the process was seen to have ended.
  void Signal(int signal);

  // Whether it still runs; reaps it otherwise.
  bool Running();

  // Waits until it ended; false: it still runs after `timeout`.
  bool WaitForEnd(absl::Duration timeout);

  // How it ended, in words: "exit code 1", "signal 9 (Killed)".
  std::string HowItEnded() const;

  // REQUIRES: it ended
  bool EndedWell() const;

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  bool running_ = true;
  int status_ = 0;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_CHILD_PROCESS_H_
