#include "bench/support/threads.h"

#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"

namespace nearcache::bench {

void RunTogether(int count, absl::FunctionRef<void(int thread)> work) {
  if (count == 1) return work(0);
  auto* const start = new absl::Barrier(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([i, start, &work] {
      if (start->Block()) delete start;
      work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace nearcache::bench
