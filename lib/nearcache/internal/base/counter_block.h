// A block of counters that many threads add to at once without sharing a line: one cell per thread
// with all of the block's counters, summed when read. For hot paths with several counters; a single
// one is a StripedCounter.
//
// The first kOwnedCells living threads have a cell of their own and pay a load, an add and a store,
// about 1 ns; any further threads share the last cells and pay an atomic add. A sum sees every add
// that happened before it and perhaps some that happen meanwhile. Thread-safe.
//
// Memory: (kOwnedCells + kSharedCells) cells of 8 * N bytes, rounded up to whole lines.

#ifndef NEARCACHE_INTERNAL_BASE_COUNTER_BLOCK_H_
#define NEARCACHE_INTERNAL_BASE_COUNTER_BLOCK_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "nearcache/internal/base/thread_slot.h"

namespace nearcache::internal {

// `N` counters, named by an enum or by numbers below N.
template <size_t N>
class CounterBlock {
 public:
  static constexpr size_t kOwnedCells = 64;
  static constexpr size_t kSharedCells = 8;

  template <typename Name>
  void Add(Name name, uint64_t count = 1) {
    Add(ThisThreadSlot(), name, count);
  }

  // The same for a caller who knows his thread's slot.
  template <typename Name>
  void Add(const ThreadSlot& slot, Name name, uint64_t count = 1) {
    const size_t thread = slot.index;
    if (thread < kOwnedCells) {
      std::atomic<uint64_t>& counter = cells_[thread].counters[static_cast<size_t>(name)];
      counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    } else {
      Cell& cell = cells_[kOwnedCells + thread % kSharedCells];
      cell.counters[static_cast<size_t>(name)].fetch_add(count, std::memory_order_relaxed);
    }
  }

  template <typename Name>
  uint64_t Sum(Name name) const {
    uint64_t sum = 0;
    for (const Cell& cell : cells_) {
      sum += cell.counters[static_cast<size_t>(name)].load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  struct alignas(64) Cell {
    std::array<std::atomic<uint64_t>, N> counters{};
  };

  std::array<Cell, kOwnedCells + kSharedCells> cells_{};
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_COUNTER_BLOCK_H_
