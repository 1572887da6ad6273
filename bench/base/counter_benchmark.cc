// What do statistics cost a hit? One CounterBlock::Add, the goal is 1 ns. Each line is ns of CPU per add and thread:
//
//   BM_AddOwned        a thread with a cell of its own: the way of a hit
//   BM_AddShared       threads beyond the owned cells
//   BM_AddWhileRead    as BM_AddOwned, while another thread sums all the time
//   BM_StripedCounter  for comparison: one atomic add, striped
//   BM_SharedAtomic    for comparison: one atomic add on one line for all
//   BM_Sum             the reader's side: one counter of all cells
//
// If cells shared lines, two threads would take several times as long as one in BM_AddOwned.
//
// Instructions of an add: valgrind --tool=callgrind --toggle-collect=AddOnce on this binary with
// --benchmark_filter=BM_AddOwned/threads:1, divided by the iterations.

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "benchmark/benchmark.h"
#include "nearcache/internal/base/counter_block.h"
#include "nearcache/internal/base/striped_counter.h"
#include "nearcache/internal/base/thread_slot.h"

namespace {

using nearcache::internal::CounterBlock;
using nearcache::internal::StripedCounter;
using nearcache::internal::ThisThreadSlot;

// As many counters as the local tier has.
using Block = CounterBlock<17>;
Block block;
StripedCounter striped;
std::atomic<uint64_t> shared{0};

}  // namespace

// A name that callgrind finds.
extern "C" __attribute__((noinline)) void AddOnce() { block.Add(0); }

namespace {

void BM_AddOwned(benchmark::State& state) {
  for (auto _ : state) block.Add(0);
}
BENCHMARK(BM_AddOwned)->Threads(1)->Threads(2);

void BM_AddOnce(benchmark::State& state) {
  for (auto _ : state) AddOnce();
}
BENCHMARK(BM_AddOnce);

// Threads that hold all owned cells to the end of the program.
class Crowd {
 public:
  Crowd() {
    while (nearcache::internal::ThreadSlotCount() < Block::kOwnedCells + 1) {
      auto present = std::make_unique<absl::Notification>();
      absl::Notification* const here = present.get();
      threads_.emplace_back([this, here] {
        ThisThreadSlot();
        here->Notify();
        leave_.WaitForNotification();
      });
      here->WaitForNotification();
    }
  }
  ~Crowd() {
    leave_.Notify();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  absl::Notification leave_;
  std::vector<std::thread> threads_;
};

void BM_AddShared(benchmark::State& state) {
  static const Crowd crowd;  // For good: a run that came after it would get a cell that it had left.
  std::thread([&state] {
    for (auto _ : state) block.Add(0);
  }).join();
}
BENCHMARK(BM_AddShared)->MeasureProcessCPUTime();

void BM_AddWhileRead(benchmark::State& state) {
  std::atomic<bool> stop{false};
  std::thread reader([&stop] {
    while (!stop.load(std::memory_order_relaxed)) benchmark::DoNotOptimize(block.Sum(0));
  });
  for (auto _ : state) block.Add(0);
  stop.store(true);
  reader.join();
}
BENCHMARK(BM_AddWhileRead);

void BM_StripedCounter(benchmark::State& state) {
  for (auto _ : state) striped.Add(1);
}
BENCHMARK(BM_StripedCounter)->Threads(1)->Threads(2);

void BM_SharedAtomic(benchmark::State& state) {
  for (auto _ : state) shared.fetch_add(1, std::memory_order_relaxed);
}
BENCHMARK(BM_SharedAtomic)->Threads(1)->Threads(2);

void BM_Sum(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(block.Sum(0));
}
BENCHMARK(BM_Sum);

}  // namespace
