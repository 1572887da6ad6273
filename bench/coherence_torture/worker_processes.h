// The worker processes as the coordinator sees them. Single-threaded.

#ifndef BENCH_COHERENCE_TORTURE_WORKER_PROCESSES_H_
#define BENCH_COHERENCE_TORTURE_WORKER_PROCESSES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/processes/child_process.h"

namespace nearcache::bench::torture {

class WorkerProcesses {
 public:
  // `arena` is not owned.
  explicit WorkerProcesses(Arena* arena) : arena_(arena), workers_(arena->setup().worker_count) {}

  absl::Status Start(uint32_t index);
  absl::Status StartAll();
  // As a crash would; waits until it is gone.
  void Kill(uint32_t index);
  void Signal(uint32_t index, int signal);

  // Texts about workers that ended without having been killed; each is told once.
  std::vector<std::string> TakeDeaths();
  bool AllAre(WorkerState state) const;
  // Waits for all to end by themselves; a text for each that does not, or not well.
  std::vector<std::string> WaitForEnd(absl::Duration timeout);

 private:
  std::string DescribeEnd(uint32_t index) const;

  Arena* const arena_;
  std::vector<std::unique_ptr<ChildProcess>> workers_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_WORKER_PROCESSES_H_
