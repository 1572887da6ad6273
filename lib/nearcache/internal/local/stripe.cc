#include "nearcache/internal/local/stripe.h"

#include <algorithm>
#include <utility>

#include "absl/base/optimization.h"
#include "nearcache/internal/base/thread_slot.h"
#include "nearcache/internal/local/epoch.h"

namespace nearcache::internal::local {
namespace {

// Bounds of one hold of the mutex: 24 entries in all. An operation touches three of its own (what it looked for, what
// it stores, what a full table gives up for that), then a bucket that moves or some that were cleared, then some to
// make room: the bucket that is due, or victims and those that get another chance; and what it hands out to be freed.
constexpr int kBucketsPerOperation = 1;
constexpr int kBucketsPerMaintenance = 2;
constexpr int kEvictionsPerStep = 3;
constexpr int kSecondChancesPerStep = 6;
constexpr int kClearedPerOperation = 4;
constexpr int kClearedPerMaintenance = 14;
constexpr int kFreedPerStep = 3;
constexpr int kFreedPerMaintenance = 8;

// Blocks that one stripe retires before it has the epoch moved on; more where there are more threads to look at.
size_t RetiredPerAdvance() { return std::max<size_t>(16, ThreadSlotCount()); }

// Every so many insertions of a full tier the room comes from another stripe, so that a stripe whose keys are in
// demand grows at the cost of the others.
constexpr uint32_t kInsertionsPerForeignEviction = 8;

// What it means for the policy that an entry is removed.
Departure DepartureFor(RemovalCause cause) {
  switch (cause) {
    case RemovalCause::kCapacity:
      return Departure::kEvicted;
    case RemovalCause::kReplaced:
    case RemovalCause::kInvalidated:
    case RemovalCause::kExpired:
      return Departure::kDisplaced;
    case RemovalCause::kExplicit:
    case RemovalCause::kCleared:
      break;
  }
  return Departure::kForgotten;
}

}  // namespace

void Stripe::Init(TierState* state) {
  state_ = state;
  policy_ = EvictionPolicy::Create(state->options.policy, &state->small_share);
  index_.SetIdleTimeout(state->idle_nanos);
}

Stripe::~Stripe() {
  index_.ForEach([](Entry* entry) { entry->Unref(); });
  while (oldest_retired_ != nullptr) std::exchange(oldest_retired_, oldest_retired_->next_retired)->Unref();
  for (RetiredArray& retired : retired_arrays_) retired.array.Free();
}

// One bucket, for an insertion that found a table before it took the lock and finds none now: Maintain takes the tables
// of idle stripes away. False if the budget has no room for it.
bool Stripe::MakeSmallestTable() {
  if (!state_->budget.TryReserve(BucketArray::AllocatedSize(0))) return false;
  const BucketArray array = BucketArray::Allocate(0);
  if (array.none()) {
    state_->budget.Release(BucketArray::AllocatedSize(0));
    return false;
  }
  index_.BeginMove(array);
  return true;
}

// False if there is no room for a table; then the entry is still the caller's.
bool Stripe::Store(const HashedKey& key, Entry* entry) {
  if (!index_.has_buckets() && !MakeSmallestTable()) {
    state_->Add(Count::kEntriesRefused);
    return false;
  }
  EntryIndex::Displaced displaced;
  const uint8_t tag = EntryIndex::TagOf(key.hash);
  if (Entry* const old = index_.Find(key)) {
    index_.Replace(old, entry, tag, &displaced);
    policy_->Replace(old, entry);
    Retire(old, RemovalCause::kReplaced);
  } else {
    index_.Insert(entry, tag, &displaced);
    policy_->Insert(entry);
  }
  touched_ += 2;
  RetireDisplaced(displaced);
  state_->Add(Count::kInsertions);
  ++insertions_;
  // Cleared since it was built: it must not lie among younger ones.
  SwitchPoint(Switch::kPublish);
  if (Dead(*entry)) Unlink(entry, RemovalCause::kCleared);
  return true;
}

void Stripe::Unlink(Entry* entry, RemovalCause cause) {
  ++touched_;
  index_.Remove(entry);
  policy_->Remove(entry, DepartureFor(cause));
  Retire(entry, cause);
}

// REQUIRES: `entry` is out of index and policy.
void Stripe::Retire(Entry* entry, RemovalCause cause) {
  SwitchPoint(Switch::kPublish);
  entry->MarkRetired(CurrentEpoch(), cause);
  entry->next_retired = nullptr;
  (oldest_retired_ != nullptr ? newest_retired_->next_retired : oldest_retired_) = entry;
  newest_retired_ = entry;
  ++retired_since_advance_;
  state_->budget.NoteRetired(entry->AllocatedSize());
  state_->AddRemoval(cause);
}

void Stripe::RetireArray(BucketArray array) {
  if (array.none()) return;
  state_->budget.NoteRetired(array.AllocatedSize());
  retired_arrays_.push_back({array, CurrentEpoch()});
  // An array is worth an epoch of its own: while a tier only grows, nothing else would bring one.
  retired_since_advance_ += RetiredPerAdvance();
}

void Stripe::RetireDisplaced(const EntryIndex::Displaced& displaced) {
  touched_ += static_cast<uint32_t>(displaced.size());
  for (Entry* const entry : displaced) {
    policy_->Remove(entry, Departure::kForgotten);
    Retire(entry, RemovalCause::kCapacity);
  }
}

void Stripe::Settle(Discarded* discarded) {
  if (index_.moving()) {
    MoveSome(kBucketsPerOperation);
  } else if (HasCleared()) {
    RemoveCleared(kClearedPerOperation);
  }
  const size_t excess = state_->budget.Excess();
  if (excess > 0 && insertions_ % kInsertionsPerForeignEviction != 0) Evict(excess, /*force=*/false);
  Collect(kFreedPerStep, discarded);
  NoteEndOfHold();
}

void Stripe::NoteEndOfHold() {
  const uint32_t touched = std::exchange(touched_, 0);
  if (ABSL_PREDICT_FALSE(touched > hold_entries_max())) hold_entries_max_.store(touched, std::memory_order_relaxed);
}

size_t Stripe::Evict(size_t wanted, bool force) {
  const MonotonicNanos latest = state_->Latest(state_->options.clock->NowCoarse());
  size_t unlinked = !index_.moving() && index_.HasDue(latest) ? RemoveDue(latest) : 0;
  const Era era = state_->CurrentEra();
  int chances = kSecondChancesPerStep;
  for (int evictions = 0; unlinked < wanted && evictions < kEvictionsPerStep; ++evictions) {
    // All that was looked at is in use: better owe some room for a while than drop what is hot.
    Entry* const entry = policy_->Victim(era, force, &chances);
    if (entry == nullptr) break;
    unlinked += entry->AllocatedSize();
    Unlink(entry, Dead(*entry) ? RemovalCause::kCleared : RemovalCause::kCapacity);
  }
  touched_ += static_cast<uint32_t>(kSecondChancesPerStep - chances);
  wanted_ghost_sets_.store(policy_->WantedGhostSets(index_.size()), std::memory_order_relaxed);
  return unlinked;
}

int Stripe::Collect(int max, Discarded* discarded) {
  const uint64_t safe = SafeEpoch();
  int collected = 0;
  while (collected < max && oldest_retired_ != nullptr && oldest_retired_->retired_epoch() < safe) {
    discarded->AddRetired(std::exchange(oldest_retired_, oldest_retired_->next_retired));
    ++collected;
  }
  touched_ += static_cast<uint32_t>(collected);
  while (!retired_arrays_.empty() && retired_arrays_.front().epoch < safe) {
    discarded->AddRetired(retired_arrays_.front().array);
    retired_arrays_.erase(retired_arrays_.begin());
    ++collected;
  }
  const bool pressed = state_->budget.retired() > state_->budget.slack() / 2;
  if (retired_since_advance_ >= RetiredPerAdvance() || (pressed && retired_since_advance_ > 0)) {
    retired_since_advance_ = 0;
    discarded->WantAdvance();
  }
  return collected;
}

void Stripe::AdoptArray(BucketArray array, bool may_shrink, Discarded* discarded) {
  const bool wanted = !index_.moving() && index_.WantedLog2(may_shrink) == array.log2() &&
                      (!index_.has_buckets() || array.log2() != index_.log2());
  if (!wanted) {
    discarded->AddUnused(array);
    return;
  }
  index_.BeginMove(array);
}

void Stripe::AdoptGhosts(GhostTable::Memory memory, Discarded* discarded) {
  policy_->AdoptGhosts(&memory);
  wanted_ghost_sets_.store(0, std::memory_order_relaxed);
  discarded->AddUnused(std::move(memory));
}

void Stripe::MoveSome(int buckets) {
  touched_ += static_cast<uint32_t>(buckets * Tags::kSlots);
  EntryIndex::Displaced displaced;
  const BucketArray drained = index_.Move(buckets, &displaced);
  RetireDisplaced(displaced);
  RetireArray(drained);
}

// What a Clear has left lies at the old ends of the policy's queues: no search, and no more than there is to remove.
void Stripe::RemoveCleared(int max) {
  const Era era = state_->CurrentEra();
  for (; max > 0; --max) {
    Entry* const entry = policy_->Cleared(era);
    if (entry == nullptr) {
      cleared_until_ = era;
      return;
    }
    Unlink(entry, RemovalCause::kCleared);
  }
}

// When `entry` has to go, or to be looked at again; not after `latest` if it has ended.
MonotonicNanos Stripe::NextLook(Entry* entry, MonotonicNanos latest) const {
  if (!state_->idle.on()) return entry->expires_at();
  const uint32_t stamp = entry->use.stamp();
  if (state_->idle.Ended(stamp, latest)) return latest;
  return std::min(entry->expires_at(), state_->idle.Deadline(stamp, latest));
}

// Removes what has ended from the bucket that is due first. Returns the bytes unlinked.
size_t Stripe::RemoveDue(MonotonicNanos latest) {
  size_t unlinked = 0;
  index_.VisitDue([&](Entry* entry) {
    mutex_.AssertHeld();
    ++touched_;
    const MonotonicNanos next_look = NextLook(entry, latest);
    if (!Dead(*entry) && next_look > latest) return next_look;
    unlinked += entry->AllocatedSize();
    --touched_;  // Unlink counts it.
    Unlink(entry, Dead(*entry) ? RemovalCause::kCleared : RemovalCause::kExpired);
    return kNever;
  });
  return unlinked;
}

// What an empty stripe does not need goes the second time that it is found empty, if nothing was inserted since the
// first: an insertion that has seen the table and is about to take the lock will almost surely still find it.
void Stripe::DropIdleMemory(Discarded* discarded) {
  if (std::exchange(insertions_when_empty_, insertions_) != insertions_) return;
  RetireArray(index_.DropBuckets());
  AdoptGhosts(GhostTable::Memory(), discarded);
}

int Stripe::Maintain(MonotonicNanos latest, Discarded* discarded) {
  int steps = 0;
  if (index_.moving()) {
    MoveSome(kBucketsPerMaintenance);
    steps += kBucketsPerMaintenance * Tags::kSlots;
  } else if (HasCleared()) {
    RemoveCleared(kClearedPerMaintenance);
    steps += kClearedPerMaintenance;
  } else if (index_.HasDue(latest)) {
    for (int buckets = 0; buckets < kBucketsPerMaintenance && index_.HasDue(latest); ++buckets) RemoveDue(latest);
    steps += kBucketsPerMaintenance * Tags::kSlots;
  } else if (index_.size() == 0 && index_.has_buckets()) {
    DropIdleMemory(discarded);
    ++steps;
  } else if (const size_t excess = state_->budget.Excess(); excess > 0 && Evict(excess, /*force=*/true) > 0) {
    steps += kEvictionsPerStep;
  }
  steps += Collect(kFreedPerMaintenance, discarded);
  NoteEndOfHold();
  return steps;
}

}  // namespace nearcache::internal::local
