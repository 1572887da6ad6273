#include "nearcache/internal/local/deadline_tree.h"

#include <algorithm>

namespace nearcache::internal::local {

size_t DeadlineTree::Bytes(int log2) {
  size_t nodes = 0;
  size_t level = size_t{1} << log2;
  for (; level > 1; level = Parents(level)) nodes += level;
  return (nodes + level) * sizeof(uint32_t);
}

DeadlineTree::Tick DeadlineTree::FirstTickAfter(MonotonicNanos deadline) {
  if (deadline == kNever) return kNeverTick;
  if (deadline <= 0) return 0;
  const uint64_t tick = (static_cast<uint64_t>(deadline) + (uint64_t{1} << kTickShift) - 1) >> kTickShift;
  return static_cast<Tick>(std::min<uint64_t>(tick, kNeverTick - 1));
}

DeadlineTree::Tick DeadlineTree::TickAt(MonotonicNanos time) {
  if (time <= 0) return 0;
  return static_cast<Tick>(std::min<uint64_t>(static_cast<uint64_t>(time) >> kTickShift, kNeverTick - 2));
}

DeadlineTree::Tick DeadlineTree::earliest() const {
  size_t level = leaves_;
  size_t offset = 0;
  for (; level > 1; level = Parents(level)) offset += level;
  return ~nodes_[offset];
}

size_t DeadlineTree::EarliestLeaf() const {
  size_t offsets[64 / kFanOutBits + 1] = {};
  size_t counts[64 / kFanOutBits + 1] = {leaves_};
  int root = 0;
  for (; counts[root] > 1; ++root) {
    offsets[root + 1] = offsets[root] + counts[root];
    counts[root + 1] = Parents(counts[root]);
  }
  size_t index = 0;
  for (int level = root; level > 0; --level) {
    const uint32_t wanted = nodes_[offsets[level] + index];
    size_t child = index << kFanOutBits;
    while (nodes_[offsets[level - 1] + child] != wanted) ++child;
    index = child;
  }
  return index;
}

void DeadlineTree::Lower(size_t leaf, Tick tick) {
  const uint32_t urgency = Urgency(tick);
  uint32_t* level = nodes_;
  size_t count = leaves_;
  size_t index = leaf;
  while (level[index] < urgency) {
    level[index] = urgency;
    if (count == 1) return;
    level += count;
    count = Parents(count);
    index >>= kFanOutBits;
  }
}

void DeadlineTree::Set(size_t leaf, Tick tick) {
  nodes_[leaf] = Urgency(tick);
  uint32_t* level = nodes_;
  size_t count = leaves_;
  size_t index = leaf;
  while (count > 1) {
    const size_t first = index & ~(kFanOut - 1);
    const uint32_t most = *std::max_element(level + first, level + std::min(first + kFanOut, count));
    level += count;
    count = Parents(count);
    index >>= kFanOutBits;
    if (level[index] == most) return;
    level[index] = most;
  }
}

}  // namespace nearcache::internal::local
