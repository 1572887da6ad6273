#include "bench/coherence_torture/coordinator.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/fault_driver.h"
#include "bench/coherence_torture/fault_proxy.h"
#include "bench/coherence_torture/fault_record.h"
#include "bench/coherence_torture/flags.h"
#include "bench/coherence_torture/history.h"
#include "bench/coherence_torture/recovery_watch.h"
#include "bench/coherence_torture/summary.h"
#include "bench/coherence_torture/torture_server.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/interrupt.h"
#include "bench/processes/server_process.h"
#include "bench/processes/temp_folder.h"
#include "bench/processes/worker_processes.h"
#include "bench/processes/worker_status.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr absl::Duration kFillTimeout = absl::Minutes(2);
constexpr absl::Duration kStopTimeout = absl::Seconds(30);
constexpr int64_t kShowNanos = kNanosPerSecond;
constexpr int64_t kRecoveryLookNanos = 100 * kNanosPerMilli;

// How much of the end of a run is left alone: what a fault still does when it is given up, and five seconds.
constexpr double kCalmSeconds = 6.5;

Holdings HoldingsOf(const std::atomic<int64_t>* gauges) {
  return {gauges[kDescriptors].load(), gauges[kThreads].load(), gauges[kHeapBytes].load()};
}

RecoveryLook LookAt(const WorkerBlock& block, int64_t now_nanos) {
  RecoveryLook look;
  look.at_nanos = now_nanos;
  look.open = block.status.state.load() == WorkerState::kRunning && block.gauges[kReady].load() != 0;
  look.hits = block.counts[kLocalHits].load();
  look.reads =
      look.hits + block.counts[kRemoteHits].load() + block.counts[kMisses].load() + block.counts[kReadsFailed].load();
  look.stalled_nanos = block.gauges[kStalledNanos].load();
  look.now = HoldingsOf(block.gauges);
  look.has_baseline = block.has_baseline.load() != 0;
  look.baseline = HoldingsOf(block.baseline);
  return look;
}

class Coordinator {
 public:
  explicit Coordinator(const Flags& flags) : flags_(flags), setup_(flags.setup) {}

  int Run();

 private:
  int Refuse(const absl::Status& status);
  absl::Status Prepare(const std::string& program);
  absl::Status Fill();
  void BreakThings();
  void AwaitRecovery();
  void LogLack(uint32_t worker, const RecoveryWatch& watch);
  void Poll();
  void NoteDeaths(const std::vector<std::string>& deaths);
  FaultCounts CountFaults() const;
  double SecondsRun() const { return static_cast<double>(NowNanos() - start_nanos_) / kNanosPerSecond; }
  int Conclude();

  const Flags& flags_;
  Setup setup_;
  // In this order, so that everybody is gone before the folder is.
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<WorkerProcesses> workers_;
  std::unique_ptr<FaultDriver> faults_;  // Null: none were asked for.
  int64_t start_nanos_ = 0;
  int64_t next_show_nanos_ = 0;
  int64_t calm_since_nanos_ = 0;
  Progress progress_;
};

int Coordinator::Run() {
  const absl::StatusOr<std::string> program = FindServer(flags_.server);
  if (!program.ok()) return Refuse(program.status());
  if (const absl::Status prepared = Prepare(*program); !prepared.ok()) return Refuse(prepared);
  if (const absl::Status filled = Fill(); !filled.ok()) {
    std::cerr << "coherence_torture: " << filled.message() << std::endl;
    return 1;
  }
  start_nanos_ = NowNanos();
  next_show_nanos_ = start_nanos_ + kShowNanos;
  arena_->phase().store(Phase::kRunning);
  BreakThings();
  AwaitRecovery();
  while (SecondsRun() < flags_.seconds && !Interrupted()) Poll();
  return Conclude();
}

int Coordinator::Refuse(const absl::Status& status) {
  std::cerr << "coherence_torture: " << status.message() << std::endl;
  return 2;
}

// An error of it is one of the flags or of the server.
absl::Status Coordinator::Prepare(const std::string& program) {
  absl::StatusOr<std::unique_ptr<TempFolder>> folder = TempFolder::Create();
  if (!folder.ok()) return folder.status();
  folder_ = *std::move(folder);
  if (folder_->path().size() >= sizeof(setup_.folder)) return absl::InvalidArgumentError("TMPDIR is too long");
  std::memcpy(setup_.folder, folder_->path().c_str(), folder_->path().size() + 1);
  absl::StatusOr<std::unique_ptr<ServerProcess>> server =
      ServerProcess::Start(program, folder_->path(), TortureServer());
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  setup_.start_nanos = NowNanos();
  absl::StatusOr<std::unique_ptr<Arena>> arena = Arena::Create(setup_);
  if (!arena.ok()) return arena.status();
  arena_ = *std::move(arena);
  workers_ = std::make_unique<WorkerProcesses>(arena_->descriptor(), arena_->worker_statuses());
  absl::StatusOr<std::unique_ptr<FaultProxy>> proxy =
      FaultProxy::Start(folder_->path(), static_cast<int>(setup_.worker_count), server_->socket_path(), setup_.seed);
  if (!proxy.ok()) return proxy.status();
  proxy_ = *std::move(proxy);
  if (flags_.faults == "none") return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<FaultDriver>> faults =
      FaultDriver::Create(flags_.faults, arena_.get(), proxy_.get(), server_.get(), workers_.get());
  if (!faults.ok()) return faults.status();
  faults_ = *std::move(faults);
  return absl::OkStatus();
}

