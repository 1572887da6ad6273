// Is an allocator of our own worth its lines? The heap of the entries (internal/local/entry_heap.h) against malloc, on
// blocks as a cache has them: 200 to 1100 bytes.
//
//   fill     a million blocks, each written whole: time, and bytes of RSS over what was asked for
//   churn    two threads replace random blocks of 100 000, eight million times: time, and RSS as above
//   chase    reads two lines of blocks, one after the other, in random order: what the pages cost
//
// Each case runs in a fresh child process, because what one leaves behind would be the other's.

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "nearcache/internal/local/entry_heap.h"

namespace nearcache::internal::local {
namespace {

constexpr size_t kFillBlocks = 1'000'000;
constexpr size_t kChurnBlocks = 100'000;
constexpr int kChurnThreads = 2;
constexpr size_t kChurnSteps = 4'000'000;  // Of each thread.
constexpr size_t kChases = 4'000'000;

struct Allocator {
  const char* name;
  void* (*allocate)(size_t bytes);
  void (*free)(void* block, size_t bytes);
};

const Allocator kAllocators[] = {
    {"malloc", [](size_t bytes) { return std::malloc(bytes); },
     [](void* block, size_t /*bytes*/) { std::free(block); }},
    {"heap", [](size_t bytes) { return EntryHeap::Process().Allocate(bytes); },
     [](void* block, size_t bytes) { EntryHeap::Process().Free(block, bytes); }},
};

size_t SizeOf(uint64_t number) { return 200 + number * 7919 % 901; }

size_t ResidentBytes() {
  size_t total = 0;
  size_t resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%zu %zu", &total, &resident) != 2) resident = 0;
  std::fclose(file);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Of the processor, of all threads: what else the machine does is not in it.
double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Seconds(const std::function<void()>& work) {
  const double begin = CpuSeconds();
  work();
  return CpuSeconds() - begin;
}

void* Make(const Allocator& allocator, uint64_t number) {
  void* const block = allocator.allocate(SizeOf(number));
  std::memset(block, 1, SizeOf(number));
  std::memcpy(block, &number, sizeof(number));
  return block;
}

struct Row {
  double nanos = 0;
  double overhead = 0;  // Bytes of RSS per block, beyond what was asked for.
};

double Overhead(size_t before, size_t asked, size_t blocks) {
  return (static_cast<double>(ResidentBytes()) - static_cast<double>(before) - static_cast<double>(asked)) /
         static_cast<double>(blocks);
}

Row Fill(const Allocator& allocator, std::vector<void*>* blocks) {
  blocks->assign(kFillBlocks, nullptr);
  const size_t before = ResidentBytes();
  size_t asked = 0;
  Row row;
  row.nanos = 1e9 / kFillBlocks * Seconds([&] {
                for (uint64_t i = 0; i < kFillBlocks; ++i) {
                  (*blocks)[i] = Make(allocator, i);
                  asked += SizeOf(i);
                }
              });
  row.overhead = Overhead(before, asked, kFillBlocks);
  return row;
}

Row Churn(const Allocator& allocator) {
  std::vector<std::atomic<void*>> slots(kChurnBlocks);
  const size_t before = ResidentBytes();
  for (uint64_t i = 0; i < kChurnBlocks; ++i) slots[i] = Make(allocator, i);
  Row row;
  row.nanos = 1e9 / (kChurnSteps * kChurnThreads) * Seconds([&] {
                std::vector<std::thread> threads;
                for (uint64_t thread = 0; thread < kChurnThreads; ++thread) {
                  threads.emplace_back([&, thread] {
                    std::mt19937_64 random(thread);
                    for (size_t i = 0; i < kChurnSteps; ++i) {
                      const uint64_t number = random();
                      void* const old = slots[number % kChurnBlocks].exchange(Make(allocator, number));
                      uint64_t old_number = 0;
                      std::memcpy(&old_number, old, sizeof(old_number));
                      allocator.free(old, SizeOf(old_number));
                    }
                  });
                }
                for (std::thread& thread : threads) thread.join();
              });
  size_t asked = 0;
  for (const std::atomic<void*>& slot : slots) asked += SizeOf(*static_cast<const uint64_t*>(slot.load()));
  row.overhead = Overhead(before, asked, kChurnBlocks);
  return row;
}

Row Chase(const Allocator& allocator) {
  std::vector<void*> blocks;
  Fill(allocator, &blocks);
  std::vector<uint32_t> order(kFillBlocks);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  // Each block names the next one, so that the misses form a chain.
  for (size_t i = 0; i < kFillBlocks; ++i) {
    std::memcpy(static_cast<char*>(blocks[order[i]]) + 64, &blocks[order[(i + 1) % kFillBlocks]], sizeof(void*));
  }
  Row row;
  const char* block = static_cast<const char*>(blocks[order[0]]);
  row.nanos = 1e9 / kChases * Seconds([&] {
                for (size_t i = 0; i < kChases; ++i) std::memcpy(&block, block + 64, sizeof(block));
              });
  if (block == nullptr) std::printf("\n");
  return row;
}

// `work` in a child process, which sends the row back through a pipe.
Row InChild(const std::function<Row()>& work) {
  int ends[2];
  Row row;
  if (pipe(ends) != 0) return row;
  const pid_t child = fork();
  if (child == 0) {
    const Row measured = work();
    _exit(write(ends[1], &measured, sizeof(measured)) == sizeof(measured) ? 0 : 1);
  }
  close(ends[1]);
  if (read(ends[0], &row, sizeof(row)) != sizeof(row)) row = Row();
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return row;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void Run(int repetitions) {
  struct Case {
    const char* name;
    Row (*work)(const Allocator&);
  };
  const Case cases[] = {
      {"fill",
       [](const Allocator& allocator) {
         std::vector<void*> blocks;
         return Fill(allocator, &blocks);
       }},
      {"churn", Churn},
      {"chase", Chase},
  };
  for (const Case& each : cases) {
    std::vector<std::vector<double>> nanos(2);
    std::vector<std::vector<double>> overheads(2);
    for (int repetition = 0; repetition < repetitions; ++repetition) {
      for (size_t i = 0; i < 2; ++i) {
        const Row row = InChild([&] { return each.work(kAllocators[i]); });
        nanos[i].push_back(row.nanos);
        overheads[i].push_back(row.overhead);
      }
    }
    for (size_t i = 0; i < 2; ++i) {
      std::printf("%-6s %-7s %7.1f ns  %7.1f bytes of overhead\n", each.name, kAllocators[i].name, Median(nanos[i]),
                  Median(overheads[i]));
    }
  }
}

}  // namespace
}  // namespace nearcache::internal::local

int main(int argc, char** argv) {
  nearcache::internal::local::Run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 5);
  return 0;
}
