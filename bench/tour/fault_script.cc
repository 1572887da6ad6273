#include "bench/tour/fault_script.h"

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/processes/server_process.h"
#include "bench/processes/worker_processes.h"

namespace nearcache::bench::tour {
namespace {

// Fractions of the run.
constexpr double kKillAt = 0.33;
constexpr double kStartAgainAt = 0.36;
constexpr double kCutAt = 0.47;
constexpr double kPauseAt = 0.58;
constexpr double kRestartServerAt = 0.74;

// Long enough to break any promise that rests on timers inside the paused process.
double PauseSeconds(double run_seconds, double bound_seconds) {
  return std::max(2.5 * bound_seconds, std::min(0.04 * run_seconds, 2.0));
}

}  // namespace

FaultScript::FaultScript(double run_seconds, double bound_seconds, uint32_t worker_count, WorkerProcesses* workers,
                         ServerProcess* server)
    : bound_seconds_(bound_seconds),
      killed_worker_(worker_count - 1),
      paused_worker_(worker_count / 2 - 1),
      workers_(workers),
      server_(server) {
  const double pause_end = kPauseAt * run_seconds + PauseSeconds(run_seconds, bound_seconds);
  steps_ = {{kKillAt * run_seconds, &FaultScript::KillWorker},
            {kStartAgainAt * run_seconds, &FaultScript::StartWorker},
            {kCutAt * run_seconds, &FaultScript::CutConnections},
            {kPauseAt * run_seconds, &FaultScript::PauseWorker},
            {pause_end, &FaultScript::ResumeWorker},
            {std::max(kRestartServerAt * run_seconds, pause_end + 0.5), &FaultScript::RestartServer}};
}

std::vector<std::string> FaultScript::Advance(double now_seconds) {
  std::vector<std::string> lines;
  now_seconds_ = now_seconds;
  while (next_step_ < steps_.size() && steps_[next_step_].at_seconds <= now_seconds) {
    const Action action = steps_[next_step_++].action;
    lines.push_back((this->*action)());
  }
  return lines;
}

void FaultScript::Finish() {
  if (paused_) workers_->Signal(paused_worker_, SIGCONT);
}

void FaultScript::Record(std::string name, std::string meaning) {
  events_.push_back({now_seconds_, 0, std::move(name), std::move(meaning)});
}

std::string FaultScript::KillWorker() {
  const auto pid = workers_->pid(killed_worker_);
  workers_->Kill(killed_worker_);
  Record(absl::StrCat("kill -9 worker ", killed_worker_),
         "The process ends between two instructions, with writes under way. A new one takes its place and starts with "
         "empty memory.");
  return absl::StrCat("kill -9 worker ", killed_worker_, " (pid ", pid, ")");
}

std::string FaultScript::StartWorker() {
  if (const absl::Status started = workers_->Start(killed_worker_); !started.ok()) {
    problems_.push_back(started.ToString());
  }
  EndLast();
  return absl::StrCat("worker ", killed_worker_, " is started again");
}

std::string FaultScript::CutConnections() {
  int count = 0;
  for (const char* type : {"pubsub", "normal"}) {
    const absl::StatusOr<int> cut = server_->CutConnections(type);
    if (cut.ok()) {
      count += *cut;
    } else {
      problems_.push_back(absl::StrCat("cutting connections: ", cut.status().ToString()));
    }
  }
  Record("cut every connection",
         "The server closes all data and invalidation connections at once. Messages on their way are lost, so nothing "
         "in memory can be trusted until it is known again what was missed.");
  return absl::StrCat("cut every connection (", count, " of them)");
}

std::string FaultScript::PauseWorker() {
  workers_->Signal(paused_worker_, SIGSTOP);
  paused_ = true;
  Record(absl::StrCat("pause worker ", paused_worker_),
         "SIGSTOP, as a debugger, a frozen container or an overloaded host would do it. No timer runs in the process, "
         "and the others go on writing. Its very first read afterwards must not return what was replaced meanwhile.");
  return absl::StrCat("pause worker ", paused_worker_, " (SIGSTOP)");
}

std::string FaultScript::ResumeWorker() {
  workers_->Signal(paused_worker_, SIGCONT);
  paused_ = false;
  EndLast();
  return absl::StrFormat("worker %d goes on (SIGCONT) after %.1f s, %.1f times the bound", paused_worker_,
                         now_seconds_ - events_.back().at_seconds,
                         (now_seconds_ - events_.back().at_seconds) / bound_seconds_);
}

std::string FaultScript::RestartServer() {
  if (const absl::Status restarted = server_->KillAndRestart(); !restarted.ok()) {
    problems_.push_back(restarted.ToString());
  }
  Record("restart the server empty",
         "kill -9, and a new server without any data on the same socket. Every value is gone; the workers must notice, "
         "drop what they hold, and write their keys anew.");
  return "kill -9 the server; a new one starts, empty";
}

}  // namespace nearcache::bench::tour
