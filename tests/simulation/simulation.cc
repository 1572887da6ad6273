#include "tests/simulation/simulation.h"

#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/model_server.h"
#include "tests/simulation/reference_tier.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_process.h"
#include "tests/simulation/truth.h"

namespace nearcache::simulation {
namespace {

namespace local = ::nearcache::internal::local;

class Simulation {
 public:
  explicit Simulation(const RunOptions& options)
      : options_(options), scheduler_(options.seed), bound_(scheduler_.Between(2, 10) * 100 * kMillisecond) {
    if (options.mutant == Mutant::kNoClockLag) scheduler_.HideClockLag();
    DrawWorkload();
    DrawNetwork();
    if (FailingOver()) ArrangeFailOvers();
    if (Clearing()) ArrangeClears();
    if (Slow()) ArrangeSlowAnswers();
    if (Restoring()) ArrangeSnapshots();
    if (Corrupting()) network_.message_corrupted = 0.05;
    if (Joining()) ArrangeJoins();
    if (Strange()) ArrangeStrangers();
    const int count = static_cast<int>(scheduler_.Between(2, 3));
    truth_ = std::make_unique<Truth>(workload_.keys, count, bound_, &scheduler_);
    server_ = std::make_unique<ModelServer>(workload_.keys, options.mutant, &scheduler_, truth_.get());
    for (int i = 0; i < count; ++i) {
      processes_.push_back(std::make_unique<SimulatedProcess>(i, bound_, workload_, network_, options.mutant,
                                                              MakeTier(), server_.get(), &scheduler_, truth_.get()));
    }
    faults_ = std::make_unique<Faults>(bound_, &scheduler_, server_.get(), &processes_, options.verbose);
    if (FailingOver()) faults_->OnlyFailOvers();
    if (Slow()) faults_->OnlyOfChannels();
    if (Restoring()) faults_->OnlySnapshots();
    if (Joining()) faults_->OnlyJoins();
    if (Strange()) faults_->OnlyStrangers();
    server_->reports_keys = network_.foreign_writers;
  }

  RunResult Run() {
    const MonotonicNanos start = scheduler_.now();
    const MonotonicNanos faults_end = start + 8 * bound_;
    const MonotonicNanos calls_end = faults_end + 6 * bound_;
    for (const auto& process : processes_) process->Start(calls_end);
    const int64_t longest = Joining() ? bound_ / 5 : bound_;
    const int64_t pause = Restoring() ? bound_ : scheduler_.Between(bound_ / 10, longest);
    if (!Calm()) faults_->Run(faults_end, pause);
    RunUntil(faults_end);
    Heal();
    // What is lost and still in somebody's memory must not be hidden by a next write.
    for (const auto& process : processes_) {
      if (Restoring()) process->StopWriting();
    }
    RunUntil(calls_end);
    RunUntil(calls_end + 3 * bound_);
    CheckEnd();
    return Result();
  }

 private:
  // Two kinds of worlds: many quiet keys, where memory is trusted for long; or one or two on which all pounce, over a
  // slow network, where everything overlaps.
  void DrawWorkload() {
    crowded_ = scheduler_.Chance(0.4);
    workload_.keys = static_cast<int>(crowded_ ? scheduler_.Between(1, 2) : scheduler_.Between(1, 4));
    workload_.callers = static_cast<int>(crowded_ ? scheduler_.Between(2, 3) : scheduler_.Between(1, 3));
    workload_.pause_max_nanos = (crowded_ ? scheduler_.Between(4, 40) : scheduler_.Between(10, 200)) * kMillisecond;
    workload_.write_chance = scheduler_.Chance(0.5) ? 0.03 : 0.15;
    workload_.clear_chance = scheduler_.Chance(0.5) ? 0 : 0.01;
    workload_.call_timeout_nanos = scheduler_.Between(bound_ / 4, 3 * bound_);
    // Every fourth world is full of writers, so that there is something to group.
    if (scheduler_.Chance(0.25)) {
      workload_.callers = 5;
      workload_.write_chance = 0.4;
      workload_.pause_max_nanos = scheduler_.Between(15, 60) * kMillisecond;
    }
  }

