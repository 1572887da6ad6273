// The table of one stripe: finds the entry of a key, without a lock.
//
// Buckets (bucket.h) are chosen by the low bits of the hash; a full bucket passes an entry on to another one, a stride
// away that comes from the high bits (double hashing, so that full buckets form no clusters), kProbesMax buckets in
// all. The table doubles when it is four fifths full. It does so a little at a time: the old buckets stay searchable
// beside the new ones, each change moves the entries of a few, and when all are moved the old array is handed out to be
// freed after the last reader has left it.
//
// What a reader can see. An entry that is resident during the whole of a search is found, but for the moment in which
// a move begins. That and every other miss is checked again under the lock, so a wrong miss costs time only; a wrong
// hit is impossible, because keys are compared in the entry itself.
//
// Bad luck and bad will. The hash is seeded, so nobody can aim. Even so the work of a search is bounded: at most
// kTwinsMax entries with one and the same hash are kept, and at most kProbesMax buckets are looked at. An insertion
// that would break a bound drives another entry out.
//
// Find may be called by any thread inside an EpochSection; everything else needs the stripe's mutex.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_INDEX_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/bucket.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/equal_bytes.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {

// What a search looked at; for tests and for explaining a slow table.
struct SearchSteps {
  int buckets = 0;
  int entries = 0;
};

class EntryIndex {
 public:
  // With two buckets in five full, at the worst, an insertion finds all of these full once in two million times.
  static constexpr int kProbesMax = 16;
  static constexpr int kTwinsMax = 2;

  // Entries that had to leave the table because others came.
  using Displaced = absl::InlinedVector<Entry*, 4>;

  EntryIndex() = default;
  // Frees the arrays, not the entries. REQUIRES: no reader.
  ~EntryIndex();
  EntryIndex(const EntryIndex&) = delete;
  EntryIndex& operator=(const EntryIndex&) = delete;

  // Once, before anything else: how long an entry may stay unread; kNever: for as long as it likes.
  void SetIdleTimeout(int64_t nanos) { idle_nanos_ = nanos; }

  // Where a search will begin, unless the table is rebuilt before it does.
  struct Start {
    uintptr_t array = 0;
    const Bucket* bucket = nullptr;
  };

  // Starts loading the line that Find will need. May be called outside of a section.
  Start Prefetch(uint64_t hash) const {
    const BucketArray array = Load(current_);
    const Bucket* const bucket = &array.at(static_cast<uint32_t>(hash));
    __builtin_prefetch(bucket);
    return {array.word(), bucket};
  }

  // Starts loading the first entry that a search with this hash will compare. Inside of a section.
  void PrefetchEntry(uint64_t hash, const Start& start) const;

  // Nullptr if there is none.
  Entry* Find(const HashedKey& key) const { return Find(key, Prefetch(key.hash)); }
  // The same, with what Prefetch said for this key.
  Entry* Find(const HashedKey& key, const Start& start) const;
  // The same, and adds to `steps`.
  Entry* Find(const HashedKey& key, SearchSteps* steps) const;

  // Adds `entry`, and hands out those that it drove out.
  //
  // REQUIRES: no entry with this key is in the table, and it has buckets.
  void Insert(Entry* entry, uint8_t tag, Displaced* displaced);

  // Puts `entry` in the place of `old`: at no moment is there neither. May drive others out during a move.
  //
  // REQUIRES: `old` is in the table and has the same key.
  void Replace(Entry* old, Entry* entry, uint8_t tag, Displaced* displaced);

  // REQUIRES: `entry` is in the table.
  void Remove(const Entry* entry);

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool has_buckets() const { return !Load(current_).none(); }

  // --- Changing the number of buckets. One change at a time.

  // How many buckets (as a power of two) the table should have now: more when it is too full; fewer, if `may_shrink`,
  // when it is almost empty. Its present number if all is well.
  int WantedLog2(bool may_shrink) const;
  int log2() const { return Load(current_).log2(); }
  bool moving() const { return !Load(old_).none(); }
  // Changes with every change of the number of buckets: what lay in which bucket counts for nothing after it.
  uint32_t rebuilds() const { return rebuilds_; }

  // REQUIRES: !moving()
  void BeginMove(BucketArray to);

  // Moves the entries of `count` old buckets. When the last one is done, returns the old array, which readers may
  // still be looking at; else an array without buckets.
  BucketArray Move(int count, Displaced* displaced);

  // Gives up the buckets of an empty table; the array as in Move. REQUIRES: size() == 0 && !moving()
  BucketArray DropBuckets();

  // Calls `visit` for the entries of bucket `index`. REQUIRES: !moving()
  void ForEachInBucket(size_t index, absl::FunctionRef<void(Entry*)> visit);
  size_t bucket_count() const { return Load(current_).size(); }

  // --- Entries that end. The table knows of each bucket when its first entry does (deadline_tree.h); what a move has
  // not reached yet is not among them.

  // Whether a bucket is due at `latest`.
  bool HasDue(MonotonicNanos latest) const;

