#include "bench/tour/coordinator.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
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
#include "bench/processes/interrupt.h"
#include "bench/processes/server_process.h"
#include "bench/processes/temp_folder.h"
#include "bench/processes/units.h"
#include "bench/processes/worker_processes.h"
#include "bench/processes/worker_status.h"
#include "bench/support/clock.h"
#include "bench/tour/effects.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/flags.h"
#include "bench/tour/page.h"
#include "bench/tour/report.h"
#include "bench/tour/sampler.h"
#include "bench/tour/screen.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(10);
constexpr absl::Duration kFillTimeout = absl::Minutes(10);
constexpr absl::Duration kStopTimeout = absl::Seconds(10);
constexpr double kSampleSeconds = 0.25;
constexpr double kShowSeconds = 1;

// How long a recovery must have lasted before it is told.
constexpr double kSettleSeconds = 2;

// A tour that read less than this is broken, however few violations it saw.
constexpr double kReadsPerSecondMin = 1000;

// The first multiple of `step` after `now`: a late round does not make the next one early.
double NextMultiple(double now, double step) { return (std::floor(now / step) + 1) * step; }

class Coordinator {
 public:
  explicit Coordinator(const Flags& flags)
      : flags_(flags), setup_(flags.setup), screen_(!flags.plain && Screen::OutputIsTerminal()) {}

  int Run() {
    absl::Status status = Prepare();
    if (status.ok()) status = FillStore();
    if (!status.ok()) return Refuse(status);
    if (Interrupted()) return StopEarly();
    RunLoad();
    StopWorkers();
    return Conclude();
  }

 private:
  absl::Status Prepare();
  absl::Status StartServer();
  absl::Status FillStore();
  absl::Status Await(WorkerState state);
  void RunLoad();
  void Watch(double now);
  void TellEffects(double now);
  void CheckRecovery();
  void StopWorkers();
  int StopEarly();
  int Refuse(const absl::Status& status);
  int Conclude();
  void CollectViolations();
  std::string Describe(const ViolationRecord& record) const;
  void CheckWork();

  const Flags& flags_;
  Setup setup_;
  Screen screen_;
  // In this order, so that everybody is gone before the folder is.
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<SharedMemory> memory_;
  std::unique_ptr<WorkerProcesses> workers_;
  std::unique_ptr<FaultScript> faults_;
  std::unique_ptr<Sampler> series_sampler_;
  std::unique_ptr<Sampler> table_sampler_;
  std::unique_ptr<Sampler> whole_sampler_;
  int64_t start_nanos_ = 0;
  double next_sample_ = kSampleSeconds;
  double next_show_ = kShowSeconds;
  uint64_t violations_ = 0;
  size_t effects_told_ = 0;
  Report report_;
};

