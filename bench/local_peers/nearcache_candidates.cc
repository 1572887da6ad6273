// Ours: the local tier as the library uses it, with lifetime, lease and statistics, and the public interface in front
// of it, in a cache without a remote tier.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "bench/local_peers/candidate_of.h"
#include "bench/local_peers/registry.h"
#include "nearcache/cache.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/options.h"
#include "nearcache/value.h"

namespace nearcache::local_peers {
namespace {

using internal::Clock;
using internal::HashedKey;
using internal::HashKey;
using internal::MonotonicNanos;
using internal::OperationId;
using internal::local::EntryInfo;
using internal::local::LocalTier;
using internal::local::LocalTierOptions;

constexpr size_t kEverything = size_t{16} << 30;
// The least that Options take.
constexpr size_t kCapacityMin = size_t{1} << 20;
constexpr int kMaintenanceSteps = 64;
constexpr MonotonicNanos kHour = 3'600'000'000'000;

std::unique_ptr<LocalTier> MakeTier(size_t capacity_bytes) {
  LocalTierOptions options;
  options.capacity_bytes = capacity_bytes;
  // As short as a cache with a remote tier has it: nearly every hit is one that the lease covers.
  options.staleness_bound = absl::Milliseconds(500);
  return LocalTier::Create(options);
}

OperationId NextId() {
  thread_local uint64_t number = 0;
  return {1, ++number};
}

// Through the layer that all reads of the library end in.
class TierStore : public StoreBase {
 public:
  explicit TierStore(const Room& room) : tier_(MakeTier(CapacityFor(room))), seed_(tier_->hash_seed()) { Tend(); }

  // The bytes that the tier itself counts when it holds that many entries.
  static size_t CapacityFor(const Room& room) {
    if (room.bytes > 0) return room.bytes;
    if (room.entries == 0) return kEverything;
    TierStore probe(Room{room.corpus, room.key_count, 0, 0});
    char buffer[bench::Corpus::kKeyBytesLimit];
    for (uint32_t number = 0; number < room.entries; ++number) {
      probe.Set(room.corpus->Key(number, buffer), room.corpus->Value(number));
    }
    return probe.AccountedBytes();
  }

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    // The hash first, as in the library.
    const HashedKey hashed = HashKey(key, seed_);
    const MonotonicNanos now = clock_.NowCoarse();
    if (form == Form::kVisit) {
      return tier_->Read(hashed, now, [reader](absl::string_view value) { reader->Visit(value); });
    }
    if (form == Form::kCopy) {
      if (!tier_->GetCopy(hashed, now, reader->copy())) return false;
      reader->VisitCopy();
      return true;
    }
    Value value;
    EntryInfo info;
    if (!tier_->Get(hashed, now, &value, &info)) return false;
    reader->Visit(value.view());
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) {
    const MonotonicNanos now = clock_.NowCoarse();
    tier_->Put(HashKey(key, seed_), value, NextId(), now, now + kHour);
  }

  // What the library's own threads do beside the reads: leases are renewed, tables that grew get all of their entries.
  void Tend() {
    const MonotonicNanos deadline = clock_.Now() + kHour;
    if (!open_) tier_->lane(0).Open(deadline);
    open_ = true;
    tier_->lane(0).Renew(deadline);
    while (Work()) {
    }
  }

  size_t AccountedBytes() { return tier_->GetStats().bytes; }
  size_t Entries() { return tier_->GetStats().entries; }

  bool SetUntil(absl::string_view key, absl::string_view value, int64_t deadline) {
    return tier_->Put(HashKey(key, seed_), value, NextId(), clock_.NowCoarse(), deadline);
  }

  bool Clear() {
    tier_->Clear();
    return true;
  }

  bool ShrinkToHalf() {
    tier_->SetCapacity(AccountedBytes() / 2);
    return true;
  }

  // As the library's own thread does it.
  bool Work() { return tier_->Maintain(clock_.Now(), kMaintenanceSteps); }

 private:
  const std::unique_ptr<LocalTier> tier_;
  const uint64_t seed_;
  const Clock& clock_ = *Clock::Real();
  bool open_ = false;
};

// Through the public interface.
class CacheStore : public StoreBase {
 public:
  explicit CacheStore(const Room& room) {
    Options options;
    options.local.capacity_bytes = std::max(TierStore::CapacityFor(room), kCapacityMin);
    options.local.entry_bytes_max =
        std::min(options.local.entry_bytes_max, options.local.capacity_bytes / LocalOptions::kEntriesMin);
    absl::StatusOr<std::unique_ptr<Cache>> cache = Cache::Open(options);
    if (!cache.ok()) {
      std::fprintf(stderr, "%s\n", cache.status().ToString().c_str());
      std::abort();
    }
    cache_ = *std::move(cache);
    write_.time_to_live = absl::Hours(1);
  }

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    if (form == Form::kVisit) {
      return cache_->Read(key, [reader](absl::string_view value) { reader->Visit(value); });
    }
    if (form == Form::kCopy) {
      if (!cache_->Get(key, reader->copy()).ok()) return false;
      reader->VisitCopy();
      return true;
    }
    const absl::StatusOr<Value> value = cache_->Get(key);
    if (!value.ok()) return false;
    reader->Visit(value->view());
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) { cache_->Set(key, value, write_).IgnoreError(); }

  size_t AccountedBytes() { return cache_->GetStats().local_bytes; }

 private:
  std::unique_ptr<Cache> cache_;
  WriteOptions write_;
};

// What a hit cannot do without, measured alone in the same loop: hash, a free lock, the clock.
class PartsStore : public StoreBase {
 public:
  explicit PartsStore(const Room& /*room*/) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    const uint64_t hash = HashKey(key, 1).hash;
    const MonotonicNanos now = clock_.NowCoarse();
    absl::MutexLock lock(&mutex_);
    reader->Add(hash ^ static_cast<uint64_t>(now));
    return true;
  }

  void Set(absl::string_view /*key*/, absl::string_view /*value*/) {}

 private:
  const Clock& clock_ = *Clock::Real();
  absl::Mutex mutex_;
};

template <typename Store>
std::unique_ptr<Candidate> Make(const Room& room) {
  return std::make_unique<CandidateOf<Store>>(room);
}

const bool kTierRegistered = Register({kTier, &Make<TierStore>});
const bool kCacheRegistered = Register({kCache, &Make<CacheStore>});

Entrant Parts() {
  Entrant entrant{kParts, &Make<PartsStore>};
  entrant.parts = true;
  return entrant;
}

const bool kPartsRegistered = Register(Parts());

}  // namespace
}  // namespace nearcache::local_peers
