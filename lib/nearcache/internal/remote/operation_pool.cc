#include "nearcache/internal/remote/operation_pool.h"

namespace nearcache::internal::remote {

OperationPool::~OperationPool() {
  for (std::atomic<OperationNode*>& node : nodes_) delete node.load(std::memory_order_relaxed);
}

OperationNode* OperationPool::NewNode() {
  auto* const node = new OperationNode(owner_);
  if (made_.load(std::memory_order_relaxed) >= kNodesMax) return node;
  const uint32_t index = made_.fetch_add(1, std::memory_order_relaxed);
  if (index >= kNodesMax) {
    made_.store(kNodesMax, std::memory_order_relaxed);
    return node;
  }
  node->pool_index = index + 1;
  nodes_[index].store(node, std::memory_order_release);
  return node;
}

OperationNode* OperationPool::Take() {
  uint64_t top = top_.load(std::memory_order_acquire);
  while ((top & kIndexMask) != 0) {
    OperationNode* const node = nodes_[(top & kIndexMask) - 1].load(std::memory_order_acquire);
    // Of no meaning if another thread took the node meanwhile; the exchange fails then.
    const uint64_t next = node->pool_next.load(std::memory_order_relaxed);
    const uint64_t below = ((top & ~kIndexMask) + kTagStep) | next;
    if (top_.compare_exchange_weak(top, below, std::memory_order_acquire, std::memory_order_acquire)) return node;
  }
  return NewNode();
}

void OperationPool::Return(OperationNode* node) {
  if (node->pool_index == 0) {
    delete node;
    return;
  }
  node->Reset(kBytesKeptMax);
  uint64_t top = top_.load(std::memory_order_relaxed);
  uint64_t above;
  do {
    node->pool_next.store(static_cast<uint32_t>(top & kIndexMask), std::memory_order_relaxed);
    above = (top & ~kIndexMask) | node->pool_index;
  } while (!top_.compare_exchange_weak(top, above, std::memory_order_release, std::memory_order_relaxed));
}

}  // namespace nearcache::internal::remote
