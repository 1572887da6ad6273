// Where a cache without a remote tier keeps the bytes of values that were made stale by Expire: for
// the GetOrLoad whose loader fails. With a remote tier they stay in Redis.
//
// A second local tier, made at the first Expire; it takes an eighth of the budget from the first
// one. An entry is here only while its key has no value in the main tier: whoever puts a value there
// removes it here afterwards.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_STALE_SHELF_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_STALE_SHELF_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"

namespace nearcache::internal::conductor {

class StaleShelf {
 public:
  // `options` are those of `main`, which is not owned.
  StaleShelf(const local::LocalTierOptions& options, local::LocalTier* main);

  void Put(const HashedKey& key, const Value& value, const local::EntryInfo& info);
  void Remove(const HashedKey& key);
  void Clear();
  absl::optional<Value> Find(const HashedKey& key);

  // The budget of both tiers together, this one's eighth included.
  void SetCapacity(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  bool Maintain(int steps);
  // 0 until the first Put.
  uint64_t bytes() const;
  uint64_t capacity_bytes() const;

 private:
  local::LocalTier* tier() const { return published_.load(std::memory_order_acquire); }
  local::LocalTier* EnsureTier() ABSL_LOCKS_EXCLUDED(mutex_);
  HashedKey Rehash(const HashedKey& key) const;

  // Its capacity is of no account.
  local::LocalTierOptions options_;
  local::LocalTier* const main_;
  absl::Mutex mutex_;
  size_t capacity_bytes_ ABSL_GUARDED_BY(mutex_);  // Of both.
  std::unique_ptr<local::LocalTier> owned_ ABSL_GUARDED_BY(mutex_);
  std::atomic<local::LocalTier*> published_{nullptr};
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_STALE_SHELF_H_
