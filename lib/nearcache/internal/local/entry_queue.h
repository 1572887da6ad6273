// Entries of one stripe in the order in which they came, with the sum of their bytes: what policies are made of.
//
// Intrusive doubly linked list; every operation is O(1). Not thread-safe: the stripe's mutex guards it.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_QUEUE_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_QUEUE_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "nearcache/internal/local/entry.h"

namespace nearcache::internal::local {

class EntryQueue {
 public:
  Entry* oldest() const { return oldest_; }
  Entry* newest() const { return newest_; }
  size_t bytes() const { return bytes_; }

  void PushNewest(Entry* entry) {
    bytes_ += entry->AllocatedSize();
    LinkNewest(entry);
  }

  // REQUIRES: `entry` is in this queue.
  void Remove(Entry* entry) {
    bytes_ -= entry->AllocatedSize();
    Unlink(entry);
  }

  // Puts `entry`, which is in this queue, at its young end.
  void Renew(Entry* entry) {
    Unlink(entry);
    LinkNewest(entry);
  }

  // Call `visit` until it returns false; then false.
  bool ForEachFromNewest(absl::FunctionRef<bool(const Entry&)> visit) const {
    const Entry* entry = newest_;
    while (entry != nullptr && visit(*entry)) entry = entry->older;
    return entry == nullptr;
  }
  bool ForEachFromOldest(absl::FunctionRef<bool(const Entry&)> visit) const {
    const Entry* entry = oldest_;
    while (entry != nullptr && visit(*entry)) entry = entry->newer;
    return entry == nullptr;
  }

 private:
  void LinkNewest(Entry* entry) {
    entry->newer = nullptr;
    entry->older = newest_;
    (newest_ != nullptr ? newest_->newer : oldest_) = entry;
    newest_ = entry;
  }

  void Unlink(Entry* entry) {
    (entry->older != nullptr ? entry->older->newer : oldest_) = entry->newer;
    (entry->newer != nullptr ? entry->newer->older : newest_) = entry->older;
  }

  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_QUEUE_H_
