#include "nearcache/internal/local/stripe.h"

#include <algorithm>
#include <utility>

#include "nearcache/internal/base/thread_slot.h"
#include "nearcache/internal/local/epoch.h"

namespace nearcache::internal::local {
namespace {

// Bounds of one hold of the mutex. Together they touch at most about 24 entries.
constexpr int kBucketsPerStep = 2;
constexpr int kEntriesPerBucketStep = kBucketsPerStep * Tags::kSlots;
constexpr int kEvictionsPerStep = 4;
constexpr int kSecondChancesPerStep = 12;
constexpr int kFreedPerStep = 4;
constexpr int kFreedPerMaintenance = 16;

// Blocks that one stripe retires before it has the epoch moved on; more where there are more threads to look at.
constexpr size_t kRetiredPerAdvance = 16;

// Every so many insertions of a full tier the room comes from another stripe, so that a stripe whose keys are in
// demand grows at the cost of the others.
constexpr uint32_t kInsertionsPerForeignEviction = 8;

// After a sweep that found little, the next one for expired entries waits this long.
constexpr int64_t kExpirySweepPauseNanos = 1'000'000'000;
constexpr size_t kWorthwhileShare = 8;

}  // namespace

Stripe::~Stripe() {
  index_.ForEach([](Entry* entry) { entry->Unref(); });
  while (oldest_retired_ != nullptr) std::exchange(oldest_retired_, oldest_retired_->next_retired)->Unref();
  for (RetiredArray& retired : retired_arrays_) retired.array.Free();
}

// One bucket, for an insertion that found a table before it took the lock and finds none now: Maintain takes the tables
// of idle stripes away. False if the budget has no room for it.
bool Stripe::MakeSmallestTable() {
  const size_t bound = BucketArray::AllocatedSizeBound(0);
  if (!state_->budget.TryReserve(bound)) return false;
  const BucketArray array = BucketArray::Allocate(0);
  state_->budget.Release(bound - std::min(bound, array.AllocatedSize()));
  if (array.none()) return false;
  index_.BeginMove(array);
  sweep_.running = false;
  return true;
}

// False if there is no room for a table; then the entry is still the caller's.
bool Stripe::Store(const HashedKey& key, Entry* entry) {
  if (!index_.has_buckets() && !MakeSmallestTable()) return false;
  EntryIndex::Displaced displaced;
  const uint8_t tag = EntryIndex::TagOf(key.hash);
  if (Entry* const old = index_.Find(key)) {
    index_.Replace(old, entry, tag, &displaced);
    queue_.Remove(old);
    Retire(old, RemovalCause::kReplaced);
  } else {
    index_.Insert(entry, tag, &displaced);
  }
  RetireDisplaced(displaced);
  queue_.PushNewest(entry);
  earliest_expiry_ = std::min(earliest_expiry_, entry->expires_at);
  sweep_.earliest_expiry = std::min(sweep_.earliest_expiry, entry->expires_at);
  state_->Add(Count::kInsertions);
  ++insertions_;
  return true;
}

void Stripe::Unlink(Entry* entry, RemovalCause cause) {
  index_.Remove(entry);
  queue_.Remove(entry);
  Retire(entry, cause);
}

// REQUIRES: `entry` is out of index and queue.
void Stripe::Retire(Entry* entry, RemovalCause cause) {
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
}

void Stripe::RetireDisplaced(const EntryIndex::Displaced& displaced) {
  for (Entry* const entry : displaced) {
    queue_.Remove(entry);
    Retire(entry, RemovalCause::kCapacity);
  }
}

void Stripe::Settle(Discarded* discarded) {
  if (index_.moving()) {
    MoveSome();
  } else if (swept_era_ != state_->CurrentEra()) {
    SweepSome(0);
  }
  const size_t excess = state_->budget.Excess();
  if (excess > 0 && insertions_ % kInsertionsPerForeignEviction != 0) Evict(excess, /*force=*/false);
  Collect(kFreedPerStep, discarded);
}

size_t Stripe::Evict(size_t wanted, bool force) {
  size_t unlinked = 0;
  int chances = kSecondChancesPerStep;
  for (int evictions = 0; unlinked < wanted && evictions < kEvictionsPerStep;) {
    Entry* const entry = queue_.oldest();
    if (entry == nullptr) break;
    const bool dead = Dead(*entry);
    if (!dead && entry->visited.load(std::memory_order_relaxed) && (chances > 0 || !force)) {
      // All that was looked at is in use: better owe some room for a while than drop what is hot.
      if (chances-- == 0) break;
      entry->visited.store(false, std::memory_order_relaxed);
      queue_.Remove(entry);
      queue_.PushNewest(entry);
      continue;
    }
    unlinked += entry->AllocatedSize();
    ++evictions;
    Unlink(entry, dead ? RemovalCause::kCleared : RemovalCause::kCapacity);
  }
  return unlinked;
}

int Stripe::Collect(int max, Discarded* discarded) {
  const uint64_t safe = SafeEpoch();
  int collected = 0;
  while (collected < max && oldest_retired_ != nullptr && oldest_retired_->retired_epoch() < safe) {
    discarded->AddRetired(std::exchange(oldest_retired_, oldest_retired_->next_retired));
    ++collected;
  }
  while (!retired_arrays_.empty() && retired_arrays_.front().epoch < safe) {
    discarded->AddRetired(retired_arrays_.front().array);
    retired_arrays_.erase(retired_arrays_.begin());
    ++collected;
  }
  const bool pressed = state_->budget.retired() > state_->budget.slack() / 2;
  if (retired_since_advance_ >= std::max(kRetiredPerAdvance, ThreadSlotCount()) ||
      (pressed && retired_since_advance_ > 0)) {
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
  sweep_.running = false;
}

void Stripe::MoveSome() {
  EntryIndex::Displaced displaced;
  const BucketArray drained = index_.Move(kBucketsPerStep, &displaced);
  RetireDisplaced(displaced);
  RetireArray(drained);
}

bool Stripe::SweepDue(MonotonicNanos latest) const {
  return sweep_.running || swept_era_ != state_->CurrentEra() ||
         (earliest_expiry_ <= latest && next_expiry_sweep_ <= latest);
}

void Stripe::SweepEntry(Entry* entry, MonotonicNanos latest) {
  ++sweep_.seen;
  if (Dead(*entry)) {
    Unlink(entry, RemovalCause::kCleared);
  } else if (entry->expires_at <= latest) {
    ++sweep_.expired;
    Unlink(entry, RemovalCause::kExpired);
  } else {
    sweep_.earliest_expiry = std::min(sweep_.earliest_expiry, entry->expires_at);
  }
}

void Stripe::SweepSome(MonotonicNanos latest) {
  if (!sweep_.running) {
    sweep_ = Sweep();
    sweep_.running = true;
    sweep_.era = state_->CurrentEra();
  }
  const size_t end = std::min(sweep_.next_bucket + kBucketsPerStep, index_.bucket_count());
  for (; sweep_.next_bucket < end; ++sweep_.next_bucket) {
    index_.ForEachInBucket(sweep_.next_bucket, [&](Entry* entry) {
      mutex_.AssertHeld();
      SweepEntry(entry, latest);
    });
  }
  if (sweep_.next_bucket >= index_.bucket_count()) EndSweep(latest);
}

void Stripe::EndSweep(MonotonicNanos latest) {
  sweep_.running = false;
  swept_era_ = sweep_.era;
  earliest_expiry_ = sweep_.earliest_expiry;
  const bool worthwhile = sweep_.expired * kWorthwhileShare >= sweep_.seen;
  next_expiry_sweep_ = worthwhile ? 0 : latest + kExpirySweepPauseNanos;
}

// An empty table goes the second time that it is found, if nothing was inserted since the first: an insertion that has
// seen the table and is about to take the lock will almost surely still find it.
void Stripe::DropIdleTable() {
  if (std::exchange(insertions_when_empty_, insertions_) == insertions_) RetireArray(index_.DropBuckets());
}

int Stripe::Maintain(MonotonicNanos latest, Discarded* discarded) {
  int steps = 0;
  if (index_.moving()) {
    MoveSome();
    steps += kEntriesPerBucketStep;
  } else if (SweepDue(latest)) {
    SweepSome(latest);
    steps += kEntriesPerBucketStep;
  } else if (index_.size() == 0 && index_.has_buckets()) {
    DropIdleTable();
    ++steps;
  }
  const size_t excess = state_->budget.Excess();
  if (excess > 0 && Evict(excess, /*force=*/true) > 0) steps += kEvictionsPerStep;
  return steps + Collect(kFreedPerMaintenance, discarded);
}

}  // namespace nearcache::internal::local
