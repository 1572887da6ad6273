#include "bench/tour/worker.h"

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
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/processes/session_floor.h"
#include "bench/processes/worker_status.h"
#include "bench/support/clock.h"
#include "bench/support/zipf.h"
#include "bench/tour/load_thread.h"
#include "bench/tour/pause_watcher.h"
#include "bench/tour/shared_memory.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"

namespace nearcache::bench::tour {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr absl::Duration kPublishInterval = absl::Milliseconds(100);
constexpr absl::Duration kReadyTimeout = absl::Seconds(15);

Options CacheOptions(const Setup& setup) {
  Options options;
  options.remote.unix_socket = setup.socket_path;
  options.remote.client_name = "nearcache-tour";
  options.remote.reconnect_backoff_max = absl::Milliseconds(500);
  options.local.capacity_bytes = setup.local_bytes;
  options.local.entry_bytes_max = std::min(options.local.entry_bytes_max, options.local.capacity_bytes / 16);
  options.coherence.staleness_bound = absl::Nanoseconds(setup.bound_nanos);
  options.key_prefix = "tour";
  options.default_time_to_live = absl::Hours(1);
  return options;
}

int64_t Nanos(absl::Duration duration) {
  return duration == absl::InfiniteDuration() ? INT64_MAX : absl::ToInt64Nanoseconds(duration);
}

class Worker {
 public:
  Worker(SharedMemory* memory, uint32_t index)
      : memory_(memory),
        block_(memory->worker(index)),
        index_(index),
        popularity_(memory->setup().key_count, memory->setup().zipf_exponent),
        floors_(memory->setup().key_count) {}

  int Run() {
    RecoverSlots();
    if (const absl::Status filled = Fill(); !filled.ok()) return block_.status.Fail(filled);
    block_.status.state.store(WorkerState::kFilled);
    WaitWhile(Phase::kFilling);
    block_.status.state.store(WorkerState::kOpening);
    if (const absl::Status opened = Open(); !opened.ok()) return block_.status.Fail(opened);
    block_.status.state.store(WorkerState::kReady);
    WaitWhile(Phase::kOpening);
    StartThreads(&Worker::RunLoad);
    threads_.emplace_back([this] { PauseWatcher(cache_.get(), memory_, &floors_, index_).Run(); });
    while (phase() != Phase::kStopping) {
      Publish();
      absl::SleepFor(kPublishInterval);
    }
    JoinThreads();
    Publish();
    const absl::Status closed = cache_->Close();
    if (!closed.ok()) return block_.status.Fail(closed);
    block_.status.state.store(WorkerState::kStopped);
    return 0;
  }

 private:
  Phase phase() const { return memory_->phase().load(std::memory_order_acquire); }

  void WaitWhile(Phase waited) const {
    while (phase() == waited) absl::SleepFor(kPollInterval);
  }

  absl::Status Open() {
    if (cache_ != nullptr && !memory_->setup().has_server()) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<Cache>> cache = Cache::Open(CacheOptions(memory_->setup()));
    if (!cache.ok()) return cache.status();
    cache_ = *std::move(cache);
    return cache_->WaitUntilReady(kReadyTimeout);
  }

  void RecoverSlots() {
    const uint32_t threads = memory_->setup().threads_per_worker;
    for (uint32_t thread = 0; thread < threads; ++thread) {
      memory_->versions().RecoverSlot(index_ * threads + thread, NowNanos());
    }
  }

  // Writes the keys that were never written, through a cache of its own, so that what the other one counts (its lag
  // above all) is about the load alone. Without a server that would lose them.
  absl::Status Fill() {
    if (phase() != Phase::kFilling) return absl::OkStatus();  // Takes the place of one that was killed.
    block_.status.state.store(WorkerState::kFilling);
    if (const absl::Status opened = Open(); !opened.ok()) return opened;
    StartThreads(&Worker::RunFill);
    JoinThreads();
    return memory_->setup().has_server() ? cache_->Close() : absl::OkStatus();
  }

  void StartThreads(void (Worker::*run)(LoadThread*)) {
    for (uint32_t thread = 0; thread < memory_->setup().threads_per_worker; ++thread) {
      threads_.emplace_back([this, run, thread] {
        LoadThread load(cache_.get(), memory_, &floors_, &popularity_, index_, thread);
        (this->*run)(&load);
      });
    }
  }

  void JoinThreads() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void RunFill(LoadThread* load) { load->Fill(); }

  void RunLoad(LoadThread* load) {
    block_.status.state.store(WorkerState::kRunning);
    load->Run();
  }

  void Publish() {
    const CacheStats stats = cache_->GetStats();
    Gauges gauges = {};
    gauges[kLagP50Nanos] = Nanos(stats.invalidation_lag.p50);
    gauges[kLagP99Nanos] = Nanos(stats.invalidation_lag.p99);
    gauges[kLagMaxNanos] = Nanos(stats.invalidation_lag.max);
    gauges[kHeartbeatAgeNanos] = Nanos(stats.heartbeat_age);
    gauges[kGenerations] = static_cast<int64_t>(stats.generations);
    gauges[kChannelLosses] = static_cast<int64_t>(stats.channel_losses);
    gauges[kConnects] = static_cast<int64_t>(stats.connects);
    gauges[kInvalidations] = static_cast<int64_t>(stats.invalidations);
    gauges[kFillsRefused] = static_cast<int64_t>(stats.fills_refused);
    gauges[kLeaseMisses] = static_cast<int64_t>(stats.lease_misses);
    gauges[kLocalBytes] = static_cast<int64_t>(stats.local_bytes);
    gauges[kLocalEntries] = static_cast<int64_t>(stats.local_entries);
    gauges[kFramesUnusable] = static_cast<int64_t>(stats.frames_corrupt + stats.frames_foreign);
    for (int i = 0; i < kGaugeCount; ++i) block_.gauges[i].store(gauges[i], std::memory_order_relaxed);
  }

  SharedMemory* const memory_;
  WorkerBlock& block_;
  const uint32_t index_;
  const Zipf popularity_;
  SessionFloor floors_;
  std::unique_ptr<Cache> cache_;
  std::vector<std::thread> threads_;
};

}  // namespace

int RunWorker(uint32_t index, int descriptor) {
  absl::StatusOr<std::unique_ptr<SharedMemory>> memory = SharedMemory::Attach(descriptor);
  if (!memory.ok()) {
    std::cerr << memory.status() << "\n";
    return 1;
  }
  return Worker(memory->get(), index).Run();
}

}  // namespace nearcache::bench::tour
