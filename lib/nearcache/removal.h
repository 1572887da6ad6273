// What leaves the memory of this process, and why: the events of LocalOptions::removal_listener.
//
// Each entry that was in memory and left it is reported once, after it is gone. Values that were delivered and never
// kept are not reported, nor is what memory still holds when the cache is closed.

#ifndef NEARCACHE_REMOVAL_H_
#define NEARCACHE_REMOVAL_H_

#include <functional>

#include "absl/strings/string_view.h"
#include "nearcache/value.h"

namespace nearcache {

enum class RemovalCause {
  kExplicit,     // Deleted, or expired by Expire, by this process.
  kReplaced,     // A write of this process took its place, or is about to.
  kExpired,      // Its life in memory ended, or memory could not vouch for it any more when it was looked for.
  kCapacity,     // Driven out to make room.
  kInvalidated,  // Another process changed it, or the outcome of an own change is not certain.
  kCleared,      // By Clear, here or elsewhere, or because everything in memory was distrusted.
};

// "explicit", "replaced", "expired", "capacity", "invalidated", "cleared".
absl::string_view RemovalCauseName(RemovalCause cause);

struct Removal {
  // Lies in the block of `value`: valid as long as any copy of it.
  absl::string_view key;
  // The bytes as they were in memory, not a copy of them.
  Value value;
  RemovalCause cause = RemovalCause::kExplicit;
};

using RemovalListener = std::function<void(const Removal& removal)>;

}  // namespace nearcache

#endif  // NEARCACHE_REMOVAL_H_