  void DrawNetwork() {
    network_.data_connections = static_cast<int>(scheduler_.Between(1, 3));
    network_.delay_max_nanos = scheduler_.Between(1, scheduler_.Chance(crowded_ ? 0.5 : 0.8) ? 5 : 80) * kMillisecond;
    network_.slow_chance = scheduler_.Chance(0.5) ? 0 : 0.03;
    network_.slow_max_nanos = 2 * bound_;
    network_.reconnect_max_nanos = scheduler_.Between(1, 200) * kMillisecond;
    if (scheduler_.Chance(0.6)) network_.turn_max_nanos = scheduler_.Between(1, 15) * kMillisecond;
    if (!Calm() && scheduler_.Chance(0.5)) network_.group_refused = 0.05;
    if (Calm()) return;
    network_.message_loss = scheduler_.Chance(0.5) ? 0 : 0.04;
    network_.message_doubled = scheduler_.Chance(0.7) ? 0 : 0.02;
  }

  // One seed in sixteen sees fail-overs only, each at the end of a history that somebody had heard and another had not:
  // one key, few writes, and reads that notice.
  bool FailingOver() const { return options_.seed % kSeedsPerWorld == kFirstFailOverWorld; }
  void ArrangeFailOvers() {
    workload_.keys = 1;
    workload_.callers = 3;
    workload_.pause_max_nanos = 30 * kMillisecond;
    workload_.write_chance = 0.01;
    workload_.delete_chance = workload_.clear_chance = 0;
    network_.message_loss = network_.message_doubled = network_.slow_chance = 0;
    network_.delay_max_nanos = 2 * kMillisecond;
    network_.reconnect_max_nanos = 5 * kMillisecond;
  }

  // One in sixteen is cleared again and again, while messages are slow.
  bool Clearing() const { return options_.seed % kSeedsPerWorld == kFirstClearingWorld; }
  void ArrangeClears() {
    workload_.keys = 2;
    workload_.clear_chance = 0.04;
    workload_.write_chance = 0.15;
    network_.slow_chance = 0.1;
  }

  bool Slow() const { return options_.seed % kSeedsPerWorld == kFirstSlowWorld; }
  void ArrangeSlowAnswers() {
    workload_.keys = 2;
    workload_.callers = 3;
    workload_.pause_max_nanos = 40 * kMillisecond;
    workload_.write_chance = 0.05;
    workload_.clear_chance = 0;
    workload_.call_timeout_nanos = 3 * bound_;
    network_.slow_chance = 0.1;
    network_.slow_max_nanos = bound_;
    network_.data_connections = 3;
  }

  // One in sixteen goes back to an old snapshot again and again, and some processes have heard nothing since it was
  // taken.
  bool Restoring() const { return options_.seed % kSeedsPerWorld == kFirstSnapshotWorld; }
  void ArrangeSnapshots() {
    workload_.keys = 2;
    workload_.callers = 2;
    workload_.pause_max_nanos = 30 * kMillisecond;
    workload_.write_chance = workload_.delete_chance = 0.001;
    workload_.clear_chance = 0;
    network_.message_loss = network_.message_doubled = network_.slow_chance = 0;
    network_.delay_max_nanos = 2 * kMillisecond;
    network_.reconnect_max_nanos = 5 * kMillisecond;
  }

  // One in sixteen damages messages on their way, or has them in a later format.
  bool Corrupting() const { return options_.seed % kSeedsPerWorld == kFirstCorruptingWorld; }

  // One in sixteen begins generations all the time, while late messages tell of Clears that their bases cover.
  bool Joining() const { return options_.seed % kSeedsPerWorld == kFirstJoiningWorld; }
  void ArrangeJoins() {
    workload_.keys = 2;
    workload_.callers = 3;
    workload_.pause_max_nanos = 30 * kMillisecond;
    workload_.write_chance = 0.15;
    workload_.clear_chance = 0.08;
    network_.message_loss = network_.message_doubled = 0;
    network_.slow_chance = 0.1;
    network_.readings_split = 0.3;
    network_.slow_max_nanos = bound_ / 2;
    network_.delay_max_nanos = 3 * kMillisecond;
    network_.reconnect_max_nanos = 5 * kMillisecond;
  }

