#include "nearcache/internal/local/local_tier.h"

#include "nearcache/internal/local/striped_local_tier.h"

namespace nearcache::internal::local {

std::unique_ptr<LocalTier> LocalTier::Create(const LocalTierOptions& options) {
  return std::make_unique<StripedLocalTier>(options);
}

}  // namespace nearcache::internal::local
