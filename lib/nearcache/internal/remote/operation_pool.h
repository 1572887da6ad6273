// Operation nodes that were used before, so that an operation in steady state allocates nothing: neither its node nor
// the buffer its commands are written in.
//
// A lock-free stack. Its head is an index and a tag that changes with every Take, so that a head that was taken and
// given back in between is not mistaken for the same one (the ABA problem); nodes are never freed before the pool is,
// so that a node read by a thread that loses the race is still a node. R. K. Treiber, "Systems Programming: Coping with
// Parallelism" (1986).
//
// At most kNodesMax nodes are kept; what is taken beyond that comes from the heap and goes back there. A buffer that
// has grown beyond kBytesKeptMax is given back with its operation.
//
// Thread-safe. Take and Return cost one compare-and-swap.

#ifndef NEARCACHE_INTERNAL_REMOTE_OPERATION_POOL_H_
#define NEARCACHE_INTERNAL_REMOTE_OPERATION_POOL_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "nearcache/internal/remote/operation_node.h"

namespace nearcache::internal::remote {

class OperationPool {
 public:
  static constexpr uint32_t kNodesMax = 1024;
  static constexpr size_t kBytesKeptMax = 4096;

  explicit OperationPool(OperationOwner* owner) : owner_(owner) {}
  // REQUIRES: every node that was taken was returned.
  ~OperationPool();

  OperationPool(const OperationPool&) = delete;
  OperationPool& operator=(const OperationPool&) = delete;

  // A node as a new one would be, but for the capacity of its buffer.
  OperationNode* Take();

  // Destroys what the node holds. REQUIRES: in no list, its timer not armed.
  void Return(OperationNode* node);

  // Gauge: nodes that belong to the pool, taken or not.
  size_t nodes() const { return std::min(made_.load(std::memory_order_relaxed), kNodesMax); }

 private:
  // Index + 1 of the top node in the lower half, 0 for none; the tag in the upper half.
  static constexpr uint64_t kIndexMask = 0xFFFF'FFFF;
  static constexpr uint64_t kTagStep = uint64_t{1} << 32;

  OperationNode* NewNode();

  OperationOwner* const owner_;
  std::array<std::atomic<OperationNode*>, kNodesMax> nodes_{};
  std::atomic<uint32_t> made_{0};
  alignas(64) std::atomic<uint64_t> top_{0};
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_OPERATION_POOL_H_
