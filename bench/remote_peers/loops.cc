#include "bench/remote_peers/loops.h"

#include <semaphore.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "bench/remote_peers/usage.h"
#include "bench/support/clock.h"
#include "bench/support/histogram.h"
#include "bench/support/random.h"
#include "nearcache/internal/base/one_shot_event.h"

namespace nearcache::remote_peers {
namespace {

using bench::HistogramSnapshot;
using bench::NowNanos;
using internal::OneShotEvent;

// What the threads of a turn share.
struct Turn {
  const DataSet& data;
  AsyncClient* async;
  BlockingClient* blocking;
  size_t batch;
  std::atomic<bool> measuring{false};
  std::atomic<bool> stop{false};
};

// Of one thread at a time: what came back, and how late.
struct Recorder {
  void Record(const Turn& turn, int64_t began_at, bool right) {
    wrong += !right;
    if (turn.measuring.load(std::memory_order_relaxed)) latency.Record(NowNanos() - began_at);
  }

  HistogramSnapshot latency;
  uint64_t wrong = 0;
};

// The keys of one call, and whether its answers are theirs.
class Questions {
 public:
  Questions(const Turn& turn, uint64_t seed) : turn_(turn), random_(seed), keys_(turn.batch) {}

  Keys Draw() {
    const std::vector<std::string>& all = turn_.data.keys();
    for (const std::string*& key : keys_) key = &all[random_.Below(static_cast<uint32_t>(all.size()))];
    return keys_;
  }

  bool Check(std::vector<Answer>* answers) const {
    bool right = answers->size() == keys_.size();
    for (size_t i = 0; right && i < keys_.size(); ++i) right = turn_.data.IsRight(*keys_[i], (*answers)[i].view());
    for (Answer& answer : *answers) answer.Clear();
    return right;
  }

 private:
  const Turn& turn_;
  bench::Random random_;
  std::vector<const std::string*> keys_;
};

// --- Blocking

class WaitingCall final : public Call {
 public:
  void OnDone() override { answered_->Set(); }

  void Ask(const Turn& turn, Keys keys) {
    using Waking = OneShotEvent::Waking;
    answered_.emplace(turn.async->wakes_in_batches() ? Waking::kInBatches : Waking::kAlone);
    turn.async->Get(keys, this);
    answered_->Wait();
  }

 private:
  // Made anew for each batch, in memory that outlives the wake-up.
  std::optional<OneShotEvent> answered_;
};

void Block(const Turn& turn, int caller, Recorder* recorder) {
  Questions questions(turn, static_cast<uint64_t>(caller));
  auto call = std::make_unique<WaitingCall>();
  call->answers.resize(turn.batch);
  while (!turn.stop.load(std::memory_order_relaxed)) {
    const Keys keys = questions.Draw();
    const int64_t began_at = NowNanos();
    if (turn.async != nullptr) {
      call->Ask(turn, keys);
    } else {
      turn.blocking->Get(caller, keys, &call->answers);
    }
    recorder->Record(turn, began_at, questions.Check(&call->answers));
  }
}

// --- Callbacks

class ChainedCall final : public Call {
 public:
  // `recorder` is used on the client's thread.
  ChainedCall(const Turn* turn, uint64_t seed, Recorder* recorder)
      : turn_(*turn), questions_(*turn, seed), recorder_(*recorder) {
    answers.resize(1);
  }

  void Begin() {
    const Keys keys = questions_.Draw();
    began_at_ = NowNanos();
    turn_.async->Get(keys, this);
  }
  void OnDone() override {
    recorder_.Record(turn_, began_at_, questions_.Check(&answers));
    if (turn_.stop.load(std::memory_order_relaxed)) return ended_.Set();
    Begin();
  }
  void Wait() { ended_.Wait(); }

 private:
  const Turn& turn_;
  Questions questions_;
  Recorder& recorder_;
  int64_t began_at_ = 0;
  OneShotEvent ended_;
};

void ChainCallbacks(const Turn& turn, int in_flight, Recorder* recorder) {
  std::vector<std::unique_ptr<ChainedCall>> calls;
  for (int i = 0; i < in_flight; ++i) {
    calls.push_back(std::make_unique<ChainedCall>(&turn, static_cast<uint64_t>(i), recorder));
  }
  for (const auto& call : calls) call->Begin();
  for (const auto& call : calls) call->Wait();
}

// --- One foreign thread

class Window {
 public:
  Window(const Turn* turn, int in_flight, Recorder* recorder) : turn_(*turn), recorder_(*recorder) {
    for (int i = 0; i < in_flight; ++i) slots_.push_back(std::make_unique<Slot>(this, i));
    sem_init(&half_back_, 0, 0);
  }
  ~Window() { sem_destroy(&half_back_); }

