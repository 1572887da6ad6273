#include "nearcache/internal/local/lru_policy.h"

namespace nearcache::internal::local {

void LruPolicy::Replace(Entry* old, Entry* entry) {
  queue_.Remove(old);
  queue_.PushNewest(entry);
}

Entry* LruPolicy::Victim(Era era, bool force, int* chances) {
  while (Entry* const entry = queue_.oldest()) {
    __builtin_prefetch(entry->newer);
    Entry::PrefetchHotHalf(entry->newer);
    if (entry->era != era || entry->use.hits() == 0) return entry;
    if (*chances == 0) return force ? entry : nullptr;
    --*chances;
    entry->use.SetHits(0);
    queue_.Renew(entry);
  }
  return nullptr;
}

Entry* LruPolicy::Cleared(Era era) const {
  Entry* const oldest = queue_.oldest();
  return oldest != nullptr && oldest->era != era ? oldest : nullptr;
}

void LruPolicy::ForEachFromHottest(absl::FunctionRef<bool(const Entry&)> visit) const {
  queue_.ForEachFromNewest(visit);
}

void LruPolicy::ForEachFromColdest(absl::FunctionRef<bool(const Entry&)> visit) const {
  queue_.ForEachFromOldest(visit);
}

}  // namespace nearcache::internal::local
