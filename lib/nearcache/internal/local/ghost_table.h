// Remembers, for a while, the keys of entries that have left a stripe: the policy's memory of what it no longer holds.
//
// A ghost is four bytes: sixteen bits of the key's hash, two that say how the entry left, fourteen for the time at
// which it did. Time is counted in bytes that the same queue drove out, so a window is a share of the memory, whatever
// the sizes of the entries are. Sets of sixteen ghosts, one cache line each; a new ghost takes the place of the stalest
// of its set. Two keys are confused once in about 4000 look-ups, which costs the policy one wrong guess.
//
// Not thread-safe: the stripe's mutex guards it. Memory comes from outside, since nothing is allocated under the mutex.

#ifndef NEARCACHE_INTERNAL_LOCAL_GHOST_TABLE_H_
#define NEARCACHE_INTERNAL_LOCAL_GHOST_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/optional.h"

namespace nearcache::internal::local {

class GhostTable {
 public:
  // How an entry left.
  enum class Kind : uint32_t {
    kFromSmall = 1,  // Driven out of the small queue: nobody had read it.
    kFromMain = 2,   // Driven out of the main queue.
    kDisplaced = 3,  // Written anew, invalidated or expired, while readers wanted it.
  };

  struct Ghost {
    Kind kind;
    uint64_t age;  // Bytes that the same queue drove out since (kDisplaced: the small queue).
  };

  static constexpr size_t kWays = 16;
  struct alignas(64) Set {
    std::array<uint32_t, kWays> ghosts = {};
  };

  // The memory of a table, to be made and destroyed outside of the mutex.
  struct Memory {
    std::unique_ptr<Set[]> sets;
    size_t count = 0;

    // Without sets if there is no memory for them. REQUIRES: count > 0
    static Memory Allocate(size_t count);
    // What the budget counts for it.
    size_t AllocatedSize() const;
    // A bound on that before it is allocated.
    static size_t AllocatedSizeBound(size_t count) { return count * sizeof(Set) + 2 * sizeof(Set) + 64; }
  };

  // How many sets suit a stripe of so many entries: five places for four of them.
  static size_t SetsFor(size_t entries) { return (entries * 5 / 4 + kWays) / kWays; }

  size_t set_count() const { return memory_.count; }

  // Exchanges the memory, and forgets all ghosts.
  void Adopt(Memory* memory);

  // Remembers the entry with this hash; `bytes` is its size, by which the time of its queue moves on. `window` is the
  // age up to which ghosts are of interest; when it has become another one by a factor of two or more, all are
  // forgotten.
  void Add(uint32_t hash, Kind kind, size_t bytes, uint64_t window);

  // The ghost of this hash, if there is one; it is forgotten with that.
  absl::optional<Ghost> Take(uint32_t hash);

 private:
  static constexpr int kTimeBits = 14;
  static constexpr uint32_t kTimeMask = (1u << kTimeBits) - 1;
  // Ticks per window; the most is half of what the time bits can tell apart. A ghost that survives in its set for
  // longer than those, although the oldest go first, is taken for a young one: another wrong guess.
  static constexpr uint64_t kTicksPerWindow = 2048;
  static constexpr uint64_t kTicksPerWindowMin = 1024;
  static constexpr uint64_t kTicksPerWindowMax = 8192;

  static uint32_t Fingerprint(uint32_t ghost_or_hash) { return ghost_or_hash & 0xffff; }
  Set& SetOf(uint32_t hash) { return memory_.sets[static_cast<size_t>((uint64_t{hash} * memory_.count) >> 32)]; }
  static Kind KindOf(uint32_t ghost) { return static_cast<Kind>(ghost >> 30); }
  uint32_t Now(Kind kind) const {
    const uint64_t bytes = kind == Kind::kFromMain ? bytes_from_main_ : bytes_from_small_;
    return static_cast<uint32_t>(bytes >> tick_shift_) & kTimeMask;
  }
  uint32_t TicksSince(uint32_t ghost) const { return (Now(KindOf(ghost)) - (ghost >> 16)) & kTimeMask; }
  static uint32_t Staleness(uint32_t ghost, uint32_t now_small, uint32_t now_main);
  void FollowWindow(uint64_t window);

  Memory memory_;
  uint64_t bytes_from_small_ = 0;
  uint64_t bytes_from_main_ = 0;
  int tick_shift_ = 0;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_GHOST_TABLE_H_