  void Keep() {
    const uint64_t width = slots_.size();
    uint64_t issued = 0;
    while (!turn_.stop.load(std::memory_order_relaxed)) {
      // Replies come in order, so the oldest slots are the free ones.
      for (; issued < completed_.load(std::memory_order_acquire) + width; ++issued) slots_[issued % width]->Begin();
      AwaitCompleted(issued - width / 2);
    }
    AwaitCompleted(issued);
  }

 private:
  struct Slot final : public Call {
    Slot(Window* slot_window, int seed)
        : window(*slot_window), questions(slot_window->turn_, static_cast<uint64_t>(seed)) {
      answers.resize(1);
    }
    void Begin() {
      const Keys keys = questions.Draw();
      began_at = NowNanos();
      window.turn_.async->Get(keys, this);
    }
    void OnDone() override {
      window.recorder_.Record(window.turn_, began_at, questions.Check(&answers));
      window.CountCompleted();
    }
    Window& window;
    Questions questions;
    int64_t began_at = 0;
  };

  void CountCompleted() {
    const uint64_t completed = completed_.fetch_add(1, std::memory_order_seq_cst) + 1;
    if (completed == awaited_.load(std::memory_order_seq_cst)) sem_post(&half_back_);
  }

  void AwaitCompleted(uint64_t count) {
    awaited_.store(count, std::memory_order_seq_cst);
    while (completed_.load(std::memory_order_seq_cst) < count) sem_wait(&half_back_);
  }

  const Turn& turn_;
  Recorder& recorder_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::atomic<uint64_t> completed_{0};
  std::atomic<uint64_t> awaited_{0};
  sem_t half_back_;
};

std::vector<std::thread> StartThreads(const Turn& turn, const LoopPlan& plan, std::vector<Recorder>* recorders) {
  std::vector<std::thread> threads;
  const int n = plan.in_flight;
  const int count = plan.way == Way::kBlocking ? n : 1;
  recorders->resize(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    Recorder* const recorder = &(*recorders)[static_cast<size_t>(i)];
    switch (plan.way) {
      case Way::kBlocking:
      case Way::kBatch:
        threads.emplace_back([&turn, i, recorder] { Block(turn, i, recorder); });
        break;
      case Way::kCallbacks:
        threads.emplace_back([&turn, n, recorder] { ChainCallbacks(turn, n, recorder); });
        break;
      case Way::kForeign:
        threads.emplace_back([&turn, n, recorder] { Window(&turn, n, recorder).Keep(); });
        break;
    }
  }
  return threads;
}

}  // namespace

Figures RunLoop(const Target& target, pid_t server, const DataSet& data, const Peer& peer, const LoopPlan& plan) {
  std::unique_ptr<AsyncClient> async;
  std::unique_ptr<BlockingClient> blocking;
  if (peer.make_async != nullptr) {
    async = peer.make_async(target);
  } else {
    blocking = peer.make_blocking(target, plan.way == Way::kBlocking ? plan.in_flight : 1);
  }
  Turn turn{data, async.get(), blocking.get(), plan.way == Way::kBatch ? static_cast<size_t>(plan.in_flight) : 1};
  std::vector<Recorder> recorders;
  std::vector<std::thread> threads = StartThreads(turn, plan, &recorders);
  absl::SleepFor(plan.warm_up);
  const Usage before = Usage::Now(server);
  const int64_t began_at = NowNanos();
  turn.measuring.store(true);
  absl::SleepFor(plan.duration);
  turn.measuring.store(false);
  const int64_t nanos = NowNanos() - began_at;
  const Usage usage = Usage::Now(server) - before;
  turn.stop.store(true);
  for (std::thread& thread : threads) thread.join();

  Figures figures;
  HistogramSnapshot latency;
  for (const Recorder& recorder : recorders) {
    latency.Add(recorder.latency);
    figures.wrong += recorder.wrong;
  }
  const double count = std::max<double>(1, static_cast<double>(latency.count()));
  const HistogramSnapshot corrected = latency.Corrected(latency.Percentile(0.5));
  figures.per_second = count * 1e9 / static_cast<double>(nanos);
  figures.client_cpu_micros = static_cast<double>(usage.client_cpu_nanos) / 1e3 / count;
  figures.server_cpu_micros = static_cast<double>(usage.server_cpu_nanos) / 1e3 / count;
  figures.switches = static_cast<double>(usage.switches) / count;
  figures.allocations = static_cast<double>(usage.allocations) / count;
  figures.p50_micros = static_cast<double>(latency.Percentile(0.5)) / 1e3;
  figures.p99_micros = static_cast<double>(corrected.Percentile(0.99)) / 1e3;
  figures.p999_micros = static_cast<double>(corrected.Percentile(0.999)) / 1e3;
  return figures;
}

}  // namespace nearcache::remote_peers
