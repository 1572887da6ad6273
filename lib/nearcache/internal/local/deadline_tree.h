// Which bucket of a table holds the entry that ends first: a tournament tree over the deadlines of buckets.
//
//   leaf    per bucket: the earliest deadline of its entries, or an earlier time
//   node    the earliest of its sixteen children
//
// It takes the place of a timer wheel, for a tenth of its memory: four bytes per bucket and a fifteenth for the nodes,
// about one byte per entry, where a wheel links entries to their neighbours with eight or sixteen, and writes two of
// those neighbours when an entry leaves. Here an entry that comes lowers its leaf, which seldom is the earliest of its
// node, so the walk ends there; an entry that leaves does nothing. Its deadline stays behind as a time at which the
// bucket is looked at, in vain, once at most. Deadlines may be as far as they like, and the clock may jump: there is no
// slot to be overrun and nothing to cascade.
//
// Time is counted in ticks of 67 ms, rounded up, so that a bucket that is due holds nothing that only seems to be; 32
// bits of them last for nine years, and a deadline beyond that is never due: reads and evictions find it.
//
// A view of memory that belongs to the table (bucket.h), zero at first, which means no deadline. Not thread-safe: the
// stripe's mutex guards it.

#ifndef NEARCACHE_INTERNAL_LOCAL_DEADLINE_TREE_H_
#define NEARCACHE_INTERNAL_LOCAL_DEADLINE_TREE_H_

#include <cstddef>
#include <cstdint>

#include "nearcache/internal/base/clock.h"

namespace nearcache::internal::local {

class DeadlineTree {
 public:
  using Tick = uint32_t;
  static constexpr int kTickShift = 26;
  static constexpr Tick kNeverTick = ~Tick{0};
  static constexpr int kFanOutBits = 4;

  // `nodes` is zeroed memory of Bytes(log2) for 2^`log2` leaves.
  DeadlineTree(uint32_t* nodes, int log2) : nodes_(nodes), leaves_(size_t{1} << log2) {}

  static size_t Bytes(int log2);

  // The first tick at which `deadline` has passed.
  static Tick FirstTickAfter(MonotonicNanos deadline);
  // The tick that has begun at `time`.
  static Tick TickAt(MonotonicNanos time);

  // The earliest tick of all; kNeverTick if there is none.
  Tick earliest() const;
  // A leaf with that tick. REQUIRES: earliest() != kNeverTick
  size_t EarliestLeaf() const;

  // Makes the tick of `leaf` no later than `tick`. About O(1).
  void Lower(size_t leaf, Tick tick);
  // Gives `leaf` the tick. O(log leaves), sixteen nodes each.
  void Set(size_t leaf, Tick tick);

 private:
  // Nodes hold the complement of ticks, so that zeroed memory means never and the earliest is the greatest.
  static uint32_t Urgency(Tick tick) { return ~tick; }

  static constexpr size_t kFanOut = size_t{1} << kFanOutBits;
  static size_t Parents(size_t count) { return (count + kFanOut - 1) >> kFanOutBits; }

  uint32_t* nodes_;
  size_t leaves_;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_DEADLINE_TREE_H_
