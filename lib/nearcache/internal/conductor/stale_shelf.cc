#include "nearcache/internal/conductor/stale_shelf.h"

namespace nearcache::internal::conductor {
namespace {

constexpr size_t kShareOfBudget = 8;

}  // namespace

StaleShelf::StaleShelf(const local::LocalTierOptions& options, local::LocalTier* main)
    : options_(options), main_(main), capacity_bytes_(options.capacity_bytes) {
  options_.stripe_count = 1;
}

local::LocalTier* StaleShelf::EnsureTier() {
  if (local::LocalTier* const made = tier(); made != nullptr) return made;
  absl::MutexLock lock(&mutex_);
  if (owned_ == nullptr) {
    local::LocalTierOptions options = options_;
    options.capacity_bytes = capacity_bytes_ / kShareOfBudget;
    main_->SetCapacity(capacity_bytes_ - options.capacity_bytes);
    owned_ = local::LocalTier::Create(options);
    published_.store(owned_.get(), std::memory_order_release);
  }
  return owned_.get();
}

void StaleShelf::SetCapacity(size_t bytes) {
  absl::MutexLock lock(&mutex_);
  capacity_bytes_ = bytes;
  const size_t own = owned_ != nullptr ? bytes / kShareOfBudget : 0;
  if (owned_ != nullptr) owned_->SetCapacity(own);
  main_->SetCapacity(bytes - own);
}

HashedKey StaleShelf::Rehash(const HashedKey& key) const { return HashKey(key.key, tier()->hash_seed()); }

void StaleShelf::Put(const HashedKey& key, const Value& value, const local::EntryInfo& info) {
  local::LocalTier* const shelf = EnsureTier();
  shelf->Put(Rehash(key), value.view(), info.id, options_.clock->Now(), info.expires_at);
}

void StaleShelf::Remove(const HashedKey& key) {
  if (tier() != nullptr) tier()->Remove(Rehash(key));
}

void StaleShelf::Clear() {
  if (tier() != nullptr) tier()->Clear();
}

absl::optional<Value> StaleShelf::Find(const HashedKey& key) {
  Value value;
  local::EntryInfo info;
  if (tier() == nullptr || !tier()->Get(Rehash(key), options_.clock->NowCoarse(), &value, &info)) {
    return absl::nullopt;
  }
  return value;
}

bool StaleShelf::Maintain(int steps) { return tier() != nullptr && tier()->Maintain(options_.clock->Now(), steps); }

uint64_t StaleShelf::bytes() const { return tier() == nullptr ? 0 : tier()->GetStats().bytes; }

uint64_t StaleShelf::capacity_bytes() const { return tier() == nullptr ? 0 : tier()->GetStats().capacity_bytes; }

}  // namespace nearcache::internal::conductor
