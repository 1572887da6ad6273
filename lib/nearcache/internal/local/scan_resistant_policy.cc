#include "nearcache/internal/local/scan_resistant_policy.h"

namespace nearcache::internal::local {
namespace {

// A return within this share of the memory would have been a hit if the queue were larger by that.
constexpr size_t kTellingShare = 10;

// Ghost sets may be fewer than what suits by a fifth, or more by a half, before they are exchanged.
constexpr size_t kFewSetsNumerator = 4;
constexpr size_t kFewSetsDenominator = 5;
constexpr size_t kManySets = 2;

}  // namespace

// Whether `entry`, a newcomer, belongs into `main`. Moves the split if its return tells something.
bool ScanResistantPolicy::ComesBack(const Entry& entry) {
  const absl::optional<GhostTable::Ghost> ghost = ghosts_.Take(entry.hash);
  if (!ghost.has_value()) return false;
  const bool soon = ghost->age <= bytes() / kTellingShare;
  if (ghost->kind == GhostTable::Kind::kFromMain) {
    if (soon) share_.Shrink(entry.AllocatedSize());
    return false;
  }
  if (soon && ghost->kind == GhostTable::Kind::kFromSmall) share_.Grow(entry.AllocatedSize());
  return ghost->age <= GhostWindow();
}

void ScanResistantPolicy::Insert(Entry* entry) {
  entry->use.set_in_main(ComesBack(*entry));
  QueueOf(*entry).PushNewest(entry);
}

// A write is no reason to begin anew: the key keeps its queue and its hits.
void ScanResistantPolicy::Replace(Entry* old, Entry* entry) {
  QueueOf(*old).Remove(old);
  entry->use.set_in_main(old->use.in_main());
  entry->use.SetHits(old->use.hits());
  QueueOf(*entry).PushNewest(entry);
}

void ScanResistantPolicy::Remove(Entry* entry, Departure departure) {
  const bool in_main = entry->use.in_main();
  QueueOf(*entry).Remove(entry);
  if (departure == Departure::kEvicted) {
    evicted_ = true;
    const GhostTable::Kind kind = in_main ? GhostTable::Kind::kFromMain : GhostTable::Kind::kFromSmall;
    ghosts_.Add(entry->hash, kind, entry->AllocatedSize(), GhostWindow());
  } else if (departure == Departure::kDisplaced && (in_main || entry->use.hits() > 0)) {
    ghosts_.Add(entry->hash, GhostTable::Kind::kDisplaced, entry->AllocatedSize(), GhostWindow());
  }
}

Entry* ScanResistantPolicy::Victim(Era era, bool force, int* chances) {
  while (true) {
    const bool from_small = main_.oldest() == nullptr || small_.bytes() > share_.Of(bytes());
    Entry* const entry = from_small ? small_.oldest() : main_.oldest();
    if (entry == nullptr) return nullptr;
    // The next one to be looked at, of this queue.
    __builtin_prefetch(entry->newer);
    Entry::PrefetchHotHalf(entry->newer);
    if (entry->era != era || entry->use.hits() == 0) return entry;
    if (*chances == 0) return force ? entry : nullptr;
    --*chances;
    if (from_small) {
      entry->use.SetHits(0);
      small_.Remove(entry);
      entry->use.set_in_main(true);
      main_.PushNewest(entry);
    } else {
      entry->use.SetHits(share_.FavoursRecency() ? 0 : entry->use.hits() - 1);
      main_.Renew(entry);
    }
  }
}

Entry* ScanResistantPolicy::Cleared(Era era) const {
  for (Entry* const oldest : {small_.oldest(), main_.oldest()}) {
    if (oldest != nullptr && oldest->era != era) return oldest;
  }
  return nullptr;
}

void ScanResistantPolicy::ForEachFromHottest(absl::FunctionRef<bool(const Entry&)> visit) const {
  if (main_.ForEachFromNewest(visit)) small_.ForEachFromNewest(visit);
}

void ScanResistantPolicy::ForEachFromColdest(absl::FunctionRef<bool(const Entry&)> visit) const {
  if (small_.ForEachFromOldest(visit)) main_.ForEachFromOldest(visit);
}

size_t ScanResistantPolicy::WantedGhostSets(size_t entries) const {
  if (!evicted_) return 0;
  const size_t suits = GhostTable::SetsFor(entries);
  const size_t has = ghosts_.set_count();
  const bool well = has * kFewSetsDenominator >= suits * kFewSetsNumerator && has <= suits * kManySets;
  return well ? 0 : suits;
}

void ScanResistantPolicy::AdoptGhosts(GhostTable::Memory* memory) { ghosts_.Adopt(memory); }

}  // namespace nearcache::internal::local
