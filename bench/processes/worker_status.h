// How far a worker process is, as it tells the coordinator through memory that both share. Zeroed memory: absent.

#ifndef BENCH_PROCESSES_WORKER_STATUS_H_
#define BENCH_PROCESSES_WORKER_STATUS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"

namespace nearcache::bench {

// In this order, though a run need not have all of them; failed, with a text, at any point.
enum class WorkerState : uint32_t { kAbsent, kFilling, kFilled, kOpening, kReady, kRunning, kStopped, kFailed };

struct WorkerStatus {
  std::atomic<WorkerState> state;
  char error[512];

  // Returns the exit code of a worker that ends because of `status`.
  int Fail(const absl::Status& status) {
    const std::string text = status.ToString();
    const size_t bytes = std::min(text.size(), sizeof(error) - 1);
    std::memcpy(error, text.data(), bytes);
    error[bytes] = '\0';
    state.store(WorkerState::kFailed);
    return 1;
  }
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_WORKER_STATUS_H_
