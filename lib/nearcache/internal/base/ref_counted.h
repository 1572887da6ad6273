// An intrusive reference count for blocks that carry their bytes behind them (values, entries of
// the local tier).
//
// One virtual-free header of 16 bytes: the count and the function that frees the block when the
// count reaches zero, so that a holder needs to know nothing about who made it. Thread-safe as
// std::shared_ptr is: the count is, the bytes must not change once they are shared.

#ifndef NEARCACHE_INTERNAL_BASE_REF_COUNTED_H_
#define NEARCACHE_INTERNAL_BASE_REF_COUNTED_H_

#include <atomic>
#include <cstdint>

namespace nearcache::internal {

struct RefCounted {
  using Destroy = void (*)(RefCounted*) noexcept;

  explicit RefCounted(Destroy destroy_function) : destroy(destroy_function) {}

  // REQUIRES: the caller already holds a reference, or is protected from the last one going away.
  void Ref() const { references.fetch_add(1, std::memory_order_relaxed); }

  void Unref() const {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(const_cast<RefCounted*>(this));
  }

  // In this order, so that a derived header can use the four bytes of padding behind the count.
  Destroy destroy;
  mutable std::atomic<uint32_t> references{1};
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_REF_COUNTED_H_
