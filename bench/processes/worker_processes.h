// The worker processes of a run as its coordinator sees them. Each is this very program, called with --worker=INDEX and
// --memory_fd=DESCRIPTOR of the memory that all share. Single-threaded.

#ifndef BENCH_PROCESSES_WORKER_PROCESSES_H_
#define BENCH_PROCESSES_WORKER_PROCESSES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"
#include "bench/processes/worker_status.h"

namespace nearcache::bench {

class WorkerProcesses {
 public:
  // One worker for each of `statuses`, which lie in the memory behind `memory_descriptor`; none is owned, and all must
  // outlive this.
  WorkerProcesses(int memory_descriptor, std::vector<WorkerStatus*> statuses);

  // Starts worker `index`, which does not run or was killed; waits for the end of the killed one.
  absl::Status Start(uint32_t index);
  absl::Status StartAll();

  // Kills worker `index` as a crash would, and does not wait for its end.
  void Kill(uint32_t index);

  // SIGSTOP, SIGCONT, …; nothing if it does not run.
  void Signal(uint32_t index, int signal);

  // 0: it does not run.
  pid_t pid(uint32_t index) const { return workers_[index] == nullptr ? 0 : workers_[index]->pid(); }

  // Texts about workers that ended, or said that they cannot work, without having been asked to; each is told once.
  std::vector<std::string> TakeProblems();

  // Whether all are in `state` now.
  bool AllAre(WorkerState state) const;

  // Waits until all are. Ok also if the run was interrupted; kInternal: the first problem of one of them (see
  // TakeProblems), kDeadlineExceeded with `too_long`: not within `timeout`.
  absl::Status AwaitAll(WorkerState state, absl::Duration timeout, absl::string_view too_long);

  // Waits for all to end by themselves, as they do in phase kStopping, and kills those that do not. A text per such
  // one.
  std::vector<std::string> WaitForEnd(absl::Duration timeout);

 private:
  std::string DescribeEnd(uint32_t index) const;

  const int memory_descriptor_;
  const std::vector<WorkerStatus*> statuses_;
  std::vector<std::unique_ptr<ChildProcess>> workers_;
  std::vector<std::unique_ptr<ChildProcess>> killed_;  // By index; may still be ending.
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_WORKER_PROCESSES_H_
