// Memory of the tier as a whole: room for new entries, reclaiming, tables, housekeeping. Each step takes the lock of
// one stripe for a bounded piece of work; no two locks are ever held together.

#include <algorithm>
#include <utility>

#include "nearcache/internal/local/bucket.h"
#include "nearcache/internal/local/discarded.h"
#include "nearcache/internal/local/epoch.h"
#include "nearcache/internal/local/striped_local_tier.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {
namespace {

// Blocks handed out per hold while memory is reclaimed because it is needed.
constexpr int kReclaimedPerHold = 8;

// Evictions that go on while this share of the capacity is already retired would only turn the cache into garbage that
// some stuck reader holds.
constexpr size_t kRetiredShareMax = 8;

// Entries are driven out for a ghost table that takes at most this share of the capacity; a larger one needs free room.
constexpr size_t kGhostShareMax = 16;

}  // namespace

bool StripedLocalTier::FitsEntryLimit(const HashedKey& key, absl::string_view value) const {
  if (key.key.size() > Entry::kKeySizeMax || value.size() > Entry::kValueSizeMax) return false;
  return Entry::BlockSize(key.key.size(), value.size()) <= state_.options.entry_bytes_max;
}

// Each life is shortened by a part of it that depends on the key, the time and the seed.
MonotonicNanos StripedLocalTier::WithJitter(const HashedKey& key, const EntryInfo& info) const {
  const double jitter = state_.options.time_to_live_jitter;
  if (jitter == 0 || info.expires_at == kNever || info.expires_at <= info.fetched_at) return info.expires_at;
  const uint64_t mixed = (key.hash ^ static_cast<uint64_t>(info.expires_at)) * 0x9e3779b97f4a7c15;
  const double random = static_cast<double>((mixed ^ (mixed >> 32)) & 0xffffffff) / 4294967296.0;
  const auto life = static_cast<double>(info.expires_at - info.fetched_at);
  return info.expires_at - static_cast<int64_t>(life * jitter * random);
}

Entry* StripedLocalTier::Build(const HashedKey& key, absl::string_view value, const Provenance& provenance) {
  if (!FitsEntryLimit(key, value)) {
    state_.Add(Count::kEntriesTooLarge);
    return nullptr;
  }
  Stripe& stripe = StripeOf(key.hash);
  // While the bytes are copied, the bucket comes.
  stripe.index().Prefetch(key.hash);
  // Outside the lock where it can be; Stripe::Store makes a small one if Maintain has taken this one away again.
  if (!stripe.index().has_buckets()) ResizeTable(&stripe, /*may_shrink=*/false);
  Provenance shortened = provenance;
  shortened.info.expires_at = WithJitter(key, provenance.info);
  Entry* const entry = Entry::Make(key, value, shortened);
  if (entry != nullptr && state_.idle.on()) {
    entry->use.NoteHitAt(0, state_.idle.Stamp(state_.Latest(state_.options.clock->NowCoarse())));
  }
  if (entry != nullptr && MakeRoom(entry->AllocatedSize())) return entry;
  if (entry != nullptr) entry->Unref();
  state_.Add(Count::kEntriesRefused);
  return nullptr;
}

void StripedLocalTier::Reclaim() {
  AdvanceEpoch();
  for (size_t i = 0; i < (size_t{1} << stripe_bits_) && state_.budget.retired() > 0; ++i) {
    int freed = kReclaimedPerHold;
    while (freed >= kReclaimedPerHold) {
      Discarded discarded(&state_);
      StripeLock lock(&stripes_[i].mutex());
      freed = stripes_[i].Collect(kReclaimedPerHold, &discarded);
      stripes_[i].NoteEndOfHold();
    }
  }
}

size_t StripedLocalTier::EvictFromNextStripe(size_t wanted, bool force) {
  const size_t turn = next_eviction_.fetch_add(1, std::memory_order_relaxed);
  Stripe& stripe = stripes_[turn & ((size_t{1} << stripe_bits_) - 1)];
  Discarded discarded(&state_);
  StripeLock lock(&stripe.mutex());
  const size_t unlinked = stripe.Evict(wanted, force);
  stripe.Collect(kReclaimedPerHold, &discarded);
  stripe.NoteEndOfHold();
  return unlinked;
}

