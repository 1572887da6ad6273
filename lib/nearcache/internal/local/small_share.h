// The share of the memory that a scan-resistant tier gives to newcomers; learnt from all of its stripes.
//
// Thread-safe: one relaxed atomic word, written when a key comes back that was driven out lately, under the mutex of
// whichever stripe that is. Two that move it at the same moment may lose one move, which is less than it is worth.

#ifndef NEARCACHE_INTERNAL_LOCAL_SMALL_SHARE_H_
#define NEARCACHE_INTERNAL_LOCAL_SMALL_SHARE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace nearcache::internal::local {

class SmallShare {
 public:
  static constexpr double kLeast = 0.01;
  static constexpr double kMost = 0.5;
  static constexpr double kAtFirst = 0.1;

  // `capacity_bytes` of the tier: what the share is a share of.
  explicit SmallShare(size_t capacity_bytes) { set_capacity(capacity_bytes); }

  void set_capacity(size_t capacity_bytes) {
    bytes_inverse_.store(1 / static_cast<double>(std::max<size_t>(capacity_bytes, 1)), std::memory_order_relaxed);
  }

  // A key of an entry of so many bytes has come back that would not have left if newcomers had a little more, or less.
  void Grow(size_t bytes) { Move(bytes, kStep); }
  void Shrink(size_t bytes) { Move(bytes, -kStep); }

  double value() const { return share_.load(std::memory_order_relaxed); }
  size_t Of(size_t bytes) const { return static_cast<size_t>(static_cast<double>(bytes) * value()); }

  // What was asked for lately counts more than what is asked for often.
  bool FavoursRecency() const { return value() >= kRecency; }

 private:
  static constexpr double kStep = 2;
  static constexpr double kRecency = 0.2;

  void Move(size_t bytes, double step) {
    const double by = step * static_cast<double>(bytes) * bytes_inverse_.load(std::memory_order_relaxed);
    share_.store(std::min(kMost, std::max(kLeast, value() + by)), std::memory_order_relaxed);
  }

  std::atomic<double> share_{kAtFirst};
  std::atomic<double> bytes_inverse_{0};
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_SMALL_SHARE_H_
