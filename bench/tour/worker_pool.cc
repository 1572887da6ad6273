#include "bench/tour/worker_pool.h"

#include <signal.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

constexpr char kThisProgram[] = "/proc/self/exe";
constexpr absl::Duration kKillTimeout = absl::Seconds(5);

}  // namespace

WorkerPool::WorkerPool(SharedMemory* memory)
    : memory_(memory), workers_(memory->setup().worker_count), killed_(memory->setup().worker_count) {}

absl::Status WorkerPool::Start(uint32_t index) {
  if (killed_[index] != nullptr && !killed_[index]->WaitForEnd(kKillTimeout)) {
    return absl::InternalError(absl::StrCat("worker ", index, " was killed and does not end"));
  }
  absl::StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Start(
      {kThisProgram, absl::StrCat("--worker=", index), absl::StrCat("--memory_fd=", memory_->descriptor())},
      memory_->descriptor(), /*quiet=*/false);
  if (!child.ok()) return child.status();
  workers_[index] = *std::move(child);
  return absl::OkStatus();
}

absl::Status WorkerPool::StartAll() {
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (const absl::Status started = Start(index); !started.ok()) return started;
  }
  return absl::OkStatus();
}

void WorkerPool::Kill(uint32_t index) {
  if (workers_[index] == nullptr) return;
  workers_[index]->Signal(SIGKILL);
  killed_[index] = std::move(workers_[index]);
  memory_->worker(index).state.store(WorkerState::kAbsent);
}

void WorkerPool::Pause(uint32_t index) {
  if (workers_[index] != nullptr) workers_[index]->Signal(SIGSTOP);
}

void WorkerPool::Resume(uint32_t index) {
  if (workers_[index] != nullptr) workers_[index]->Signal(SIGCONT);
}

std::vector<std::string> WorkerPool::TakeProblems() {
  std::vector<std::string> problems;
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (workers_[index] == nullptr || workers_[index]->Running()) continue;
    problems.push_back(DescribeEnd(index));
    workers_[index] = nullptr;
  }
  return problems;
}

bool WorkerPool::AllAre(WorkerState state) const {
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (memory_->worker(index).state.load() != state) return false;
  }
  return true;
}

std::vector<std::string> WorkerPool::WaitForEnd(absl::Duration timeout) {
  std::vector<std::string> problems;
  const absl::Time deadline = absl::Now() + timeout;
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (workers_[index] == nullptr) continue;
    if (!workers_[index]->WaitForEnd(deadline - absl::Now())) {
      problems.push_back(
          absl::StrCat("worker ", index, " did not stop within ", absl::FormatDuration(timeout), " and was killed"));
      Kill(index);
    } else if (!workers_[index]->EndedWell()) {
      problems.push_back(DescribeEnd(index));
    }
    workers_[index] = nullptr;
  }
  return problems;
}

std::string WorkerPool::DescribeEnd(uint32_t index) const {
  const WorkerBlock& block = memory_->worker(index);
  std::string text = absl::StrCat("worker ", index, " ended by itself: ", workers_[index]->HowItEnded());
  if (block.state.load() == WorkerState::kFailed) absl::StrAppend(&text, ", ", block.error);
  return text;
}

}  // namespace nearcache::bench::tour
