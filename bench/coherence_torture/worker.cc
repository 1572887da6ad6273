#include "bench/coherence_torture/worker.h"

#include <dirent.h>
#include <malloc.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/fault_proxy.h"
#include "bench/coherence_torture/judging.h"
#include "bench/coherence_torture/load.h"
#include "bench/coherence_torture/loss_watch.h"
#include "bench/coherence_torture/torture_writer.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/key_space.h"
#include "bench/processes/run_delay.h"
#include "bench/processes/worker_status.h"
#include "bench/support/clock.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"

namespace nearcache::bench::torture {
namespace {

constexpr int kReaders = 2;
constexpr absl::Duration kReadyTimeout = absl::Seconds(20);
constexpr int64_t kTickNanos = 5 * kNanosPerMilli;
constexpr int64_t kLookNanos = 10 * kNanosPerMilli;
constexpr int64_t kPublishNanos = 200 * kNanosPerMilli;
constexpr absl::Duration kSyncInterval = absl::Milliseconds(250);

constexpr absl::Duration kConnectTimeout = absl::Milliseconds(500);
constexpr absl::Duration kBackoffMax = absl::Milliseconds(200);
constexpr absl::Duration kCallsLeftTimeout = absl::Seconds(5);

// When a process holds what it will hold from then on.
constexpr int64_t kBaselineNanos = kNanosPerSecond;

// The age that a read tells comes from a clock with coarse steps.
constexpr int64_t kAgeErrorNanos = 30 * kNanosPerMilli;

Options CacheOptions(const Setup& setup, uint32_t index) {
  Options options;
  options.remote.unix_socket = FaultProxy::SocketPath(setup.folder, static_cast<int>(index));
  options.remote.user = kUser;
  options.remote.password = kPassword;
  options.remote.client_name = "nearcache-torture";
  options.remote.connect_timeout = kConnectTimeout;
  options.remote.command_timeout = absl::Nanoseconds(setup.timeout_nanos);
  options.remote.health_timeout = options.remote.command_timeout;
  options.remote.reconnect_backoff_max = kBackoffMax;
  options.local.capacity_bytes = size_t{32} << 20;
  options.coherence.staleness_bound = absl::Nanoseconds(setup.opened_bound_nanos);
  options.key_prefix = kKeyPrefix;
  options.default_time_to_live = absl::Hours(1);
  return options;
}

int64_t CountEntries(const char* folder) {
  DIR* directory = opendir(folder);
  if (directory == nullptr) return 0;
  int64_t count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

class Worker {
 public:
  Worker(Arena* arena, uint32_t index)
      : arena_(arena),
        block_(arena->worker(index)),
        index_(index),
        session_(arena->setup().key_count),
        drawn_(arena->keys(), arena->setup().seed),
        watch_(arena->setup().bound_nanos + absl::ToInt64Nanoseconds(kConnectTimeout + kBackoffMax)) {}

  int Run() {
    block_.status.state.store(WorkerState::kOpening);
    block_.has_baseline.store(0);
    baseline_due_nanos_ = NowNanos() + kBaselineNanos;
    arena_->versions().RecoverSlot(index_, NowNanos());
    // One that is under way is not for this process, which has nothing to lose.
    seen_loss_ = (arena_->loss().number.load() + 1) / 2 * 2;
    absl::StatusOr<std::unique_ptr<Cache>> cache = Cache::Open(CacheOptions(arena_->setup(), index_));
    if (!cache.ok()) return block_.status.Fail(cache.status());
    cache_ = *std::move(cache);
    const bool filling = arena_->phase().load() == Phase::kFilling;
    if (const absl::Status ready = cache_->WaitUntilReady(kReadyTimeout); !ready.ok() && filling)
      return block_.status.Fail(ready);
    std::thread stalls([this] { MeasureStalls(); });
    StartThreads(filling);
    while (arena_->phase().load() != Phase::kStopping) Watch();
    stopping_.store(true);
    for (std::thread& thread : threads_) thread.join();
    calls_ended_.store(true);
    stalls.join();
    LookForCallsLeft();
    if (const absl::Status closed = cache_->Close(); !closed.ok()) return block_.status.Fail(closed);
    block_.status.state.store(WorkerState::kStopped);
    return 0;
  }

 private:
  void StartThreads(bool filling) {
    const uint64_t seed = arena_->setup().seed * 1000 + index_ * 10;
    threads_.emplace_back([this, seed, filling] {
      TortureWriter writer(cache_.get(), arena_, &session_, &drawn_, index_, seed, /*predecessor=*/!filling);
      if (filling) writer.Fill();
      block_.status.state.store(WorkerState::kRunning);
      writer.Run();
    });
    for (int i = 1; i <= kReaders; ++i) {
      threads_.emplace_back([this, seed, i] {
        reader_ids_[i - 1].store(gettid());
        Reader(cache_.get(), arena_, &session_, &drawn_, index_, seed + static_cast<uint64_t>(i)).Run();
      });
    }
    threads_.emplace_back([this] { SyncAgainAndAgain(); });
  }

  void SyncAgainAndAgain() {
    Judging judging(arena_, &session_, index_);
    while (!stopping_.load()) {
      absl::SleepFor(kSyncInterval);
      const Judging::Call call = judging.BeginCall();
      const absl::Status synced = cache_->Sync();
      if (synced.ok()) session_.synced_nanos.store(call.begun_nanos, std::memory_order_release);
      judging.Add(kSyncs, synced.ok());
      judging.EndCall(call);
      judging.Flush();
    }
  }

  // Every moment of this thread's life is looked at, so that no stall falls between two looks. Readers always want to
  // run, so that they wait says nothing.
  void MeasureStalls() {
    int64_t last_nanos = NowNanos();
    int64_t last_delay_nanos = 0;
    while (!calls_ended_.load()) {
      absl::SleepFor(absl::Nanoseconds(kTickNanos));
      const int64_t now_nanos = NowNanos();
      const int64_t late_nanos = now_nanos - last_nanos - kTickNanos;
      if (late_nanos > kNanosPerMilli) session_.stalled_nanos.fetch_add(late_nanos);
      const int64_t delay_nanos = RunDelayOfProcess({reader_ids_[0].load(), reader_ids_[1].load()});
      session_.stalled_nanos.fetch_add(std::max<int64_t>(delay_nanos - last_delay_nanos, 0));
      last_delay_nanos = delay_nanos;
      session_.stall_looks.fetch_add(1);
      last_nanos = now_nanos;
    }
  }

  void Watch() {
    absl::SleepFor(absl::Nanoseconds(kLookNanos));
    LookForLosses();
    if (const int64_t now_nanos = NowNanos(); now_nanos >= next_publish_nanos_) {
      next_publish_nanos_ = now_nanos + kPublishNanos;
      Publish();
    }
  }

  // Whether memory is served under a lease.
  bool Open() const { return cache_->Health().state == HealthState::kHealthy; }

  CoherenceLook Look() const {
    CoherenceLook look;
    look.at_nanos = NowNanos();
    look.stalled_nanos = session_.stalled_nanos.load();
    look.generations = cache_->GetStats().generations;
    look.open = Open();
    const absl::Duration age = cache_->GetStats().heartbeat_age;
    if (age != absl::InfiniteDuration()) look.heard_until_nanos = look.at_nanos - absl::ToInt64Nanoseconds(age);
    return look;
  }

  void LookForLosses() {
    LossNotice& notice = arena_->loss();
    const uint32_t number = notice.number.load(std::memory_order_acquire);
    const bool losing = number % 2 != 0;
    if (number != seen_loss_ && !losing) {
      seen_loss_ = number;
      loss_begun_nanos_ = notice.begun_nanos.load();
      watch_.OnLoss(loss_begun_nanos_, notice.ended_nanos.load());
    }
    CoherenceLook look = Look();
    if (watch_.IsLate(look)) {
      session_.AwaitStallsMeasured();
      look.stalled_nanos = session_.stalled_nanos.load();
    }
    const LossWatch::Finding finding = watch_.OnLook(look, losing);
    if (finding == LossWatch::Finding::kUnnoticed) Log(Violation::kLossUnnoticed, look.at_nanos, 0, 0);
    if (finding == LossWatch::Finding::kLate) {
      Log(Violation::kNoticedLate, look.at_nanos, look.at_nanos - notice.ended_nanos.load(), watch_.allowed_nanos());
    }
    if (finding == LossWatch::Finding::kNoticed) block_.counts[kLossesNoticed].fetch_add(1);
    if (loss_begun_nanos_ == 0) return;
    if (look.at_nanos > notice.ended_nanos.load() + arena_->setup().bound_nanos) LookForOldEntries();
  }

  // Memory that was not vouched for anew ends at its own age, so from the bound after the loss on nothing from before
  // it is served.
  void LookForOldEntries() {
    const int64_t begun_nanos = std::exchange(loss_begun_nanos_, 0);
    std::string value;
    ReadInfo info;
    ReadOptions options;
    options.info = &info;
    for (uint32_t i = 0; i < 256; ++i) {
      const KeyName name(drawn_.At(i * 31));
      if (!cache_->Read(name.view(), [](absl::string_view) {})) continue;
      const int64_t asked_nanos = NowNanos();
      if (!cache_->Get(name.view(), &value, options).ok() || info.source != ReadInfo::Source::kLocal) continue;
      const int64_t got_nanos = asked_nanos - absl::ToInt64Nanoseconds(info.age);
      if (got_nanos < begun_nanos - kAgeErrorNanos) {
        Log(Violation::kKeptAcrossLoss, asked_nanos, begun_nanos - got_nanos, kAgeErrorNanos);
      }
    }
  }

  void Log(Violation violation, int64_t at_nanos, int64_t amount, int64_t allowed) {
    ViolationRecord* record = arena_->violations().Add(violation);
    if (record == nullptr) return;
    record->worker = index_;
    record->at_nanos = at_nanos;
    record->ended_nanos = NowNanos();
    record->amount = amount;
    record->allowed = allowed;
    record->complete.store(1, std::memory_order_release);
  }

  // Nobody calls any more.
  void LookForCallsLeft() {
    const absl::Time deadline = absl::Now() + kCallsLeftTimeout;
    while (cache_->GetStats().calls_waiting != 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
    const uint64_t left = cache_->GetStats().calls_waiting;
    if (left != 0) Log(Violation::kCallsLeft, NowNanos(), static_cast<int64_t>(left), 0);
  }

  void Publish() {
    const CacheStats stats = cache_->GetStats();
    const struct mallinfo2 heap = mallinfo2();
    block_.gauges[kReady].store(Open());
    block_.gauges[kDescriptors].store(CountEntries("/proc/self/fd"));
    block_.gauges[kThreads].store(CountEntries("/proc/self/task"));
    block_.gauges[kHeapBytes].store(static_cast<int64_t>(heap.uordblks + heap.hblkhd) -
                                    static_cast<int64_t>(stats.local_bytes));
    block_.gauges[kStalledNanos].store(session_.stalled_nanos.load());
    if (block_.has_baseline.load() != 0 || NowNanos() < baseline_due_nanos_ || block_.gauges[kReady].load() == 0)
      return;
    for (int i = 0; i < kGaugeCount; ++i) block_.baseline[i].store(block_.gauges[i].load());
    block_.has_baseline.store(1);
  }

  Arena* const arena_;
  WorkerBlock& block_;
  const uint32_t index_;
  Session session_;
  const DrawnKeys drawn_;
  std::unique_ptr<Cache> cache_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> calls_ended_{false};
  std::atomic<pid_t> reader_ids_[kReaders] = {};
  int64_t next_publish_nanos_ = 0;
  int64_t baseline_due_nanos_ = 0;
  LossWatch watch_;
  uint32_t seen_loss_ = 0;
  int64_t loss_begun_nanos_ = 0;
};

}  // namespace

int RunWorker(uint32_t index, int descriptor) {
  absl::StatusOr<std::unique_ptr<Arena>> arena = Arena::Attach(descriptor);
  if (!arena.ok()) {
    std::cerr << arena.status() << "\n";
    return 1;
  }
  return Worker(arena->get(), index).Run();
}

}  // namespace nearcache::bench::torture
