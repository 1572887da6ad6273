// The memory of a table: buckets of one cache line, and arrays of them that are named by a single word.
//
// A bucket holds seven entries. Its first word has, in its low seven bytes, one tag of the hash per slot (0: free), and
// in its top byte how many entries wanted this bucket, found it full and went on. A search that meets a bucket with no
// such entries ends there, so nothing needs tombstones.

#ifndef NEARCACHE_INTERNAL_LOCAL_BUCKET_H_
#define NEARCACHE_INTERNAL_LOCAL_BUCKET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "nearcache/internal/local/deadline_tree.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/entry_heap.h"

namespace nearcache::internal::local {

// Tags of a bucket: the arithmetic on its first word.
class Tags {
 public:
  static constexpr int kSlots = 7;

  explicit constexpr Tags(uint64_t word) : word_(word) {}

  constexpr uint64_t word() const { return word_; }
  constexpr int overflow() const { return static_cast<int>(word_ >> 56); }
  constexpr uint8_t tag(int slot) const { return static_cast<uint8_t>(word_ >> (8 * slot)); }

  // A set of slots as a word with the top bit of each slot's byte set. FirstOf gives the lowest, DropFirst the rest.
  // May name slots whose tag differs in its lowest bit above a true match: callers compare keys anyway.
  constexpr uint64_t Matching(uint8_t tag) const { return ZeroBytes(word_ ^ (kOnes * tag)); }
  constexpr uint64_t Free() const { return ZeroBytes(word_); }
  static int FirstOf(uint64_t set) { return __builtin_ctzll(set) >> 3; }
  static constexpr uint64_t DropFirst(uint64_t set) { return set & (set - 1); }

  constexpr Tags With(int slot, uint8_t tag) const {
    return Tags((word_ & ~(uint64_t{0xff} << (8 * slot))) | (uint64_t{tag} << (8 * slot)));
  }
  constexpr Tags WithoutSlots() const { return Tags(word_ & (uint64_t{0xff} << 56)); }
  constexpr Tags WithOverflow(int count) const {
    return Tags((word_ & ~(uint64_t{0xff} << 56)) | (static_cast<uint64_t>(count) << 56));
  }

 private:
  static constexpr uint64_t kOnes = 0x0001010101010101;
  static constexpr uint64_t kTops = 0x0080808080808080;

  // The classic test for a zero byte, on the low seven.
  static constexpr uint64_t ZeroBytes(uint64_t word) { return (word - kOnes) & ~word & kTops; }

  uint64_t word_;
};

struct alignas(64) Bucket {
  std::atomic<uint64_t> tags{0};
  std::atomic<Entry*> entries[Tags::kSlots] = {};
};

static_assert(sizeof(Bucket) == 64, "a look-up touches one line");

// An array of 2^k buckets, or none: address and k in one word, so that readers load both at once. A plain value; it
// owns nothing.
class BucketArray {
 public:
  // No buckets; still may be searched: everything is absent.
  BucketArray() : BucketArray(reinterpret_cast<uintptr_t>(&no_bucket_)) {}

  // Zeroed memory for 2^`log2` buckets and their deadlines; an array without buckets if there is none. Free() gives it
  // back.
  static BucketArray Allocate(int log2);
  void Free();

  static BucketArray FromWord(uintptr_t word) { return BucketArray(word); }
  uintptr_t word() const { return word_; }

  bool none() const { return buckets() == &no_bucket_; }
  size_t size() const { return none() ? 0 : mask() + 1; }
  int log2() const { return static_cast<int>(word_ & 63); }
  size_t mask() const { return (size_t{1} << (word_ & 63)) - 1; }
  Bucket* buckets() const { return reinterpret_cast<Bucket*>(word_ & ~uintptr_t{63}); }
  Bucket& at(size_t index) const { return buckets()[index & mask()]; }

  // When entries end, by bucket; for the owner, under the stripe's mutex. REQUIRES: !none()
  DeadlineTree deadlines() const { return {reinterpret_cast<uint32_t*>(buckets() + size()), log2()}; }

  // What the budget counts for it.
  size_t AllocatedSize() const { return none() ? 0 : AllocatedSize(log2()); }
  // The same of an array to come.
  static size_t AllocatedSize(int log2) { return EntryHeap::ChargeOfLines(Bytes(log2)); }

 private:
  // Whole lines.
  static size_t Bytes(int log2) { return ((sizeof(Bucket) << log2) + DeadlineTree::Bytes(log2) + 63) & ~size_t{63}; }

  explicit BucketArray(uintptr_t word) : word_(word) {}

  static Bucket no_bucket_;

  uintptr_t word_;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_BUCKET_H_
