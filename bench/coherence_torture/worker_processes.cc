#include "bench/coherence_torture/worker_processes.h"

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
#include "bench/coherence_torture/arena.h"
#include "bench/processes/child_process.h"

namespace nearcache::bench::torture {

absl::Status WorkerProcesses::Start(uint32_t index) {
  absl::StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Start(
      {"/proc/self/exe", absl::StrCat("--worker=", index), absl::StrCat("--memory_fd=", arena_->descriptor())},
      arena_->descriptor(), /*quiet=*/false);
  if (!child.ok()) return child.status();
  workers_[index] = *std::move(child);
  return absl::OkStatus();
}

absl::Status WorkerProcesses::StartAll() {
  absl::Status status;
  for (uint32_t index = 0; index < workers_.size(); ++index) status.Update(Start(index));
  return status;
}

void WorkerProcesses::Kill(uint32_t index) {
  workers_[index].reset();
  arena_->worker(index).state.store(WorkerState::kAbsent);
}

void WorkerProcesses::Signal(uint32_t index, int signal) {
  if (workers_[index] != nullptr) workers_[index]->Signal(signal);
}

std::vector<std::string> WorkerProcesses::TakeDeaths() {
  std::vector<std::string> deaths;
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (workers_[index] == nullptr || workers_[index]->Running()) continue;
    deaths.push_back(DescribeEnd(index));
    workers_[index] = nullptr;
  }
  return deaths;
}

bool WorkerProcesses::AllAre(WorkerState state) const {
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (arena_->worker(index).state.load() != state) return false;
  }
  return true;
}

std::vector<std::string> WorkerProcesses::WaitForEnd(absl::Duration timeout) {
  std::vector<std::string> problems;
  const absl::Time deadline = absl::Now() + timeout;
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (workers_[index] == nullptr) continue;
    if (!workers_[index]->WaitForEnd(deadline - absl::Now())) {
      problems.push_back(absl::StrCat("worker ", index, " did not stop and was killed"));
    } else if (!workers_[index]->EndedWell()) {
      problems.push_back(DescribeEnd(index));
    }
    workers_[index] = nullptr;
  }
  return problems;
}

std::string WorkerProcesses::DescribeEnd(uint32_t index) const {
  const WorkerBlock& block = arena_->worker(index);
  std::string text = absl::StrCat("worker ", index, " ended by itself: ", workers_[index]->HowItEnded());
  if (block.state.load() == WorkerState::kFailed) absl::StrAppend(&text, ", ", block.error);
  return text;
}

}  // namespace nearcache::bench::torture
