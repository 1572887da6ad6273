// What an operation took out of a stripe and nobody can reach any more: freed when this goes out of scope, or handed
// to the observer of removals.
//
// Declare it before the MutexLock of the stripe, so that it is destroyed after the lock was released: nothing is freed,
// and nobody's destructor runs, under a lock.

#ifndef NEARCACHE_INTERNAL_LOCAL_DISCARDED_H_
#define NEARCACHE_INTERNAL_LOCAL_DISCARDED_H_

#include <utility>

#include "absl/container/inlined_vector.h"
#include "nearcache/internal/local/bucket.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/ghost_table.h"
#include "nearcache/internal/local/tier_state.h"

namespace nearcache::internal::local {

// Lives on one thread's stack.
class Discarded {
 public:
  explicit Discarded(TierState* state) : state_(*state) {}
  ~Discarded();
  Discarded(const Discarded&) = delete;
  Discarded& operator=(const Discarded&) = delete;

  // Memory that was counted as retired, and that no reader can reach any more.
  void AddRetired(Entry* entry);
  void AddRetired(BucketArray array) { retired_arrays_.push_back(array); }

  // Memory that was reserved and never published.
  void AddUnused(Entry* entry) { unused_.push_back(entry); }
  void AddUnused(BucketArray array) { unused_arrays_.push_back(array); }
  void AddUnused(GhostTable::Memory ghosts) { unused_ghosts_ = std::move(ghosts); }

  // Many blocks wait for the epoch to move on: do that, too.
  void WantAdvance() { wants_advance_ = true; }

 private:
  void LetGo(Entry* entry);

  TierState& state_;
  Entry* retired_ = nullptr;  // The oldest first: removals are reported in their order.
  Entry* newest_retired_ = nullptr;
  absl::InlinedVector<BucketArray, 1> retired_arrays_;
  absl::InlinedVector<Entry*, 1> unused_;
  absl::InlinedVector<BucketArray, 1> unused_arrays_;
  GhostTable::Memory unused_ghosts_;
  bool wants_advance_ = false;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_DISCARDED_H_
