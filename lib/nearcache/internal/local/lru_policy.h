// Least recently used, promoted lazily.
//
// A hit moves nothing. Eviction takes from the old end; an entry that was hit since it was last looked at gets a second
// chance at the young end (FIFO reinsertion, the "CLOCK" of F. Corbato, 1968). Hit ratio of a strict LRU, within half a
// point, for one write per entry and round instead of one per hit.

#ifndef NEARCACHE_INTERNAL_LOCAL_LRU_POLICY_H_
#define NEARCACHE_INTERNAL_LOCAL_LRU_POLICY_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "nearcache/internal/local/entry_queue.h"
#include "nearcache/internal/local/eviction_policy.h"

namespace nearcache::internal::local {

// Not thread-safe.
class LruPolicy final : public EvictionPolicy {
 public:
  static constexpr uint8_t kHitsMax = 1;

  void Insert(Entry* entry) override { queue_.PushNewest(entry); }
  void Replace(Entry* old, Entry* entry) override;
  void Remove(Entry* entry, Departure) override { queue_.Remove(entry); }
  Entry* Victim(Era era, bool force, int* chances) override;
  Entry* Cleared(Era era) const override;
  void ForEachFromHottest(absl::FunctionRef<bool(const Entry&)> visit) const override;
  void ForEachFromColdest(absl::FunctionRef<bool(const Entry&)> visit) const override;
  size_t WantedGhostSets(size_t) const override { return 0; }
  void AdoptGhosts(GhostTable::Memory*) override {}

 private:
  EntryQueue queue_;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_LRU_POLICY_H_