bool StripedLocalTier::MakeRoom(size_t bytes) {
  Budget& budget = state_.budget;
  if (budget.TryReserve(bytes)) return true;
  if (bytes > budget.capacity()) return false;
  Reclaim();
  // A whole round of stripes without an eviction: nothing is left to drive out.
  const size_t stripes = size_t{1} << stripe_bits_;
  size_t idle_stripes = 0;
  while (!budget.TryReserve(bytes)) {
    const size_t excess = budget.Excess(bytes);
    const bool stuck = budget.retired() > budget.capacity() / kRetiredShareMax + bytes;
    if (excess > 0 && !stuck && idle_stripes < stripes) {
      idle_stripes = EvictFromNextStripe(excess, /*force=*/true) > 0 ? 0 : idle_stripes + 1;
      continue;
    }
    const size_t retired = budget.retired();
    Reclaim();
    if (budget.retired() >= retired) return budget.TryReserve(bytes);
  }
  return true;
}

bool StripedLocalTier::ResizeTable(Stripe* stripe, bool may_shrink) {
  const EntryIndex& index = stripe->index();
  const int log2 = index.WantedLog2(may_shrink);
  if (index.moving() || (index.has_buckets() && log2 == index.log2())) return false;
  if (!state_.budget.TryReserve(BucketArray::AllocatedSize(log2))) return false;
  const BucketArray array = BucketArray::Allocate(log2);
  if (array.none()) {
    state_.budget.Release(BucketArray::AllocatedSize(log2));
    return false;
  }
  Discarded discarded(&state_);
  StripeLock lock(&stripe->mutex());
  stripe->AdoptArray(array, may_shrink, &discarded);
  return true;
}

void StripedLocalTier::ResizeGhosts(Stripe* stripe) {
  const size_t sets = stripe->wanted_ghost_sets();
  const size_t bound = GhostTable::Memory::AllocatedSizeBound(sets);
  if (sets == 0) return;
  const bool may_evict = bound <= state_.budget.capacity() / kGhostShareMax;
  if (may_evict ? !MakeRoom(bound) : !state_.budget.TryReserve(bound)) return;
  GhostTable::Memory memory = GhostTable::Memory::Allocate(sets);
  state_.budget.Release(bound - std::min(bound, memory.AllocatedSize()));
  if (memory.count == 0) return;
  Discarded discarded(&state_);
  StripeLock lock(&stripe->mutex());
  stripe->AdoptGhosts(std::move(memory), &discarded);
}

void StripedLocalTier::AfterChange(Stripe* stripe) {
  ResizeGhosts(stripe);
  if (stripe->index().has_buckets()) ResizeTable(stripe, /*may_shrink=*/false);
  const size_t excess = state_.budget.Excess();
  if (excess > 0) EvictFromNextStripe(excess, /*force=*/false);
}

int StripedLocalTier::MaintainNextStripe(MonotonicNanos latest) {
  const size_t turn = next_maintenance_.load(std::memory_order_relaxed);
  Stripe& stripe = stripes_[turn & ((size_t{1} << stripe_bits_) - 1)];
  int steps = 0;
  {
    Discarded discarded(&state_);
    StripeLock lock(&stripe.mutex());
    steps = stripe.Maintain(latest, &discarded);
  }
  if (steps > 0) return steps;
  if (stripe.index().size() > 0 && ResizeTable(&stripe, /*may_shrink=*/true)) return 1;
  next_maintenance_.fetch_add(1, std::memory_order_relaxed);
  return 0;
}

bool StripedLocalTier::Maintain(MonotonicNanos now, int steps) {
  if (state_.budget.retired() > 0) AdvanceEpoch();
  const MonotonicNanos latest = state_.Latest(now);
  const size_t stripes = size_t{1} << stripe_bits_;
  int left = steps;
  size_t idle_stripes = 0;
  while (left > 0 && idle_stripes < stripes) {
    const int taken = MaintainNextStripe(latest);
    left -= taken;
    idle_stripes = taken > 0 ? 0 : idle_stripes + 1;
  }
  // What this call unlinked can be freed by the next one; what a reader holds is not worth a call.
  return left <= 0 || (left < steps && state_.budget.retired() > 0);
}

void StripedLocalTier::SetCapacity(size_t bytes) {
  state_.budget.set_capacity(bytes);
  state_.small_share.set_capacity(bytes);
}

}  // namespace nearcache::internal::local
