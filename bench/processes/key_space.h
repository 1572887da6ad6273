// The keys of a run: their names, which of them are popular, and who may write which.
//
// Keys are the numbers 0 … count - 1. A popularity rank is mapped to a key by a fixed permutation, so that popular keys
// are not neighbours. The writers ("slots") own disjoint sets of keys: each key has exactly one thread, of all threads
// of all processes, that ever writes it, which is what makes its versions a plain sequence 1, 2, 3, …

#ifndef BENCH_PROCESSES_KEY_SPACE_H_
#define BENCH_PROCESSES_KEY_SPACE_H_

#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace nearcache::bench {

class KeySpace {
 public:
  // REQUIRES: 0 < slot_count <= key_count
  KeySpace(uint32_t key_count, uint32_t slot_count);

  uint32_t key_count() const { return key_count_; }
  uint32_t slot_count() const { return slot_count_; }

  // The key of a popularity rank; one to one. REQUIRES: rank < key_count()
  uint32_t KeyOfRank(uint32_t rank) const { return static_cast<uint32_t>((rank * multiplier_ + offset_) % key_count_); }

  // The slot that writes `key`.
  uint32_t OwnerOf(uint32_t key) const { return key % slot_count_; }

  // The key nearest to `key` that `slot` owns.
  uint32_t NeighbourOwnedBy(uint32_t slot, uint32_t key) const {
    const uint64_t neighbour = uint64_t{key} - OwnerOf(key) + slot;
    return static_cast<uint32_t>(neighbour < key_count_ ? neighbour : neighbour - slot_count_);
  }

 private:
  const uint32_t key_count_;
  const uint32_t slot_count_;
  const uint64_t multiplier_;
  const uint64_t offset_;
};

// The name of a key, as the cache sees it: "record:" and ten digits. Cheap to make and to copy.
class KeyName {
 public:
  KeyName() : KeyName(0) {}
  explicit KeyName(uint32_t key) {
    std::memcpy(text_, "record:", kPrefixBytes);
    for (int i = kBytes - 1; i >= kPrefixBytes; --i, key /= 10) {
      text_[i] = static_cast<char>('0' + key % 10);
    }
  }

  absl::string_view view() const { return {text_, kBytes}; }

 private:
  static constexpr int kPrefixBytes = 7;
  static constexpr int kBytes = kPrefixBytes + 10;

  char text_[kBytes];
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_KEY_SPACE_H_
