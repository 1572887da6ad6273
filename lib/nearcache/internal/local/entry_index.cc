#include "nearcache/internal/local/entry_index.h"

#include <algorithm>

#include "absl/base/optimization.h"

namespace nearcache::internal::local {
namespace {

// Full at four fifths of its slots; almost empty below a sixteenth of them.
constexpr size_t kFullNumerator = 4;
constexpr size_t kFullDenominator = 5;
constexpr size_t kSparse = 16;

size_t SlotsFor(int log2) { return size_t{Tags::kSlots} << log2; }

// A small array has fewer buckets than a search may look at: none is met twice.
int ProbesIn(BucketArray array) { return static_cast<int>(std::min<size_t>(EntryIndex::kProbesMax, array.size())); }

bool TooFull(size_t entries, int log2) { return entries * kFullDenominator > SlotsFor(log2) * kFullNumerator; }

// The entry of a full bucket that goes: one that was not read lately, if there is one.
Entry* Victim(const Bucket& bucket) {
  Entry* victim = nullptr;
  for (const std::atomic<Entry*>& slot : bucket.entries) {
    Entry* const entry = slot.load(std::memory_order_relaxed);
    if (victim == nullptr || entry->use.hits() < victim->use.hits()) victim = entry;
  }
  return victim;
}

}  // namespace

EntryIndex::~EntryIndex() {
  Load(current_).Free();
  Load(old_).Free();
}

Entry* EntryIndex::Search(BucketArray array, const HashedKey& key, SearchSteps* steps) {
  const uint8_t tag = TagOf(key.hash);
  for (int probe = 0; probe < kProbesMax; ++probe) {
    const Bucket& bucket = BucketAt(array, static_cast<uint32_t>(key.hash), probe);
    const Tags tags(bucket.tags.load(std::memory_order_acquire));
    ++steps->buckets;
    SwitchPoint(Switch::kLook);
    for (uint64_t set = tags.Matching(tag); set != 0; set = Tags::DropFirst(set)) {
      Entry* const entry = bucket.entries[Tags::FirstOf(set)].load(std::memory_order_seq_cst);
      SwitchPoint(Switch::kLook);
      if (entry == nullptr || entry->hash != static_cast<uint32_t>(key.hash)) continue;
      ++steps->entries;
      if (Matches(entry, key)) return entry;
    }
    if (tags.overflow() == 0) break;
  }
  return nullptr;
}

Entry* EntryIndex::FindInBoth(const HashedKey& key) const {
  SearchSteps steps;
  return Find(key, &steps);
}

Entry* EntryIndex::Find(const HashedKey& key, SearchSteps* steps) const {
  const BucketArray old = Load(old_);
  if (!old.none()) {
    if (Entry* const entry = Search(old, key, steps)) return entry;
  }
  SwitchPoint(Switch::kLook);
  return Search(Load(current_), key, steps);
}

bool EntryIndex::Locate(BucketArray array, const Entry* entry, Place* place) {
  for (int probe = 0; probe < ProbesIn(array); ++probe) {
    const Bucket& bucket = BucketAt(array, entry->hash, probe);
    for (int slot = 0; slot < Tags::kSlots; ++slot) {
      if (bucket.entries[slot].load(std::memory_order_relaxed) != entry) continue;
      *place = {entry->hash, probe, slot};
      return true;
    }
  }
  return false;
}

bool EntryIndex::FindFree(BucketArray array, const Entry* entry, Place* place) {
  for (int probe = 0; probe < ProbesIn(array); ++probe) {
    const Tags tags(BucketAt(array, entry->hash, probe).tags.load(std::memory_order_relaxed));
    if (tags.Free() == 0) continue;
    *place = {entry->hash, probe, Tags::FirstOf(tags.Free())};
    return true;
  }
  return false;
}

// Tells the bucket when `entry`, which it has just got, will have to be looked at.
void EntryIndex::NoteDeadline(BucketArray array, const Bucket& bucket, const Entry& entry) {
  MonotonicNanos deadline = entry.expires_at();
  if (idle_nanos_ != kNever) deadline = std::min(deadline, entry.info().fetched_at + idle_nanos_);
  if (deadline == kNever) return;
  array.deadlines().Lower(static_cast<size_t>(&bucket - array.buckets()), DeadlineTree::FirstTickAfter(deadline));
}

void EntryIndex::Put(BucketArray array, const Place& place, Entry* entry, uint8_t tag) {
  for (int probe = 0; probe < place.probe; ++probe) {
    Bucket& passed = BucketAt(array, place.hash, probe);
    const Tags tags(passed.tags.load(std::memory_order_relaxed));
    passed.tags.store(tags.WithOverflow(tags.overflow() + 1).word(), std::memory_order_release);
  }
  Bucket& bucket = BucketAt(array, place.hash, place.probe);
  bucket.entries[place.slot].store(entry, std::memory_order_seq_cst);
  SwitchPoint(Switch::kPublish);
  const Tags tags(bucket.tags.load(std::memory_order_relaxed));
  bucket.tags.store(tags.With(place.slot, tag).word(), std::memory_order_release);
  NoteDeadline(array, bucket, *entry);
}

void EntryIndex::Take(BucketArray array, const Place& place) {
  Bucket& bucket = BucketAt(array, place.hash, place.probe);
  const Tags tags(bucket.tags.load(std::memory_order_relaxed));
  bucket.tags.store(tags.With(place.slot, 0).word(), std::memory_order_release);
  SwitchPoint(Switch::kPublish);
  bucket.entries[place.slot].store(nullptr, std::memory_order_seq_cst);
  for (int probe = 0; probe < place.probe; ++probe) {
    Bucket& passed = BucketAt(array, place.hash, probe);
    const Tags passed_tags(passed.tags.load(std::memory_order_relaxed));
    passed.tags.store(passed_tags.WithOverflow(passed_tags.overflow() - 1).word(), std::memory_order_release);
  }
}

void EntryIndex::RemoveFrom(BucketArray array, const Entry* entry) {
  Place place;
  if (Locate(array, entry, &place)) Take(array, place);
}

// If the array holds kTwinsMax entries with the very hash of `entry`, puts it in the place of one and returns that one.
Entry* EntryIndex::ReplaceTwin(BucketArray array, Entry* entry, uint8_t tag) {
  int twins = 0;
  Bucket* first = nullptr;
  int first_slot = 0;
  for (int probe = 0; probe < ProbesIn(array); ++probe) {
    Bucket& bucket = BucketAt(array, entry->hash, probe);
    const Tags tags(bucket.tags.load(std::memory_order_relaxed));
    // Only where the tag is the same: to look at the others would be a miss of the processor's caches each.
    for (uint64_t set = tags.Matching(tag); set != 0; set = Tags::DropFirst(set)) {
      const int slot = Tags::FirstOf(set);
      const Entry* const twin = bucket.entries[slot].load(std::memory_order_relaxed);
      if (twin == nullptr || twin->hash != entry->hash || tags.tag(slot) != tag) continue;
      if (first == nullptr) {
        first = &bucket;
        first_slot = slot;
      }
      if (++twins < kTwinsMax) continue;
      NoteDeadline(array, *first, *entry);
      return first->entries[first_slot].exchange(entry, std::memory_order_seq_cst);
    }
    if (tags.overflow() == 0) break;
  }
  return nullptr;
}

// Returns the entry that had to go for it, or nullptr.
Entry* EntryIndex::InsertInto(BucketArray array, Entry* entry, uint8_t tag) {
  if (Entry* const twin = ReplaceTwin(array, entry, tag)) return twin;
  Entry* victim = nullptr;
  Place place;
  if (!FindFree(array, entry, &place)) {
    victim = Victim(array.at(entry->hash));
    RemoveFrom(array, victim);
    FindFree(array, entry, &place);
  }
  Put(array, place, entry, tag);
  return victim;
}

// A table that is being shrunk, and fills up again before that is done, stays what it was: the few entries that have
// moved go back. A reader who meets the moment of the exchange may miss, and looks again under the lock.
void EntryIndex::TurnBackIfTooSmall() {
  const BucketArray larger = Load(old_);
  const BucketArray smaller = Load(current_);
  if (larger.size() <= smaller.size() || !TooFull(size() + 1, smaller.log2())) return;
  Store(old_, smaller);
  SwitchPoint(Switch::kPublish);
  Store(current_, larger);
  moved_ = 0;
}

void EntryIndex::Insert(Entry* entry, uint8_t tag, Displaced* displaced) {
  if (ABSL_PREDICT_FALSE(moving())) TurnBackIfTooSmall();
  size_t size = size_.load(std::memory_order_relaxed) + 1;
  if (Entry* const driven_out = InsertInto(Load(current_), entry, tag)) {
    displaced->push_back(driven_out);
    --size;
  }
  size_.store(size, std::memory_order_relaxed);
}

void EntryIndex::Replace(Entry* old, Entry* entry, uint8_t tag, Displaced* displaced) {
  // Before the search for `old`, because it exchanges the arrays.
  if (ABSL_PREDICT_FALSE(moving())) TurnBackIfTooSmall();
  Place place;
  const BucketArray current = Load(current_);
  if (Locate(current, old, &place)) {
    Bucket& bucket = BucketAt(current, place.hash, place.probe);
    bucket.entries[place.slot].store(entry, std::memory_order_seq_cst);
    NoteDeadline(current, bucket, *entry);
    return;
  }
  Insert(entry, tag, displaced);
  SwitchPoint(Switch::kPublish);
  Remove(old);
}

void EntryIndex::Remove(const Entry* entry) {
  Place place;
  const BucketArray current = Load(current_);
  if (Locate(current, entry, &place)) {
    Take(current, place);
  } else {
    RemoveFrom(Load(old_), entry);
  }
  size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

int EntryIndex::WantedLog2(bool may_shrink) const {
  int wanted = log2();
  while (TooFull(size(), wanted)) ++wanted;
  if (!may_shrink || wanted != log2() || size() * kSparse >= SlotsFor(wanted)) return wanted;
  while (wanted > 0 && !TooFull(2 * size(), wanted - 1)) --wanted;
  return wanted;
}

void EntryIndex::BeginMove(BucketArray to) {
  moved_ = 0;
  ++rebuilds_;
  const BucketArray current = Load(current_);
  if (!current.none()) Store(old_, current);
  SwitchPoint(Switch::kPublish);
  Store(current_, to);
}

void EntryIndex::PrefetchEntries(const Bucket& bucket) {
  for (const std::atomic<Entry*>& slot : bucket.entries) {
    Entry::PrefetchHotHalf(slot.load(std::memory_order_relaxed));
  }
}

void EntryIndex::MoveBucket(BucketArray from, size_t index, Displaced* displaced) {
  Bucket& bucket = from.at(index);
  const Tags tags(bucket.tags.load(std::memory_order_relaxed));
  const BucketArray to = Load(current_);
  // Of an array that grows nothing is used again, so it does not matter what its buckets say of entries that passed by.
  const bool grows = to.size() > from.size();
  for (int slot = 0; slot < Tags::kSlots; ++slot) {
    Entry* const entry = bucket.entries[slot].load(std::memory_order_relaxed);
    if (entry == nullptr) continue;
    Entry* const driven_out = InsertInto(to, entry, tags.tag(slot));
    SwitchPoint(Switch::kPublish);
    if (grows) {
      bucket.entries[slot].store(nullptr, std::memory_order_seq_cst);
    } else {
      RemoveFrom(from, entry);
    }
    if (driven_out == nullptr) continue;
    displaced->push_back(driven_out);
    size_.store(size_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  if (grows) bucket.tags.store(tags.WithoutSlots().word(), std::memory_order_release);
}

BucketArray EntryIndex::Move(int count, Displaced* displaced) {
  const BucketArray from = Load(old_);
  for (; count > 0 && moved_ < from.size(); --count) MoveBucket(from, moved_++, displaced);
  if (moved_ < from.size()) {
    PrefetchEntries(from.at(moved_));  // For the next call.
    return BucketArray();
  }
  SwitchPoint(Switch::kPublish);
  Store(old_, BucketArray());
  return from;
}

BucketArray EntryIndex::DropBuckets() {
  ++rebuilds_;
  const BucketArray dropped = Load(current_);
  Store(current_, BucketArray());
  return dropped;
}

void EntryIndex::ForEachInBucket(size_t index, absl::FunctionRef<void(Entry*)> visit) {
  for (std::atomic<Entry*>& slot : Load(current_).at(index).entries) {
    Entry* const entry = slot.load(std::memory_order_relaxed);
    if (entry != nullptr) visit(entry);
  }
}

bool EntryIndex::HasDue(MonotonicNanos latest) const {
  const BucketArray current = Load(current_);
  return !current.none() && current.deadlines().earliest() <= DeadlineTree::TickAt(latest);
}

void EntryIndex::VisitDue(absl::FunctionRef<MonotonicNanos(Entry*)> visit) {
  const BucketArray current = Load(current_);
  DeadlineTree deadlines = current.deadlines();
  const size_t index = deadlines.EarliestLeaf();
  MonotonicNanos earliest = kNever;
  for (std::atomic<Entry*>& slot : current.at(index).entries) {
    Entry* const entry = slot.load(std::memory_order_relaxed);
    if (entry != nullptr) earliest = std::min(earliest, visit(entry));
  }
  deadlines.Set(index, DeadlineTree::FirstTickAfter(earliest));
}

void EntryIndex::ForEach(absl::FunctionRef<void(Entry*)> visit) {
  for (const BucketArray array : {Load(old_), Load(current_)}) {
    for (size_t index = 0; index < array.size(); ++index) {
      for (std::atomic<Entry*>& slot : array.at(index).entries) {
        Entry* const entry = slot.load(std::memory_order_relaxed);
        if (entry != nullptr) visit(entry);
      }
    }
  }
}

}  // namespace nearcache::internal::local
