// One stripe of the local tier: a share of the keys with everything that belongs to them.
//
//   index    key -> resident entry; searched without the lock (entry_index.h)
//   policy   which of the resident entries goes next (eviction_policy.h)
//   slots    what is in progress on keys (flight.h)
//   retired  unlinked memory that readers may still look at, oldest first (epoch.h)
//
// The mutex guards all but the search. Each call does a bounded number of steps: at most 24 entries are touched under
// one hold, whatever is to be cleared, moved or driven out; the rest is left to the next calls and to Maintain.
// Nothing is freed, and no value is copied or destroyed, under the mutex: what leaves goes into a Discarded, waiters
// are handed out to be called later.

#ifndef NEARCACHE_INTERNAL_LOCAL_STRIPE_H_
#define NEARCACHE_INTERNAL_LOCAL_STRIPE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/bucket.h"
#include "nearcache/internal/local/discarded.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/entry_index.h"
#include "nearcache/internal/local/eviction_policy.h"
#include "nearcache/internal/local/flight.h"
#include "nearcache/internal/local/ghost_table.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/local/switch_point.h"
#include "nearcache/internal/local/tier_state.h"

namespace nearcache::internal::local {

class Stripe {
 public:
  Stripe() = default;
  // Drops all entries. REQUIRES: nobody uses the tier any more.
  ~Stripe();
  Stripe(const Stripe&) = delete;
  Stripe& operator=(const Stripe&) = delete;

  // Once, before anything else.
  void Init(TierState* state);

  StripeMutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  // For searching inside an EpochSection, and for looking at sizes.
  const EntryIndex& index() const { return index_; }

  // --- Slots and events (stripe_slots.cc). `built` is a whole entry whose bytes are reserved, or null if there is none
  // or it cannot be kept; the stripe takes it over.

  // `flight` is what the caller will lead if it has to.
  ReadStart BeginRead(const HashedKey& key, MonotonicNanos latest, const FlightRef& flight, Waiter* waiter,
                      Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns the waiters to call.
  std::vector<Waiter> CompleteRead(Flight* flight, const ReadOutcome& outcome, Entry* built, Discarded* discarded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LimitFreshness(Flight* flight, MonotonicNanos since) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsAttached(const Flight& flight) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void BeginWrite(const WriteRef& write, RemovalCause cause, Discarded* discarded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWrite(WriteTicket* write, WriteOutcome outcome, bool keep, Entry* built, Discarded* discarded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A message, or the reply of a read without a flight of its own.
  void NoteEvent(const HashedKey& key, OperationTag id, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Doubt(const HashedKey& key, OperationTag id, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Local-only writes: an event, and the new entry in one step. False if nothing was stored; then nothing is resident.
  bool Put(const HashedKey& key, OperationTag id, Entry* built, Discarded* discarded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a servable entry was removed.
  bool Remove(const HashedKey& key, MonotonicNanos latest, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Looking in (stripe_inspect.cc)

  // Where a walk over all entries stands.
  struct Walk {
    uint32_t rebuilds = ~uint32_t{0};
    size_t next_bucket = 0;
  };
  static constexpr size_t kEntriesPerWalkStep = size_t{2} * Tags::kSlots;

  // Appends the next few entries, of which some may have been there before; false: these were the last.
  bool WalkSome(Walk* walk, std::vector<EntrySnapshot>* found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Report(const HashedKey& key, MonotonicNanos latest, KeyReport* report) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The first `count` of the policy's order, from one end. True if there may be more of them.
  bool EndOfOrder(LocalTier::End end, size_t count, MonotonicNanos latest, std::vector<EntrySnapshot>* found) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // REQUIRES: the stripe's mutex, or an epoch section in which `entry` was found.
  static EntrySnapshot SnapshotOf(const Entry* entry);

  // --- Memory (stripe.cc)

  // Ends every operation: a bounded piece of the work that is due, and a few blocks of retired memory.
  void Settle(Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Drives out entries, a few at most, while the tier holds `wanted` bytes too many: those that have ended first, then
  // the policy's victims. Returns the bytes unlinked. Without `force` it may end with none, having only given second
  // chances.
  size_t Evict(size_t wanted, bool force) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Hands out retired memory that nobody can reach any more: `max` blocks at most. Returns how many.
  int Collect(int max, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // One bounded piece of housekeeping; returns the steps that it took, 0 if there was nothing to do.
  int Maintain(MonotonicNanos latest, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Closes the count of entries that were touched. Settle and Maintain do it themselves.
  void NoteEndOfHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The most entries that were touched, as far as it was for housekeeping or to make room, under one hold so far.
  uint32_t hold_entries_max() const { return hold_entries_max_.load(std::memory_order_relaxed); }

  // How many ghost sets the policy would like to have; 0: those that it has. May be asked without the lock.
  size_t wanted_ghost_sets() const { return wanted_ghost_sets_.load(std::memory_order_relaxed); }
  // Gives the policy the memory for them, and its old memory to `discarded`.
  void AdoptGhosts(GhostTable::Memory memory, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Starts to move into `array`. Gives it to `discarded` if it is not wanted any more.
  void AdoptArray(BucketArray array, bool may_shrink, Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

 private:
  struct RetiredArray {
    BucketArray array;
    uint64_t epoch = 0;
  };

  // stripe_slots.cc
  void Detach(Slot* slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EraseSlot(SlotMap::iterator slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReleaseFlight(const Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ReleaseWrite(const WriteTicket& write) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteInSlot(const HashedKey& key, OperationTag id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveDifferent(const HashedKey& key, OperationTag id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Joinable(const Flight& flight, MonotonicNanos latest) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ReadStart LeadJoinOrBypass(const HashedKey& key, MonotonicNanos latest, const FlightRef& flight, Waiter* waiter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropUnservable(Entry* entry, MonotonicNanos latest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // stripe.cc
  bool Store(const HashedKey& key, Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unlink(Entry* entry, RemovalCause cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Retire(Entry* entry, RemovalCause cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RetireArray(BucketArray array) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RetireDisplaced(const EntryIndex::Displaced& displaced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveSome(int buckets) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasCleared() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return cleared_until_ != state_->CurrentEra(); }
  void RemoveCleared(int max) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t RemoveDue(MonotonicNanos latest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  MonotonicNanos NextLook(Entry* entry, MonotonicNanos latest) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MakeSmallestTable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropIdleMemory(Discarded* discarded) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Dead(const Entry& entry) const { return entry.era != state_->CurrentEra(); }

  // Searched without the lock; changed under it. First, so that its lines are the stripe's first.
  EntryIndex index_;

  TierState* state_ = nullptr;
  StripeMutex mutex_;
  std::unique_ptr<EvictionPolicy> policy_ ABSL_PT_GUARDED_BY(mutex_);
  std::atomic<size_t> wanted_ghost_sets_{0};
  SlotMap slots_ ABSL_GUARDED_BY(mutex_);

  Entry* oldest_retired_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Entry* newest_retired_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::InlinedVector<RetiredArray, 1> retired_arrays_ ABSL_GUARDED_BY(mutex_);
  size_t retired_since_advance_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t insertions_ ABSL_GUARDED_BY(mutex_) = 0;
  // Entries touched under this hold, as far as it has come.
  uint32_t touched_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<uint32_t> hold_entries_max_{0};
  // The number of insertions when housekeeping last found the stripe empty.
  uint32_t insertions_when_empty_ ABSL_GUARDED_BY(mutex_) = ~uint32_t{0};

  // No entry of an era before this one is left.
  Era cleared_until_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_STRIPE_H_
