// The worker processes as the coordinator sees them. Single-threaded.

#ifndef BENCH_TOUR_WORKER_POOL_H_
#define BENCH_TOUR_WORKER_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {

class WorkerPool {
 public:
  // `memory` is not owned and must outlive this.
  explicit WorkerPool(SharedMemory* memory);

  // Starts worker `index`, which does not run or was killed; waits for the end of the killed one.
  absl::Status Start(uint32_t index);
  absl::Status StartAll();

  // Kills worker `index` as a crash would, and does not wait for its end.
  void Kill(uint32_t index);

  void Pause(uint32_t index);
  void Resume(uint32_t index);

  // 0: it does not run.
  pid_t pid(uint32_t index) const { return workers_[index] == nullptr ? 0 : workers_[index]->pid(); }

  // Texts about workers that ended, or said that they cannot work, without having been asked to; each is told once.
  std::vector<std::string> TakeProblems();

  // Whether all are in `state` now.
  bool AllAre(WorkerState state) const;

  // Waits for all to end by themselves, as they do in phase kStopping, and kills those that do not. A text per such
  // one.
  std::vector<std::string> WaitForEnd(absl::Duration timeout);

 private:
  std::string DescribeEnd(uint32_t index) const;

  SharedMemory* const memory_;
  std::vector<std::unique_ptr<ChildProcess>> workers_;
  std::vector<std::unique_ptr<ChildProcess>> killed_;  // By index; may still be ending.
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_WORKER_POOL_H_