absl::Status Coordinator::Prepare() {
  if (const absl::Status status = StartServer(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<SharedMemory>> memory = SharedMemory::Create(setup_);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  workers_ = std::make_unique<WorkerProcesses>(memory_->descriptor(), memory_->worker_statuses());
  return workers_->StartAll();
}

absl::Status Coordinator::StartServer() {
  absl::StatusOr<std::string> program = FindServer(flags_.server);
  if (!program.ok()) {
    if (!flags_.server.empty()) return program.status();
    screen_.Say(absl::StrCat("nearcache tour: ", program.status().message(),
                             ". This is the local tier alone: each process a world of its own, nothing to be "
                             "coherent with, no faults."));
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<TempFolder>> folder = TempFolder::Create();
  if (!folder.ok()) return folder.status();
  folder_ = *std::move(folder);
  absl::StatusOr<std::unique_ptr<ServerProcess>> server = ServerProcess::Start(*program, folder_->path());
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  const std::string& path = server_->socket_path();
  if (path.size() >= sizeof(setup_.socket_path)) return absl::InvalidArgumentError("TMPDIR is too long");
  std::memcpy(setup_.socket_path, path.c_str(), path.size() + 1);
  report_.server_name = server_->name();
  screen_.Say(absl::StrFormat(
      "nearcache tour: %s on a private unix socket, %d processes with %d threads and %d MiB each,\n"
      "%s keys of 100 B to 4 KiB, Zipf %g, %g %% writes. The promise that every read is checked against:\n"
      "no value is served longer than %d ms after its replacement was acknowledged.",
      server_->name(), setup_.worker_count, setup_.threads_per_worker, setup_.local_bytes >> 20,
      FormatExact(setup_.key_count), setup_.zipf_exponent, setup_.write_percent, setup_.bound_nanos / kNanosPerMilli));
  return absl::OkStatus();
}

absl::Status Coordinator::FillStore() {
  const absl::Time begin = absl::Now();
  if (const absl::Status filled = Await(WorkerState::kFilled); !filled.ok()) return filled;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  memory_->phase().store(Phase::kOpening);
  if (const absl::Status opened = Await(WorkerState::kReady); !opened.ok()) return opened;
  screen_.Say(absl::StrFormat("Written once, in %.1f s. Now they read and write for %g s.", seconds, flags_.seconds));
  return absl::OkStatus();
}

absl::Status Coordinator::Await(WorkerState state) {
  return workers_->AwaitAll(state, kFillTimeout, "filling the store took too long");
}

void Coordinator::RunLoad() {
  series_sampler_ = std::make_unique<Sampler>(memory_.get(), Observer::kSeries);
  table_sampler_ = std::make_unique<Sampler>(memory_.get(), Observer::kTable);
  whole_sampler_ = std::make_unique<Sampler>(memory_.get(), Observer::kSummary);
  if (server_ != nullptr && flags_.faults) {
    faults_ = std::make_unique<FaultScript>(flags_.seconds, static_cast<double>(setup_.bound_nanos) / kNanosPerSecond,
                                            setup_.worker_count, workers_.get(), server_.get());
  }
  start_nanos_ = NowNanos();
  memory_->phase().store(Phase::kRunning);
  double now = 0;
  while (now < flags_.seconds && !Interrupted()) {
    absl::SleepFor(kPollInterval);
    now = static_cast<double>(NowNanos() - start_nanos_) / kNanosPerSecond;
    Watch(now);
  }
  report_.seconds = now;
  report_.interrupted = Interrupted();
}

void Coordinator::Watch(double now) {
  if (faults_ != nullptr) {
    const std::vector<std::string> lines = faults_->Advance(now);
    TellEffects(now);
    for (const std::string& line : lines) screen_.Announce(now, line);
  }
  for (std::string& problem : workers_->TakeProblems()) {
    screen_.Announce(now, problem);
    report_.problems.push_back(std::move(problem));
  }
  if (now >= next_sample_) {
    next_sample_ = NextMultiple(now, kSampleSeconds);
    report_.series.push_back(series_sampler_->Take(now));
    violations_ += report_.series.back().total.Violations();
  }
  if (now >= next_show_) {
    next_show_ = NextMultiple(now, kShowSeconds);
    screen_.Show(table_sampler_->Take(now), flags_.seconds, violations_);
  }
}

// An effect is told when the next fault begins, or earlier when all is well again. The summary tells the last one if
// the load ends before.
void Coordinator::TellEffects(double now) {
  const std::vector<FaultEvent>& events = faults_->events();
  if (effects_told_ == events.size()) return;
  const FaultEvent& event = events[effects_told_];
  const Effect effect = MeasureEffects(report_.series, events)[effects_told_];
  const bool next_began = effects_told_ + 1 < events.size();
  const bool settled =
      effect.recovery_seconds >= 0 && now > event.at_seconds + effect.recovery_seconds + kSettleSeconds;
  if (!next_began && !settled) return;
  screen_.ShowEffect(event, effect);
  ++effects_told_;
}

void Coordinator::StopWorkers() {
  if (faults_ != nullptr) {
    faults_->Finish();
    report_.events = faults_->events();
    const std::vector<std::string>& problems = faults_->problems();
    report_.problems.insert(report_.problems.end(), problems.begin(), problems.end());
  }
  if (!report_.interrupted) CheckRecovery();
  report_.whole = whole_sampler_->Take(report_.seconds);
  memory_->phase().store(Phase::kStopping);
  for (std::string& problem : workers_->WaitForEnd(kStopTimeout)) report_.problems.push_back(std::move(problem));
}

// In the last second every worker must answer from its memory again.
void Coordinator::CheckRecovery() {
  const size_t last_second = static_cast<size_t>(kShowSeconds / kSampleSeconds);
  const size_t first = report_.series.size() - std::min(report_.series.size(), last_second);
  for (uint32_t worker = 0; worker < setup_.worker_count; ++worker) {
    uint64_t hits = 0;
    for (size_t i = first; i < report_.series.size(); ++i) {
      hits += report_.series[i].workers[worker].counts[kLocalHits];
    }
    if (hits == 0) {
      report_.problems.push_back(absl::StrCat("worker ", worker, " did not answer from memory in the last second"));
    }
  }
}

void Coordinator::CollectViolations() {
  for (const auto& records : memory_->violations().records) {
    for (const ViolationRecord& record : records) {
      if (record.complete.load(std::memory_order_acquire) != 0) report_.violations.push_back(Describe(record));
    }
  }
}

std::string Coordinator::Describe(const ViolationRecord& record) const {
  return absl::StrFormat(
      "%.3f s, worker %d: %s, key %d version %d from %s; version %d had replaced it %.1f ms before; seen before: %d",
      static_cast<double>(record.begun_nanos - start_nanos_) / kNanosPerSecond, record.worker,
      FindingName(record.finding), record.key, record.version, record.from_memory ? "memory" : "the server",
      record.successor, static_cast<double>(record.age_nanos) / kNanosPerMilli, record.floor);
}

void Coordinator::CheckWork() {
  if (report_.interrupted) return;
  if (report_.whole.total.ReadsPerSecond() < kReadsPerSecondMin) {
    report_.problems.push_back("too few reads were answered for this run to mean anything");
  }
}

int Coordinator::StopEarly() {
  memory_->phase().store(Phase::kStopping);
  workers_->WaitForEnd(kStopTimeout);
  screen_.Say("Stopped before the load began.");
  return 1;
}

int Coordinator::Refuse(const absl::Status& status) {
  std::cerr << "nearcache tour: " << status.message() << std::endl;
  return 1;
}

int Coordinator::Conclude() {
  report_.setup = setup_;
  report_.effects = MeasureEffects(report_.series, report_.events);
  CollectViolations();
  CheckWork();
  screen_.Say(absl::StrCat("\n", report_.interrupted ? "Stopped by request. " : "", Summarize(report_)));
  const absl::Status written = WritePage(report_, flags_.html);
  screen_.Say(written.ok() ? absl::StrCat("The page: ", flags_.html) : absl::StrCat("No page: ", written.message()));
  return report_.Good() && written.ok() ? 0 : 1;
}

}  // namespace

int RunTour(const Flags& flags) {
  CatchInterrupts();
  return Coordinator(flags).Run();
}

}  // namespace nearcache::bench::tour
