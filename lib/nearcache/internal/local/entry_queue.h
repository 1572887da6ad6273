// The entries of one stripe in the order in which they came: the policy's memory.
//
// Lazily promoted LRU: a hit sets a bit in the entry and moves nothing. Eviction takes from the old end; an entry that
// was read since it was last looked at gets a second chance at the young end (FIFO reinsertion, the "CLOCK" of
// F. Corbato, 1968). It keeps the hit ratio of a strict LRU and writes to a shared line once per entry and round
// instead of at every hit.
//
// Intrusive doubly linked list; every operation is O(1). Not thread-safe: the stripe's mutex guards it.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_QUEUE_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_QUEUE_H_

#include "nearcache/internal/local/entry.h"

namespace nearcache::internal::local {

class EntryQueue {
 public:
  Entry* oldest() const { return oldest_; }

  void PushNewest(Entry* entry) {
    entry->newer = nullptr;
    entry->older = newest_;
    (newest_ != nullptr ? newest_->newer : oldest_) = entry;
    newest_ = entry;
  }

  // REQUIRES: `entry` is in this queue.
  void Remove(Entry* entry) {
    (entry->older != nullptr ? entry->older->newer : oldest_) = entry->newer;
    (entry->newer != nullptr ? entry->newer->older : newest_) = entry->older;
  }

 private:
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_QUEUE_H_
