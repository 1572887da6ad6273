// The implementation of LocalTier: stripes, and around them all that happens outside of their locks.
//
// A change works in three parts. Before the lock: build the entry, reserve its bytes. Under the lock of the key's
// stripe: the rules (stripe_slots.cc). After it: free what was discarded, call waiters, give the stripe a table of the
// size that it needs, drive out entries elsewhere if this stripe had too few.

#ifndef NEARCACHE_INTERNAL_LOCAL_STRIPED_LOCAL_TIER_H_
#define NEARCACHE_INTERNAL_LOCAL_STRIPED_LOCAL_TIER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/entry_index.h"
#include "nearcache/internal/local/lane_lease.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/local/stripe.h"
#include "nearcache/internal/local/tier_state.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {

class StripedLocalTier final : public LocalTier {
 public:
  explicit StripedLocalTier(const LocalTierOptions& options);
  ~StripedLocalTier() override;

  uint64_t hash_seed() const override { return hash_seed_; }

  // striped_local_tier.cc
  bool Read(const HashedKey& key, MonotonicNanos now,
            absl::FunctionRef<void(absl::string_view value)> visitor) override;
  bool GetCopy(const HashedKey& key, MonotonicNanos now, std::string* value) override;
  bool Get(const HashedKey& key, MonotonicNanos now, Value* value, EntryInfo* info) override;
  void GetMany(absl::Span<const HashedKey> keys, MonotonicNanos now,
               absl::FunctionRef<void(size_t position, Value value)> hit) override;
  void Clear() override;
  LaneLease& lane(int index) override { return state_.lanes[static_cast<size_t>(index)]; }
  LocalTierStats GetStats() const override;

  // striped_local_tier_flights.cc
  ReadStart BeginRead(const HashedKey& key, MonotonicNanos now, FlightKind kind, Waiter* waiter) override;
  void CompleteRead(const FlightRef& flight, const ReadOutcome& outcome) override;
  void LimitFreshness(const FlightRef& flight, MonotonicNanos since) override;
  bool IsAttached(const FlightRef& flight) override;
  void NoteReply(const HashedKey& key, OperationTag id) override;
  WriteRef BeginWrite(const HashedKey& key, OperationTag id, MonotonicNanos now, RemovalCause cause) override;
  void EndWrite(const WriteRef& write, WriteOutcome outcome, const absl::optional<Value>& value,
                MonotonicNanos expires_at) override;
  void Invalidate(const HashedKey& key, OperationTag id) override;
  void Doubt(const HashedKey& key, OperationTag id) override;

  // striped_local_tier_local_only.cc
  bool Put(const HashedKey& key, absl::string_view value, OperationTag id, MonotonicNanos now,
           MonotonicNanos expires_at) override;
  bool Remove(const HashedKey& key) override;
  absl::Status Update(const HashedKey& key, OperationTag id, MonotonicNanos now,
                      absl::FunctionRef<absl::optional<Replacement>(const Current*)> update) override;

  // striped_local_tier_room.cc
  bool Maintain(MonotonicNanos now, int steps) override;
  void FreeRetired() override { Reclaim(); }
  void SetCapacity(size_t bytes) override;

  // striped_local_tier_inspect.cc
  bool Peek(const HashedKey& key, MonotonicNanos now, EntrySnapshot* snapshot) const override;
  void ForEach(absl::FunctionRef<bool(const EntrySnapshot&)> visitor) override;
  KeyReport Explain(const HashedKey& key, MonotonicNanos now) override;
  std::vector<EntrySnapshot> EndOfOrder(End end, size_t count) override;

  // What a search for `key` looks at; for tests.
  SearchSteps CountSearchSteps(const HashedKey& key) const;

 private:
  friend class LeaseBenchmarkPeer;  // bench/local/lease_benchmark.cc: a hit without its look at the lease.

  // What Update read before it replaces.
  struct Seen {
    const Entry* resident = nullptr;  // Servable or not.
    Value pin;                        // Keeps `resident`, so that its address stays its own.
    bool servable = false;
  };

  size_t StripeIndex(uint64_t hash) const { return static_cast<size_t>((hash >> 1) >> stripe_shift_); }
  Stripe& StripeOf(uint64_t hash) { return stripes_[StripeIndex(hash)]; }
  const Stripe& StripeOf(uint64_t hash) const { return stripes_[StripeIndex(hash)]; }

  template <typename Use>
  bool Hit(const HashedKey& key, MonotonicNanos now, const Use& use);

  using Group = std::array<Value, kGroupMax>;
  uint32_t FindGroup(absl::Span<const HashedKey> keys, MonotonicNanos now, Group* values);
  bool ForEachInStripe(Stripe* stripe, absl::FunctionRef<bool(const EntrySnapshot&)> visitor);
  void NoteEvent(const HashedKey& key, OperationTag id);
  Seen See(const HashedKey& key, MonotonicNanos now);
  absl::Status WhyNotKept(const HashedKey& key, size_t value_size) const;
  bool Exchange(const HashedKey& key, OperationTag id, const Seen& seen, Entry* built);

  // --- Room (striped_local_tier_room.cc)

  bool FitsEntryLimit(const HashedKey& key, absl::string_view value) const;
  MonotonicNanos WithJitter(const HashedKey& key, const EntryInfo& info) const;
  // A whole entry with its bytes reserved, for a stripe that has a table; nullptr if it cannot be kept, counted.
  Entry* Build(const HashedKey& key, absl::string_view value, const Provenance& provenance);
  bool MakeRoom(size_t bytes);
  // Moves the epoch on and frees what can be freed, in all stripes.
  void Reclaim();
  // Evicts from the next stripe in turn; returns the bytes unlinked.
  size_t EvictFromNextStripe(size_t wanted, bool force);
  int MaintainNextStripe(MonotonicNanos latest);
  // Gives the policy of the stripe the memory for ghosts that it wants.
  void ResizeGhosts(Stripe* stripe);
  // After every change of `stripe`, with its lock released.
  void AfterChange(Stripe* stripe);
  // Gives the stripe a table of another size if it needs one; whether it does.
  bool ResizeTable(Stripe* stripe, bool may_shrink);

  const int stripe_bits_;
  const int stripe_shift_;
  const uint64_t hash_seed_;
  const std::unique_ptr<Stripe[]> stripes_;
  TierState state_;
  alignas(64) std::atomic<size_t> next_eviction_{0};
  std::atomic<size_t> next_maintenance_{0};
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_STRIPED_LOCAL_TIER_H_
