// Who may come in: counts the calls that wait, and keeps callers out of a closed cache and out of a
// copy that fork() made of one.
//
// After fork() a child shares the parent's sockets and has none of its threads; whatever it did on
// them would steal the parent's replies. So its copy of a cache only refuses.
//
// Thread-safe. open() costs two loads of lines that are hardly ever written.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_GATE_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_GATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"

namespace nearcache::internal::conductor {

class Gate {
 public:
  explicit Gate(size_t calls_max);

  // Whether calls are answered: not closed, and in the process that opened the cache.
  bool open() const { return !closed_.load(std::memory_order_acquire) && !forked(); }
  bool forked() const;

  // kFailedPrecondition unless open().
  absl::Status CheckOpen() const;

  // Counts one call in, which must Leave. kFailedPrecondition unless open(); kResourceExhausted
  // above limits.calls_max.
  absl::Status Enter();
  void Leave() { calls_.fetch_sub(1, std::memory_order_acq_rel); }

  // True for the first caller.
  bool Close() { return !closed_.exchange(true, std::memory_order_acq_rel); }

  size_t calls() const { return calls_.load(std::memory_order_relaxed); }

 private:
  const size_t calls_max_;
  const uint32_t fork_count_;
  std::atomic<bool> closed_{false};
  alignas(64) std::atomic<size_t> calls_{0};
};

// One call that was counted in; leaves when it is destroyed. Empty by default.
class CallSlot {
 public:
  CallSlot() = default;
  explicit CallSlot(Gate* gate) : gate_(gate) {}
  CallSlot(CallSlot&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
  CallSlot& operator=(CallSlot&& other) noexcept {
    std::swap(gate_, other.gate_);
    return *this;
  }
  ~CallSlot() { Release(); }

  void Release() {
    if (gate_ != nullptr) std::exchange(gate_, nullptr)->Leave();
  }

 private:
  Gate* gate_ = nullptr;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_GATE_H_
