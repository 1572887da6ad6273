// A policy in which keys that are asked for once do not drive out those that are asked for again.
//
//   small   FIFO of newcomers, 1 to 50 % of the bytes
//   main    FIFO with second chances of those that were hit while they were in `small`, or that came back soon
//   ghosts  hashes of those that left (ghost_table.h)
//
// After S3-FIFO (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi: "FIFO queues are all you need for cache eviction",
// SOSP 2023). An entry is promoted at its first hit, not its second. And the split adapts to the load: it asks which
// queue would gain more from being a little larger. A key that comes back soon after it was driven out of `small` would
// have been a hit if that were larger by a tenth of the memory; likewise for `main`; each such return moves the split
// by twice the entry's size. The idea is that of ARC (N. Megiddo, D. Modha, FAST 2003), with windows of equal size so
// that the two are comparable. The split belongs to the tier, since one stripe alone sees too little.
//
// Two hits are counted in `main`, each good for one more round. Where recency is what counts (the split has moved
// `small` above a fifth) all are void at once, or what was popular yesterday would stay too long.
//
// What it costs: an insertion looks at one line of ghosts, an eviction writes one; five bytes per resident entry for
// ghosts, counted in the budget, once anything was evicted.

#ifndef NEARCACHE_INTERNAL_LOCAL_SCAN_RESISTANT_POLICY_H_
#define NEARCACHE_INTERNAL_LOCAL_SCAN_RESISTANT_POLICY_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "nearcache/internal/local/entry_queue.h"
#include "nearcache/internal/local/eviction_policy.h"
#include "nearcache/internal/local/ghost_table.h"
#include "nearcache/internal/local/small_share.h"

namespace nearcache::internal::local {

// Not thread-safe.
class ScanResistantPolicy final : public EvictionPolicy {
 public:
  static constexpr uint8_t kHitsMax = 2;

  explicit ScanResistantPolicy(SmallShare* small_share) : share_(*small_share) {}

  void Insert(Entry* entry) override;
  void Replace(Entry* old, Entry* entry) override;
  void Remove(Entry* entry, Departure departure) override;
  Entry* Victim(Era era, bool force, int* chances) override;
  Entry* Cleared(Era era) const override;
  void ForEachFromHottest(absl::FunctionRef<bool(const Entry&)> visit) const override;
  void ForEachFromColdest(absl::FunctionRef<bool(const Entry&)> visit) const override;
  size_t WantedGhostSets(size_t entries) const override;
  void AdoptGhosts(GhostTable::Memory* memory) override;

 private:
  size_t bytes() const { return small_.bytes() + main_.bytes(); }
  // How far back ghosts count: as much as `main` should hold.
  size_t GhostWindow() const { return bytes() - share_.Of(bytes()); }
  EntryQueue& QueueOf(const Entry& entry) { return entry.use.in_main() ? main_ : small_; }
  bool ComesBack(const Entry& entry);

  SmallShare& share_;
  EntryQueue small_;
  EntryQueue main_;
  GhostTable ghosts_;
  bool evicted_ = false;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_SCAN_RESISTANT_POLICY_H_
