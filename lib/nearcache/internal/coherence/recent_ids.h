// The lane ids that were applied through the chain, with their place in it, as far back as memory
// allows: answers whether an id has been applied, and whether before or after some moment
// (mechanisms M2 and M5).
//
// Places count from 0, the first base, without a gap. A later base follows what was applied before it: between the two
// there may have been others that nobody knows, but none that came later stands before one that came earlier. The last
// kCapacity are remembered; older ones count as unknown, which is the safe side: an id that is not known to be applied
// renews nothing. Memory: at most about 300 KiB, growing with use.
//
// Not thread-safe.

#ifndef NEARCACHE_INTERNAL_COHERENCE_RECENT_IDS_H_
#define NEARCACHE_INTERNAL_COHERENCE_RECENT_IDS_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::coherence {

class RecentIds {
 public:
  static constexpr size_t kCapacity = 4096;

  void Append(OperationId id) {
    if (!ids_.empty()) ++last_place_;
    if (ids_.size() == kCapacity) DropOldest();
    ids_.push_back(id);
    places_[id] = last_place_;
  }

  OperationId last() const { return ids_.empty() ? OperationId() : ids_.back(); }
  uint64_t last_place() const { return last_place_; }

  // Nullopt: never applied, or too long ago.
  absl::optional<uint64_t> PlaceOf(OperationId id) const {
    const auto found = places_.find(id);
    if (found == places_.end()) return absl::nullopt;
    return found->second;
  }

 private:
  // An id that came twice stays known by its later place.
  void DropOldest() {
    const auto found = places_.find(ids_.front());
    if (found != places_.end() && found->second + kCapacity == last_place_) places_.erase(found);
    ids_.pop_front();
  }

  std::deque<OperationId> ids_;
  absl::flat_hash_map<OperationId, uint64_t> places_;
  uint64_t last_place_ = 0;
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_RECENT_IDS_H_
