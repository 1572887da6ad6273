// Which entry goes when room is needed: the interface of policies, one object per stripe.
//
// Readers know no policy. A hit counts itself in the entry (EntryUse::NoteHit), and stops counting at the number that
// the policy can use (HitsMax), so that a hot entry's line stays shared; nothing moves. All else happens under the
// stripe's mutex, when entries come and go. Chosen once, when the tier is made; the virtual calls are on the way of
// insertions and evictions alone.
//
// Sizes are counted in allocated bytes, never in entries. Entries of an earlier era, cleared but not taken out yet, get
// no second chance; within each queue they lie before all others, so finding one is O(1).
//
// Not thread-safe: the stripe's mutex guards it, but for SmallShare.

#ifndef NEARCACHE_INTERNAL_LOCAL_EVICTION_POLICY_H_
#define NEARCACHE_INTERNAL_LOCAL_EVICTION_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/ghost_table.h"
#include "nearcache/internal/local/local_tier.h"

namespace nearcache::internal::local {

class SmallShare;

// Why an entry leaves, as far as a policy cares.
enum class Departure {
  kEvicted,    // It was the policy's victim.
  kDisplaced,  // Its key may well come back: written anew, invalidated, expired.
  kForgotten,  // Removed for good, cleared, or driven out by the table.
};

class EvictionPolicy {
 public:
  // `small_share` belongs to the tier, is shared by its stripes and outlives them.
  static std::unique_ptr<EvictionPolicy> Create(PolicyKind kind, SmallShare* small_share);

  // Up to how many hits of an entry readers count for this policy.
  static uint8_t HitsMax(PolicyKind kind);

  virtual ~EvictionPolicy() = default;

  // `entry` has become resident.
  virtual void Insert(Entry* entry) = 0;

  // `entry` is resident in the place of `old`, which has the same key and leaves.
  virtual void Replace(Entry* old, Entry* entry) = 0;

  // `entry` leaves.
  virtual void Remove(Entry* entry, Departure departure) = 0;

  // The entry to drive out next; it stays where it is until Remove. Entries that were hit get another chance first,
  // each for one of `*chances`. When those are used up: nullptr, or with `force` the next entry, hit or not. Nullptr
  // also if there is none. `era` is the current one.
  virtual Entry* Victim(Era era, bool force, int* chances) = 0;

  // An entry of an earlier era than `era`, or nullptr if there is none.
  virtual Entry* Cleared(Era era) const = 0;

  // Calls `visit` for entries from the one that would be kept longest, or from the one that would go first, until it
  // returns false. Each step is O(1); the order is that of the queues, without regard to hits not yet looked at.
  virtual void ForEachFromHottest(absl::FunctionRef<bool(const Entry&)> visit) const = 0;
  virtual void ForEachFromColdest(absl::FunctionRef<bool(const Entry&)> visit) const = 0;

  // The number of ghost sets that a stripe of `entries` should have, or 0 if all is well as it is.
  virtual size_t WantedGhostSets(size_t entries) const = 0;
  // Exchanges the memory of the ghosts.
  virtual void AdoptGhosts(GhostTable::Memory* memory) = 0;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_EVICTION_POLICY_H_
