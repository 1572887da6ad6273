// An intrusive reference count for blocks that carry their bytes behind them (values, entries of
// the local tier).
//
// One virtual-free header of 5 bytes: the count, and the number of the function that frees the block
// when the count reaches zero, so that a holder needs to know nothing about who made it. Thread-safe
// as std::shared_ptr is: the count is, the bytes must not change once they are shared.

#ifndef NEARCACHE_INTERNAL_BASE_REF_COUNTED_H_
#define NEARCACHE_INTERNAL_BASE_REF_COUNTED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nearcache::internal {

struct RefCounted {
  using Destroy = void (*)(RefCounted*) noexcept;

  // One kind of block for each function that frees one; a process has a handful. A byte in the block
  // names it, where the function's address would take eight.
  class Kind {
   public:
    // The same kind for the same function, for as long as the process lives. Takes a short search:
    // keep the result in a static.
    //
    // REQUIRES: at most kKindsMax different functions in the process
    static Kind Of(Destroy destroy);

   private:
    friend struct RefCounted;
    explicit Kind(uint8_t number) : number_(number) {}
    uint8_t number_;
  };

  static constexpr size_t kKindsMax = 32;

  explicit RefCounted(Kind kind) : kind_number(kind.number_) {}

  // REQUIRES: the caller already holds a reference, or is protected from the last one going away.
  void Ref() const { references.fetch_add(1, std::memory_order_relaxed); }

  void Unref() const {
    if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    destroyers[kind_number].load(std::memory_order_relaxed)(const_cast<RefCounted*>(this));
  }

  // A derived header can use the three bytes of padding behind the kind.
  mutable std::atomic<uint32_t> references{1};
  const uint8_t kind_number;

 private:
  static std::atomic<Destroy> destroyers[kKindsMax];
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_REF_COUNTED_H_
