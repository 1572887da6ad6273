#include "nearcache/internal/local/epoch.h"

#include <algorithm>

namespace nearcache::internal::local {

uint64_t AdvanceEpoch() {
  uint64_t oldest = epoch_internal::current.value.fetch_add(1, std::memory_order_seq_cst) + 1;
  SwitchPoint(Switch::kPublish);
  for (const ThreadSlot* slot = FirstThreadSlot(); slot != nullptr; slot = slot->next) {
    const uint64_t announced = slot->epoch.load(std::memory_order_seq_cst);
    if (announced != 0) oldest = std::min(oldest, announced);
  }
  SwitchPoint(Switch::kPublish);
  std::atomic<uint64_t>& safe = epoch_internal::safe.value;
  uint64_t known = safe.load(std::memory_order_acquire);
  while (known < oldest && !safe.compare_exchange_weak(known, oldest, std::memory_order_acq_rel)) {
  }
  return std::max(known, oldest);
}

}  // namespace nearcache::internal::local
