// The rules of the local tier, as plainly as they can be written: a map, no locks, no eviction, no expiry. They are
// those of the checked model, which are a little wider than those of the real tier (a resident stays until the write
// that replaces it is acknowledged, and reads may lead beside a write), so that each rule can be taken away alone and
// be missed.
//
// Not thread-safe.

#ifndef TESTS_SIMULATION_REFERENCE_TIER_H_
#define TESTS_SIMULATION_REFERENCE_TIER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nearcache/internal/local/local_tier.h"
#include "tests/simulation/mutant.h"

namespace nearcache::simulation {

class ReferenceTier final : public internal::local::LocalTier {
 public:
  ReferenceTier(int64_t bound_nanos, const internal::Clock* clock, Mutant mutant);
  ~ReferenceTier() override;

  uint64_t hash_seed() const override { return 1; }
  bool Read(const internal::HashedKey& key, internal::MonotonicNanos now,
            absl::FunctionRef<void(absl::string_view)> visitor) override;
  bool GetCopy(const internal::HashedKey& key, internal::MonotonicNanos now, std::string* value) override;
  bool Get(const internal::HashedKey& key, internal::MonotonicNanos now, Value* value,
           internal::local::EntryInfo* info) override;
  void GetMany(absl::Span<const internal::HashedKey> keys, internal::MonotonicNanos now,
               absl::FunctionRef<void(size_t, Value)> hit) override;
  internal::local::ReadStart BeginRead(const internal::HashedKey& key, internal::MonotonicNanos now,
                                       internal::local::FlightKind kind, internal::local::Waiter* waiter) override;
  void CompleteRead(const internal::local::FlightRef& flight, const internal::local::ReadOutcome& outcome) override;
  void LimitFreshness(const internal::local::FlightRef& flight, internal::MonotonicNanos since) override;
  bool IsAttached(const internal::local::FlightRef& flight) override;
  void NoteReply(const internal::HashedKey& key, internal::OperationTag id) override;
  internal::local::WriteRef BeginWrite(const internal::HashedKey& key, internal::OperationTag id,
                                       internal::MonotonicNanos now, RemovalCause cause) override;
  void EndWrite(const internal::local::WriteRef& write, internal::local::WriteOutcome outcome,
                const absl::optional<Value>& value, internal::MonotonicNanos expires_at) override;
  void Invalidate(const internal::HashedKey& key, internal::OperationTag id) override;
  void Doubt(const internal::HashedKey& key, internal::OperationTag id) override;
  void Clear() override;
  internal::local::LaneLease& lane(int) override { return lane_; }
  bool Put(const internal::HashedKey&, absl::string_view, internal::OperationTag, internal::MonotonicNanos,
           internal::MonotonicNanos) override {
    return false;
  }
  bool Remove(const internal::HashedKey&) override { return false; }
  absl::Status Update(const internal::HashedKey&, internal::OperationTag, internal::MonotonicNanos,
                      absl::FunctionRef<absl::optional<Replacement>(const Current*)>) override {
    return absl::UnimplementedError("not in the simulation");
  }
  bool Maintain(internal::MonotonicNanos, int) override { return false; }
  void FreeRetired() override {}
  void SetCapacity(size_t) override {}
  internal::local::LocalTierStats GetStats() const override { return stats_; }
  bool Peek(const internal::HashedKey&, internal::MonotonicNanos, internal::local::EntrySnapshot*) const override {
    return false;
  }
  void ForEach(absl::FunctionRef<bool(const internal::local::EntrySnapshot&)>) override {}
  std::vector<internal::local::EntrySnapshot> EndOfOrder(End, size_t) override { return {}; }
  internal::local::KeyReport Explain(const internal::HashedKey&, internal::MonotonicNanos) override { return {}; }

 private:
  // What a flight or a write heard of its key: nothing, one id, or too much.
  struct Events {
    bool any = false;
    bool is_void = false;
    internal::OperationTag id;
  };
  struct Entry {
    Value value;
    internal::OperationTag id;
    internal::MonotonicNanos fetched_at = 0;
    internal::local::Generation generation = 0;
    bool in_doubt = false;  // For the mutant that keeps it.
  };
  struct Flight;
  struct Write;
  struct Slot {
    absl::optional<Entry> entry;
    std::shared_ptr<Flight> flight;
    std::vector<std::shared_ptr<Write>> writes;
  };

  bool Live(const Entry& entry, internal::MonotonicNanos now) const;
  bool Joinable(const Flight& flight, internal::MonotonicNanos now) const;
  bool Covered(internal::local::Generation generation, internal::MonotonicNanos now) const;
  internal::local::Generation FillGeneration();
  void Note(Events* events, internal::OperationTag id) const;
  static bool Allows(const Events& events, internal::OperationTag id);
  void NoteEvent(const internal::HashedKey& key, internal::OperationTag id, bool flight_hears);
  void NoteOnWrites(Slot* slot, internal::OperationTag id, const Write* except) const;

  const int64_t bound_;
  const int64_t clock_lag_;
  const Mutant mutant_;
  internal::local::LaneLease lane_;
  internal::local::Generation closed_ = 0;  // For the mutant that fills early.
  std::map<std::string, Slot> slots_;
  internal::local::LocalTierStats stats_;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_REFERENCE_TIER_H_
