#include "bench/processes/worker_processes.h"

#include <signal.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"
#include "bench/processes/interrupt.h"
#include "bench/processes/worker_status.h"

namespace nearcache::bench {
namespace {

constexpr char kThisProgram[] = "/proc/self/exe";
constexpr absl::Duration kKillTimeout = absl::Seconds(5);
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

}  // namespace

WorkerProcesses::WorkerProcesses(int memory_descriptor, std::vector<WorkerStatus*> statuses)
    : memory_descriptor_(memory_descriptor),
      statuses_(std::move(statuses)),
      workers_(statuses_.size()),
      killed_(statuses_.size()) {}

absl::Status WorkerProcesses::Start(uint32_t index) {
  if (killed_[index] != nullptr && !killed_[index]->WaitForEnd(kKillTimeout)) {
    return absl::InternalError(absl::StrCat("worker ", index, " was killed and does not end"));
  }
  absl::StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Start(
      {kThisProgram, absl::StrCat("--worker=", index), absl::StrCat("--memory_fd=", memory_descriptor_)},
      memory_descriptor_, /*quiet=*/false);
  if (!child.ok()) return child.status();
  workers_[index] = *std::move(child);
  return absl::OkStatus();
}

absl::Status WorkerProcesses::StartAll() {
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (const absl::Status started = Start(index); !started.ok()) return started;
  }
  return absl::OkStatus();
}

void WorkerProcesses::Kill(uint32_t index) {
  if (workers_[index] == nullptr) return;
  workers_[index]->Signal(SIGKILL);
  killed_[index] = std::move(workers_[index]);
  statuses_[index]->state.store(WorkerState::kAbsent);
}

void WorkerProcesses::Signal(uint32_t index, int signal) {
  if (workers_[index] != nullptr) workers_[index]->Signal(signal);
}

std::vector<std::string> WorkerProcesses::TakeProblems() {
  std::vector<std::string> problems;
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (workers_[index] == nullptr || workers_[index]->Running()) continue;
    problems.push_back(DescribeEnd(index));
    workers_[index] = nullptr;
  }
  return problems;
}

bool WorkerProcesses::AllAre(WorkerState state) const {
  for (uint32_t index = 0; index < workers_.size(); ++index) {
    if (statuses_[index]->state.load() != state) return false;
  }
  return true;
}

absl::Status WorkerProcesses::AwaitAll(WorkerState state, absl::Duration timeout, absl::string_view too_long) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!AllAre(state) && !Interrupted()) {
    const std::vector<std::string> problems = TakeProblems();
    if (!problems.empty()) return absl::InternalError(problems.front());
    if (absl::Now() > deadline) return absl::DeadlineExceededError(too_long);
    absl::SleepFor(kPollInterval);
  }
  return absl::OkStatus();
}

std::vector<std::string> WorkerProcesses::WaitForEnd(absl::Duration timeout) {
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

std::string WorkerProcesses::DescribeEnd(uint32_t index) const {
  std::string text = absl::StrCat("worker ", index, " ended by itself: ", workers_[index]->HowItEnded());
  const WorkerStatus& status = *statuses_[index];
  if (status.state.load() == WorkerState::kFailed) absl::StrAppend(&text, ", ", status.error);
  return text;
}

}  // namespace nearcache::bench
