// Lane ids that are known to have been executed and that the channel has not delivered yet: announcements of this
// process that the server has acknowledged, and what readings of the lane have shown. What this process knows of the
// lane's history beside the channel.
//
// At most kCapacity are kept. What comes when they are that many is not: the channel is far behind then, and any one
// that is missing shows that something is. Memory: at most about 200 KiB, growing with use.
//
// Not thread-safe. Every call costs O(1), amortized.

#ifndef NEARCACHE_INTERNAL_COHERENCE_UNHEARD_IDS_H_
#define NEARCACHE_INTERNAL_COHERENCE_UNHEARD_IDS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::coherence {

class UnheardIds {
 public:
  static constexpr size_t kCapacity = 4096;

  // `id` was executed, and is not heard yet.
  void Learn(OperationId id) {
    ++learned_;
    if (order_.size() == kCapacity || !unheard_.insert(id).second) return;
    order_.emplace_back(id, learned_);
    ForgetHeard();
  }

  void Hear(OperationId id) {
    if (unheard_.empty()) return;
    unheard_.erase(id);
    ForgetHeard();
  }

  void Clear() {
    unheard_.clear();
    order_.clear();
  }

  // How many were learned of so far: a moment, for AnyBy.
  uint64_t learned() const { return learned_; }

  // Whether one that was learned of by that moment is still unheard.
  bool AnyBy(uint64_t learned) const { return !order_.empty() && order_.front().second <= learned; }

 private:
  // Keeps the front of the order unheard.
  void ForgetHeard() {
    while (!order_.empty() && !unheard_.contains(order_.front().first)) order_.pop_front();
  }

  absl::flat_hash_set<OperationId> unheard_;
  std::deque<std::pair<OperationId, uint64_t>> order_;  // As learned; some of them may be heard since.
  uint64_t learned_ = 0;
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_UNHEARD_IDS_H_
