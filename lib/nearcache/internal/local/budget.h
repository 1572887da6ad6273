// The one byte budget of a tier, shared by all its stripes, so that a skewed load can use all of it.
//
//   used     everything: resident entries, tables, and what is retired; never above the capacity
//   retired  the part of `used` that was unlinked and waits for readers to leave (epoch.h)
//   live     used - retired; the policy evicts until this is at most the target
//
// The target lies a little below the capacity (a 64th). In that room retired memory waits, so that an insertion need
// not wait for the memory of the entry that it drove out. If a reader stays inside its section and the room fills up,
// insertions are refused: memory is bounded, and nobody waits.
//
// Thread-safe; each call is one or two atomic operations on one line.

#ifndef NEARCACHE_INTERNAL_LOCAL_BUDGET_H_
#define NEARCACHE_INTERNAL_LOCAL_BUDGET_H_

#include <atomic>
#include <cstddef>

namespace nearcache::internal::local {

class alignas(64) Budget {
 public:
  explicit Budget(size_t capacity) : capacity_(capacity) {}

  // Takes `bytes` if they fit; never lets the sum exceed the capacity, not even for a moment.
  bool TryReserve(size_t bytes) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      const size_t capacity = capacity_.load(std::memory_order_relaxed);
      if (bytes > capacity || used > capacity - bytes) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }

  // Gives back what was reserved and never retired.
  void Release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  void NoteRetired(size_t bytes) { retired_.fetch_add(bytes, std::memory_order_relaxed); }

  // Retired memory was freed.
  void ReleaseRetired(size_t bytes) {
    retired_.fetch_sub(bytes, std::memory_order_relaxed);
    used_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t retired() const { return retired_.load(std::memory_order_relaxed); }
  size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  void set_capacity(size_t bytes) { capacity_.store(bytes, std::memory_order_relaxed); }

  // Room kept free for retired memory.
  size_t slack() const { return capacity() / 64; }

  // How many live bytes the policy has to drive out, with `wanted` more to come.
  size_t Excess(size_t wanted = 0) const {
    const size_t used_now = used();
    const size_t retired_now = retired();
    const size_t live = (used_now > retired_now ? used_now - retired_now : 0) + wanted;
    const size_t target = capacity() - slack();
    return live > target ? live - target : 0;
  }

 private:
  std::atomic<size_t> used_{0};
  std::atomic<size_t> retired_{0};
  std::atomic<size_t> capacity_;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_BUDGET_H_
