// Looking into a stripe: walks over its entries, and what is known of one key.

#include "nearcache/internal/local/stripe.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

// Entries that are looked at for each one that is wanted, when many cannot be served.
constexpr size_t kStepsPerEntry = 4;

// Bounds one hold of the mutex, as in stripe.cc.
constexpr size_t kBucketsPerWalkStep = Stripe::kEntriesPerWalkStep / Tags::kSlots;

}  // namespace

// While the table is being rebuilt the walk helps with that instead: entries lie in two arrays then. If it was rebuilt
// since the last step, the walk begins again, and whoever collects the entries knows those that he has seen.
bool Stripe::WalkSome(Walk* walk, std::vector<EntrySnapshot>* found) {
  if (index_.moving()) {
    MoveSome(static_cast<int>(kBucketsPerWalkStep));
    return true;
  }
  if (walk->rebuilds != index_.rebuilds()) {
    walk->rebuilds = index_.rebuilds();
    walk->next_bucket = 0;
  }
  for (size_t i = 0; i < kBucketsPerWalkStep && walk->next_bucket < index_.bucket_count(); ++i) {
    index_.ForEachInBucket(walk->next_bucket++, [found](Entry* entry) { found->push_back(SnapshotOf(entry)); });
  }
  touched_ += static_cast<uint32_t>(found->size());
  return walk->next_bucket < index_.bucket_count();
}

EntrySnapshot Stripe::SnapshotOf(const Entry* entry) {
  entry->Ref();
  return {entry->key(), Value::FromBlock(entry, entry->value()), entry->info(), entry};
}

bool Stripe::EndOfOrder(LocalTier::End end, size_t count, MonotonicNanos latest,
                        std::vector<EntrySnapshot>* found) const {
  size_t steps_left = kStepsPerEntry * count;
  bool reached_end = true;
  const auto visit = [&](const Entry& entry) {
    if (found->size() == count || steps_left-- == 0) {
      reached_end = false;
      return false;
    }
    if (state_->Servable(entry, latest)) found->push_back(SnapshotOf(&entry));
    return true;
  };
  if (end == LocalTier::End::kHottest) {
    policy_->ForEachFromHottest(visit);
  } else {
    policy_->ForEachFromColdest(visit);
  }
  return !reached_end;
}

void Stripe::Report(const HashedKey& key, MonotonicNanos latest, KeyReport* report) const {
  const auto slot = slots_.find(key.key);
  if (slot != slots_.end()) {
    report->being_written = !slot->second.writes.empty();
    if (slot->second.flight != nullptr) report->flight = slot->second.flight->kind;
  }
  const Entry* const entry = index_.Find(key);
  if (entry == nullptr) return;
  report->presence = state_->PresenceOf(*entry, latest);
  report->info = entry->info();
  report->value_bytes = entry->value_size;
  report->entry_bytes = entry->AllocatedSize();
  report->lane = entry->lane;
  report->generation = entry->generation.load(std::memory_order_relaxed);
  report->leased = state_->lanes[entry->lane].Covers(entry->generation, latest);
  report->read_lately = entry->use.hits() > 0;
}

}  // namespace nearcache::internal::local
