#include "nearcache/internal/base/ref_counted.h"

#include <cassert>

namespace nearcache::internal {

// Filled from the front; an element never changes once it is set. Whoever has a block got it after its kind was
// entered.
std::atomic<RefCounted::Destroy> RefCounted::destroyers[RefCounted::kKindsMax] = {};

RefCounted::Kind RefCounted::Kind::Of(Destroy destroy) {
  size_t number = 0;
  for (; number < kKindsMax - 1; ++number) {
    Destroy known = nullptr;
    if (destroyers[number].compare_exchange_strong(known, destroy) || known == destroy) break;
  }
  assert(destroyers[number].load() == destroy);
  return Kind(static_cast<uint8_t>(number));
}

}  // namespace nearcache::internal