  // In one of sixteen strangers remove keys all the time. No report is lost inside of a connection: nothing shows that
  // one is, and the promise does not speak of it.
  bool Strange() const { return options_.seed % kSeedsPerWorld == kFirstStrangerWorld; }
  void ArrangeStrangers() {
    workload_.keys = 2;
    workload_.callers = 3;
    workload_.pause_max_nanos = 20 * kMillisecond;
    workload_.write_chance = 0.1;
    workload_.delete_chance = workload_.clear_chance = 0.01;
    workload_.sync_chance = 0.05;
    network_.message_loss = network_.message_doubled = 0;
    network_.foreign_writers = true;
  }

  // One seed in eight sees a world without faults.
  bool Calm() const { return options_.seed % 8 == 0; }

  std::unique_ptr<local::LocalTier> MakeTier() const {
    if (options_.tier == TierKind::kReference) {
      return std::make_unique<ReferenceTier>(bound_, scheduler_.clock(), options_.mutant);
    }
    local::LocalTierOptions options;
    options.capacity_bytes = size_t{1} << 20;
    options.entry_bytes_max = size_t{1} << 10;
    options.stripe_count = 1;
    options.staleness_bound = absl::Nanoseconds(bound_);
    options.clock = scheduler_.clock();
    return local::LocalTier::Create(options);
  }

  void RunUntil(MonotonicNanos end) {
    scheduler_.RunUntil(end, [this] { return !truth_->violation().empty(); });
  }

  void Heal() {
    NetworkOptions good = network_;
    good.message_loss = good.message_doubled = good.message_corrupted = good.slow_chance = good.group_refused = 0;
    good.delay_max_nanos = 5 * kMillisecond;
    for (const auto& process : processes_) process->store().set_network(good);
  }

  // After the faults all is as it should be (C5, C6 of the test plan): losses were noticed, and told to those who could
  // not notice them; the channel is open and proven, no call is without its answer.
  void CheckEnd() {
    if (!truth_->violation().empty()) return;
    for (const auto& process : processes_) CheckMemory(process.get());
    if (options_.mutant != Mutant::kNone || !violation_.empty()) return;
    violation_ = faults_->Undetected();
    for (const auto& process : processes_) {
      if (!violation_.empty()) return;
      const absl::Status status = process->coordinator().Status();
      if (!status.ok()) violation_ = absl::StrCat("process ", process->number(), " at the end: ", status.message());
      if (process->calls_waiting() != 0) {
        violation_ = absl::StrCat("process ", process->number(), " has ", process->calls_waiting(), " calls left");
      }
    }
  }

  void CheckMemory(SimulatedProcess* process) {
    for (int key = 0; key < workload_.keys; ++key) {
      const OperationTag id = process->Remembers(key);
      const MonotonicNanos lost_at = truth_->LostSince(key, id);
      if (lost_at == internal::kNever || !faults_->WasTold(lost_at)) continue;
      violation_ = absl::StrCat("process ", process->number(), " still answers key ", key,
                                " with what the server lost at ", lost_at / kMillisecond, " ms");
    }
  }

  RunResult Result() const {
    RunResult result;
    result.violation = truth_->violation().empty() ? violation_ : truth_->violation();
    result.events = scheduler_.events_run();
    result.reads = truth_->reads_checked();
    result.faults = faults_->injected();
    for (const auto& process : processes_) {
      result.local_hits += process->tier().GetStats().hits;
      result.generations += process->coordinator().GetStats().generations;
      result.syncs += process->syncs_completed();
      result.groups += process->store().groups();
    }
    if (options_.verbose) {
      std::fprintf(stderr, "bound %lld ms, %zu processes, %d keys: %s\n", static_cast<long long>(bound_ / kMillisecond),
                   processes_.size(), workload_.keys, result.violation.c_str());
    }
    return result;
  }

  const RunOptions options_;
  Scheduler scheduler_;
  const int64_t bound_;
  bool crowded_ = false;
  WorkloadOptions workload_;
  NetworkOptions network_;
  std::unique_ptr<Truth> truth_;
  std::unique_ptr<ModelServer> server_;
  std::vector<std::unique_ptr<SimulatedProcess>> processes_;
  std::unique_ptr<Faults> faults_;
  std::string violation_;
};

}  // namespace

RunResult RunSimulation(const RunOptions& options) { return Simulation(options).Run(); }

}  // namespace nearcache::simulation