  // Calls `visit` for the entries of the bucket that is due first, seven at most. It may remove the entry that it is
  // given, and returns when to look at it again: kNever if it is gone. REQUIRES: HasDue() and !moving()
  void VisitDue(absl::FunctionRef<MonotonicNanos(Entry*)> visit);

  // Entries in the order of the table, both arrays. For the end of the tier.
  void ForEach(absl::FunctionRef<void(Entry*)> visit);

  static uint8_t TagOf(uint64_t hash) {
    const auto tag = static_cast<uint8_t>(hash >> 32);
    return tag != 0 ? tag : 1;
  }

 private:
  using AtomicArray = std::atomic<uintptr_t>;

  struct Place {
    uint32_t hash = 0;
    int probe = 0;
    int slot = 0;
  };

  // The bucket that is looked at after `probe` others.
  static Bucket& BucketAt(BucketArray array, uint32_t hash, int probe) {
    const size_t stride = (hash >> 20) | 1;
    return array.at(hash + static_cast<size_t>(probe) * stride);
  }

  static BucketArray Load(const AtomicArray& array) {
    return BucketArray::FromWord(array.load(std::memory_order_seq_cst));
  }
  static void Store(AtomicArray& array, BucketArray value) { array.store(value.word(), std::memory_order_seq_cst); }

  ABSL_ATTRIBUTE_ALWAYS_INLINE static bool Matches(const Entry* entry, const HashedKey& key) {
    return entry != nullptr && entry->hash == static_cast<uint32_t>(key.hash) && EqualBytes(entry->key(), key.key);
  }
  static Entry* FindIn(BucketArray array, const Bucket& bucket, const HashedKey& key);
  Entry* FindInBoth(const HashedKey& key) const;
  static Entry* Search(BucketArray array, const HashedKey& key, SearchSteps* steps);
  static bool Locate(BucketArray array, const Entry* entry, Place* place);
  Entry* ReplaceTwin(BucketArray array, Entry* entry, uint8_t tag);
  static bool FindFree(BucketArray array, const Entry* entry, Place* place);
  void Put(BucketArray array, const Place& place, Entry* entry, uint8_t tag);
  void NoteDeadline(BucketArray array, const Bucket& bucket, const Entry& entry);
  static void Take(BucketArray array, const Place& place);
  static void RemoveFrom(BucketArray array, const Entry* entry);
  Entry* InsertInto(BucketArray array, Entry* entry, uint8_t tag);
  void TurnBackIfTooSmall();
  static void PrefetchEntries(const Bucket& bucket);
  void MoveBucket(BucketArray from, size_t index, Displaced* displaced);

  // Read by every look-up, written when the table is rebuilt: a line of their own.
  alignas(64) AtomicArray current_{BucketArray().word()};
  AtomicArray old_{BucketArray().word()};

  // Written by every insertion.
  alignas(64) std::atomic<size_t> size_{0};
  size_t moved_ = 0;
  uint32_t rebuilds_ = 0;
  int64_t idle_nanos_ = kNever;
};

// Nine searches in ten end in the first bucket, with the first entry that has the tag: nothing is kept for the rest.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Entry* EntryIndex::FindIn(BucketArray array, const Bucket& bucket,
                                                              const HashedKey& key) {
  const Tags tags(bucket.tags.load(std::memory_order_acquire));
  const uint64_t set = tags.Matching(TagOf(key.hash));
  SwitchPoint(Switch::kLook);
  if (ABSL_PREDICT_TRUE(set != 0)) {
    Entry* const entry = bucket.entries[Tags::FirstOf(set)].load(std::memory_order_seq_cst);
    SwitchPoint(Switch::kLook);
    if (ABSL_PREDICT_TRUE(Matches(entry, key))) return entry;
  } else if (tags.overflow() == 0) {
    return nullptr;
  }
  SearchSteps steps;
  return Search(array, key, &steps);
}

inline void EntryIndex::PrefetchEntry(uint64_t hash, const Start& start) const {
  // Of an array that is not the present one nothing may be read.
  if (ABSL_PREDICT_FALSE(Load(current_).word() != start.array)) return;
  const uint64_t set = Tags(start.bucket->tags.load(std::memory_order_acquire)).Matching(TagOf(hash));
  if (set != 0) Entry::PrefetchToHold(start.bucket->entries[Tags::FirstOf(set)].load(std::memory_order_seq_cst));
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline Entry* EntryIndex::Find(const HashedKey& key, const Start& start) const {
  // The old array first: an entry is in the new one before it leaves the old one.
  if (ABSL_PREDICT_FALSE(!Load(old_).none())) return FindInBoth(key);
  SwitchPoint(Switch::kLook);
  const BucketArray current = Load(current_);
  // The same array as at the start: the same address of an array that may be searched now.
  const Bucket& bucket =
      ABSL_PREDICT_TRUE(current.word() == start.array) ? *start.bucket : current.at(static_cast<uint32_t>(key.hash));
  return FindIn(current, bucket, key);
}

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_INDEX_H_
