#include "bench/remote/modes.h"

#include <semaphore.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/remote/usage.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/one_shot_event.h"
#include "nearcache/internal/metrics/histogram.h"

namespace nearcache::bench {
namespace {

using internal::Clock;
using internal::MonotonicNanos;
using internal::OneShotEvent;
using internal::metrics::Histogram;
using internal::metrics::HistogramSnapshot;

// What all threads of a run share.
struct Run {
  Run(const Target& run_target, const RunPlan& run_plan) : target(run_target), plan(run_plan) {
    if (plan.client == Client::kEngine) driver = MakeEngineDriver(target);
    if (plan.client == Client::kHiredisLoop) driver = MakeHiredisLoopDriver(target);
    for (int i = 0; i < plan.key_count; ++i) keys.push_back(KeyOf(i));
  }

  const Target target;
  const RunPlan plan;
  std::unique_ptr<Driver> driver;
  std::vector<std::string> keys;
  std::atomic<bool> stop{false};
  Histogram latency;
};

// A fast sequence of keys.
class KeyPicker {
 public:
  KeyPicker(const Run& run, uint64_t seed) : keys_(run.keys), state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  const std::string& Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return keys_[state_ % keys_.size()];
  }

 private:
  const std::vector<std::string>& keys_;
  uint64_t state_;
};

// --- Blocking

class WaitingCall final : public GetCall {
 public:
  void OnDone() override { answered_.Set(); }
  void Wait() { answered_.Wait(); }

 private:
  OneShotEvent answered_;
};

void BlockOnDriver(Run& run, uint64_t seed) {
  KeyPicker picker(run, seed);
  while (!run.stop.load(std::memory_order_relaxed)) {
    const MonotonicNanos began_at = Clock::Real()->Now();
    WaitingCall call;
    run.driver->Get(picker.Next(), &call);
    call.Wait();
    run.latency.Record(Clock::Real()->Now() - began_at);
  }
}

void BlockOnConnection(Run& run, uint64_t seed) {
  KeyPicker picker(run, seed);
  BlockingConnection connection(run.target);
  while (!run.stop.load(std::memory_order_relaxed)) {
    const MonotonicNanos began_at = Clock::Real()->Now();
    std::string text;
    connection.Get(picker.Next(), &text);
    run.latency.Record(Clock::Real()->Now() - began_at);
  }
}

// --- Callbacks

class ChainedCall final : public GetCall {
 public:
  ChainedCall(Run* run, uint64_t seed) : run_(*run), picker_(*run, seed) {}

  void Begin() {
    began_at_ = Clock::Real()->Now();
    run_.driver->Get(picker_.Next(), this);
  }
  void OnDone() override {
    run_.latency.Record(Clock::Real()->Now() - began_at_);
    value = Value();
    std::string().swap(text);
    if (run_.stop.load(std::memory_order_relaxed)) return ended_.Set();
    Begin();
  }
  void Wait() { ended_.Wait(); }

 private:
  Run& run_;
  KeyPicker picker_;
  MonotonicNanos began_at_ = 0;
  OneShotEvent ended_;
};

void ChainCallbacks(Run& run) {
  std::vector<std::unique_ptr<ChainedCall>> calls;
  for (int i = 0; i < run.plan.in_flight; ++i) {
    calls.push_back(std::make_unique<ChainedCall>(&run, static_cast<uint64_t>(i)));
  }
  for (const auto& call : calls) call->Begin();
  for (const auto& call : calls) call->Wait();
}

// --- One foreign thread

class Window {
 public:
  explicit Window(Run* run) : run_(*run), picker_(*run, 1), slots_(static_cast<size_t>(run->plan.in_flight)) {
    for (Slot& slot : slots_) slot.window = this;
    sem_init(&half_back_, 0, 0);
  }
  ~Window() { sem_destroy(&half_back_); }

  void Keep() {
    const uint64_t width = slots_.size();
    uint64_t issued = 0;
    while (!run_.stop.load(std::memory_order_relaxed)) {
      // Replies come in order, so the oldest slots are the free ones.
      for (; issued < completed_.load(std::memory_order_acquire) + width; ++issued) {
        slots_[issued % width].Begin(run_, picker_.Next());
      }
      AwaitCompleted(issued - width / 2);
    }
    AwaitCompleted(issued);
  }

 private:
  struct Slot final : public GetCall {
    void Begin(Run& run, absl::string_view key) {
      began_at = Clock::Real()->Now();
      value = Value();
      std::string().swap(text);
      run.driver->Get(key, this);
    }
    void OnDone() override {
      window->run_.latency.Record(Clock::Real()->Now() - began_at);
      window->CountCompleted();
    }
    Window* window = nullptr;
    MonotonicNanos began_at = 0;
  };

  void CountCompleted() {
    const uint64_t completed = completed_.fetch_add(1, std::memory_order_seq_cst) + 1;
    if (completed == awaited_.load(std::memory_order_seq_cst)) sem_post(&half_back_);
  }

  void AwaitCompleted(uint64_t count) {
    awaited_.store(count, std::memory_order_seq_cst);
    while (completed_.load(std::memory_order_seq_cst) < count) sem_wait(&half_back_);
  }

  Run& run_;
  KeyPicker picker_;
  std::vector<Slot> slots_;
  std::atomic<uint64_t> completed_{0};
  std::atomic<uint64_t> awaited_{0};
  sem_t half_back_;
};

std::vector<std::thread> StartThreads(Run& run) {
  std::vector<std::thread> threads;
  switch (run.plan.mode) {
    case Mode::kBlocking:
      for (int i = 0; i < run.plan.in_flight; ++i) {
        const auto seed = static_cast<uint64_t>(i);
        const bool own = run.plan.client == Client::kBlockingConnections;
        threads.emplace_back([&run, seed, own] { own ? BlockOnConnection(run, seed) : BlockOnDriver(run, seed); });
      }
      break;
    case Mode::kCallbacks:
      threads.emplace_back([&run] { ChainCallbacks(run); });
      break;
    case Mode::kForeign:
      threads.emplace_back([&run] { Window(&run).Keep(); });
      break;
  }
  return threads;
}

}  // namespace

std::string KeyOf(int number) { return absl::StrCat("bench:key:", number); }

RunResult RunOnce(const Target& target, const RunPlan& plan) {
  Run run(target, plan);
  std::vector<std::thread> threads = StartThreads(run);
  absl::SleepFor(plan.warm_up);
  const HistogramSnapshot warm = run.latency.Snapshot();
  const Usage usage_before = Usage::Now();
  const MonotonicNanos began_at = Clock::Real()->Now();
  absl::SleepFor(plan.duration);
  const Usage usage = Usage::Now() - usage_before;
  const double seconds = static_cast<double>(Clock::Real()->Now() - began_at) / 1e9;
  const HistogramSnapshot measured = run.latency.Snapshot().Since(warm);
  run.stop.store(true);
  for (std::thread& thread : threads) thread.join();
  const double count = std::max<double>(1, static_cast<double>(measured.count()));
  RunResult result;
  result.per_second = count / seconds;
  result.client_cpu_micros = usage.cpu_micros / count;
  result.context_switches = static_cast<double>(usage.context_switches) / count;
  result.allocations = static_cast<double>(usage.allocations) / count;
  result.p50_micros = absl::ToDoubleMicroseconds(measured.Percentile(50));
  result.p99_micros = absl::ToDoubleMicroseconds(measured.Percentile(99));
  return result;
}

}  // namespace nearcache::bench