absl::Status Coordinator::Fill() {
  std::cout << absl::StrFormat(
                   "coherence_torture: %s, %d processes behind a fault proxy, %d keys, seed %d.\n"
                   "No value may be served longer than %d ms after its successor was acknowledged.",
                   server_->name(), setup_.worker_count, setup_.key_count, setup_.seed,
                   setup_.bound_nanos / kNanosPerMilli)
            << std::endl;
  if (const absl::Status started = workers_->StartAll(); !started.ok()) return started;
  return workers_->AwaitAll(WorkerState::kRunning, kFillTimeout, "the workers did not begin within two minutes");
}

void Coordinator::BreakThings() {
  const double seconds = std::max(flags_.seconds - kCalmSeconds, flags_.seconds / 2);
  while (faults_ != nullptr && SecondsRun() < seconds && !Interrupted()) {
    faults_->Advance(NowNanos());
    Poll();
  }
  calm_since_nanos_ = faults_ == nullptr ? NowNanos() : faults_->Finish();
}

void Coordinator::AwaitRecovery() {
  std::vector<RecoveryWatch> watches(setup_.worker_count, RecoveryWatch(calm_since_nanos_));
  int64_t next_look_nanos = calm_since_nanos_;
  bool waiting = true;
  while (waiting && !Interrupted()) {
    Poll();
    const int64_t now_nanos = NowNanos();
    if (now_nanos < next_look_nanos) continue;
    next_look_nanos = now_nanos + kRecoveryLookNanos;
    waiting = false;
    for (uint32_t worker = 0; worker < setup_.worker_count; ++worker) {
      watches[worker].OnLook(LookAt(arena_->worker(worker), now_nanos));
      waiting |= !watches[worker].recovered() && now_nanos < watches[worker].deadline_nanos();
    }
  }
  if (Interrupted()) return;
  for (uint32_t worker = 0; worker < setup_.worker_count; ++worker) LogLack(worker, watches[worker]);
  std::cout << absl::StrFormat("%6.1f s  the faults are over, and were %.1f s ago", SecondsRun(),
                               static_cast<double>(NowNanos() - calm_since_nanos_) / kNanosPerSecond)
            << std::endl;
}

void Coordinator::LogLack(uint32_t worker, const RecoveryWatch& watch) {
  const RecoveryWatch::Verdict& verdict = watch.verdict();
  if (verdict.lack == RecoveryWatch::Lack::kNothing) return;
  if (watch.starved()) {
    std::cout << absl::StrFormat("worker %d has not recovered (%s), but it could hardly run: not judged", worker,
                                 LackName(verdict.lack))
              << std::endl;
    return;
  }
  ViolationRecord* record = arena_->violations().Add(Violation::kNotRecovered);
  if (record == nullptr) return;
  record->worker = worker;
  record->at_nanos = record->ended_nanos = NowNanos();
  record->lack = static_cast<uint32_t>(verdict.lack);
  record->amount = verdict.amount;
  record->allowed = verdict.allowed;
  record->complete.store(1, std::memory_order_release);
}

// A step of every loop: lets time pass, and tells what there is to tell.
void Coordinator::Poll() {
  absl::SleepFor(kPollInterval);
  NoteDeaths(workers_->TakeProblems());
  const int64_t now_nanos = NowNanos();
  if (now_nanos < next_show_nanos_) return;
  next_show_nanos_ = now_nanos + kShowNanos;
  std::cout << progress_.Line(TotalsOf(arena_.get()), CountFaults(), now_nanos - start_nanos_,
                              faults_ == nullptr ? "" : faults_->UnderWay())
            << std::endl;
}

void Coordinator::NoteDeaths(const std::vector<std::string>& deaths) {
  for (const std::string& death : deaths) {
    std::cout << death << std::endl;
    ViolationRecord* record = arena_->violations().Add(Violation::kDied);
    if (record == nullptr) continue;
    std::snprintf(record->text, sizeof(record->text), "%s", death.c_str());
    record->at_nanos = record->ended_nanos = NowNanos();
    record->complete.store(1, std::memory_order_release);
  }
}

FaultCounts Coordinator::CountFaults() const {
  return faults_ == nullptr ? FaultCounts() : FaultCounts{faults_->happened(), faults_->kinds_happened()};
}

int Coordinator::Conclude() {
  arena_->phase().store(Phase::kStopping);
  NoteDeaths(workers_->WaitForEnd(kStopTimeout));
  if (faults_ != nullptr) {
    for (const std::string& problem : faults_->problems()) std::cout << "fault not done: " << problem << "\n";
  }
  const Totals totals = TotalsOf(arena_.get());
  const std::string line = LastLine(totals, CountFaults(), setup_.bound_nanos);
  const std::string history = DescribeViolations(
      arena_->violations(), faults_ == nullptr ? std::vector<FaultRecord>() : faults_->records(), start_nanos_, line);
  if (!history.empty()) {
    const absl::Status written = WriteHistory(flags_.history, history);
    std::cout << (written.ok() ? absl::StrCat("What happened is told in ", flags_.history)
                               : absl::StrCat(written.message(), ":\n", history))
              << "\n";
  }
  if (Interrupted()) std::cout << "Stopped by request.\n";
  std::cout << Details(totals) << "\n" << line << std::endl;
  return totals.violations == 0 && !Interrupted() ? 0 : 1;
}

}  // namespace

int RunTorture(const Flags& flags) {
  CatchInterrupts();
  return Coordinator(flags).Run();
}

}  // namespace nearcache::bench::torture
