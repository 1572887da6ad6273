#include "nearcache/internal/local/eviction_policy.h"

#include "nearcache/internal/local/lru_policy.h"
#include "nearcache/internal/local/scan_resistant_policy.h"

namespace nearcache::internal::local {

std::unique_ptr<EvictionPolicy> EvictionPolicy::Create(PolicyKind kind, SmallShare* small_share) {
  if (kind == PolicyKind::kLru) return std::make_unique<LruPolicy>();
  return std::make_unique<ScanResistantPolicy>(small_share);
}

uint8_t EvictionPolicy::HitsMax(PolicyKind kind) {
  return kind == PolicyKind::kLru ? LruPolicy::kHitsMax : ScanResistantPolicy::kHitsMax;
}

}  // namespace nearcache::internal::local
