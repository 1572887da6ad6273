#include "nearcache/internal/local/striped_local_tier.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "absl/base/attributes.h"
#include "nearcache/internal/base/thread_slot.h"
#include "nearcache/internal/local/epoch.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {
namespace {

constexpr int kStripesPerHardwareThread = 8;
constexpr int kStripeBitsMin = 4;
constexpr int kStripeBitsMax = 10;

int StripeBits(const LocalTierOptions& options) {
  int bits = 0;
  if (options.stripe_count > 0) {
    while ((1 << bits) < options.stripe_count) ++bits;
    return bits;
  }
  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  while (bits < kStripeBitsMax && (1 << bits) < threads * kStripesPerHardwareThread) ++bits;
  return std::max(bits, kStripeBitsMin);
}

}  // namespace

StripedLocalTier::StripedLocalTier(const LocalTierOptions& options)
    : stripe_bits_(StripeBits(options)),
      stripe_shift_(63 - stripe_bits_),
      hash_seed_(options.seed != 0 ? options.seed : OperationIdSource::RandomNonce()),
      stripes_(new Stripe[size_t{1} << stripe_bits_]),
      state_(options) {
  for (size_t i = 0; i < (size_t{1} << stripe_bits_); ++i) stripes_[i].Init(&state_);
}

StripedLocalTier::~StripedLocalTier() = default;

template <typename Use>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool StripedLocalTier::Hit(const HashedKey& key, MonotonicNanos now,
                                                               const Use& use) {
  const EntryIndex& index = StripeOf(key.hash).index();
  // Before the section: its locked instruction would hold the load back.
  const EntryIndex::Start start = index.Prefetch(key.hash);
  const MonotonicNanos lease = state_.LeaseOf(key);  // Before the search: see LaneLease::Covers.
  SwitchPoint(Switch::kLook);
  ThreadSlot& slot = ThisThreadSlot();
  const EpochSection section(slot);
  Entry* const entry = index.Find(key, start);
  if (entry == nullptr || !state_.Servable(*entry, state_.Latest(now), lease)) return false;
  SwitchPoint(Switch::kLook);
  use(*entry);
  state_.NoteHit(entry, state_.Latest(now));
  state_.counters.Add(slot, Count::kHits);
  return true;
}

bool StripedLocalTier::Read(const HashedKey& key, MonotonicNanos now,
                            absl::FunctionRef<void(absl::string_view value)> visitor) {
  return Hit(key, now, [&](const Entry& entry) { visitor(entry.value()); });
}

bool StripedLocalTier::GetCopy(const HashedKey& key, MonotonicNanos now, std::string* value) {
  return Hit(key, now, [&](const Entry& entry) { value->assign(entry.value().data(), entry.value_size); });
}

bool StripedLocalTier::Get(const HashedKey& key, MonotonicNanos now, Value* value, EntryInfo* info) {
  Value found;
  const bool hit = Hit(key, now, [&](const Entry& entry) {
    entry.Ref();
    found = Value::FromBlock(&entry, entry.value());
    *info = entry.info();
  });
  // Outside of the section: the old value of *value may be the last reference to its block.
  if (hit) *value = std::move(found);
  return hit;
}

// Looks for up to kGroupMax keys. Returns a bit for each that is served.
uint32_t StripedLocalTier::FindGroup(absl::Span<const HashedKey> keys, MonotonicNanos now, Group* values) {
  std::array<EntryIndex::Start, kGroupMax> starts;
  std::array<MonotonicNanos, kGroupMax> leases;
  for (size_t i = 0; i < keys.size(); ++i) {
    starts[i] = StripeOf(keys[i].hash).index().Prefetch(keys[i].hash);
    leases[i] = state_.LeaseOf(keys[i]);  // Before the search: see LaneLease::Covers.
  }
  const MonotonicNanos latest = state_.Latest(now);
  ThreadSlot& slot = ThisThreadSlot();
  uint32_t served = 0;
  uint64_t hits = 0;
  const EpochSection section(slot);
  for (size_t i = 0; i < keys.size(); ++i) StripeOf(keys[i].hash).index().PrefetchEntry(keys[i].hash, starts[i]);
  for (size_t i = 0; i < keys.size(); ++i) {
    Entry* const entry = StripeOf(keys[i].hash).index().Find(keys[i], starts[i]);
    if (entry == nullptr || !state_.Servable(*entry, latest, leases[i])) continue;
    entry->Ref();
    (*values)[i] = Value::FromBlock(entry, entry->value());
    state_.NoteHit(entry, latest);
    served |= uint32_t{1} << i;
    ++hits;
  }
  state_.counters.Add(slot, Count::kHits, hits);
  return served;
}

void StripedLocalTier::GetMany(absl::Span<const HashedKey> keys, MonotonicNanos now,
                               absl::FunctionRef<void(size_t position, Value value)> hit) {
  Group values;  // Empty between two groups, so that nothing is destroyed inside of a section.
  for (size_t begin = 0; begin < keys.size(); begin += kGroupMax) {
    const absl::Span<const HashedKey> group = keys.subspan(begin, kGroupMax);
    const uint32_t served = FindGroup(group, now, &values);
    for (size_t i = 0; i < group.size(); ++i) {
      if ((served >> i & 1) != 0) hit(begin + i, std::move(values[i]));
    }
  }
}

void StripedLocalTier::Clear() { state_.era.fetch_add(1, std::memory_order_acq_rel); }

SearchSteps StripedLocalTier::CountSearchSteps(const HashedKey& key) const {
  const EpochSection section;
  SearchSteps steps;
  StripeOf(key.hash).index().Find(key, &steps);
  return steps;
}

LocalTierStats StripedLocalTier::GetStats() const {
  const auto sum = [this](Count count) { return state_.counters.Sum(count); };
  const auto removals = [this](RemovalCause cause) {
    return state_.counters.Sum(static_cast<size_t>(Count::kRemovals) + static_cast<size_t>(cause));
  };
  LocalTierStats stats;
  stats.hits = sum(Count::kHits);
  stats.misses = sum(Count::kMisses);
  stats.lease_misses = sum(Count::kLeaseMisses);
  stats.flights_joined = sum(Count::kFlightsJoined);
  stats.insertions = sum(Count::kInsertions);
  stats.fills_refused = sum(Count::kFillsRefused);
  stats.removals_explicit = removals(RemovalCause::kExplicit);
  stats.removals_replaced = removals(RemovalCause::kReplaced);
  stats.removals_expired = removals(RemovalCause::kExpired);
  stats.removals_capacity = removals(RemovalCause::kCapacity);
  stats.removals_invalidated = removals(RemovalCause::kInvalidated);
  stats.removals_cleared = removals(RemovalCause::kCleared);
  stats.entries_too_large = sum(Count::kEntriesTooLarge);
  stats.entries_refused = sum(Count::kEntriesRefused);
  for (size_t i = 0; i < (size_t{1} << stripe_bits_); ++i) stats.entries += stripes_[i].index().size();
  stats.bytes = state_.budget.used();
  stats.capacity_bytes = state_.budget.capacity();
  stats.flights = sum(Count::kFlights);
  stats.writes = sum(Count::kWrites);
  stats.retired_bytes = state_.budget.retired();
  for (size_t i = 0; i < (size_t{1} << stripe_bits_); ++i) {
    stats.hold_entries_max = std::max<uint64_t>(stats.hold_entries_max, stripes_[i].hold_entries_max());
  }
  return stats;
}

}  // namespace nearcache::internal::local
