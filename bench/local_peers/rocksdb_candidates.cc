// RocksDB's block cache: the LRU in 64 shards, and the lock-free clock with a table that grows (AutoHyperClockCache).

#include <rocksdb/advanced_cache.h>
#include <rocksdb/cache.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/local_peers/candidate_of.h"
#include "bench/local_peers/registry.h"
#include "xxhash.h"

namespace nearcache::local_peers {
namespace {

constexpr size_t kEverything = size_t{16} << 30;

using RocksCache = rocksdb::Cache;

constexpr int kShardBits = 6;

void DeleteString(RocksCache::ObjectPtr object, rocksdb::MemoryAllocator* /*allocator*/) {
  delete static_cast<std::string*>(object);
}

const RocksCache::CacheItemHelper& Helper() {
  static const auto* const helper = new RocksCache::CacheItemHelper(rocksdb::CacheEntryRole::kDataBlock, &DeleteString);
  return *helper;
}

size_t CapacityFor(const Room& room) {
  if (room.bytes > 0) return room.bytes;
  if (room.entries == 0) return kEverything;
  return static_cast<size_t>(room.corpus->MeanPayload() * room.entries);
}

// Metadata counts only where the whole is to be kept and what it says it holds is compared with what it does hold.
rocksdb::CacheMetadataChargePolicy ChargePolicy(const Room& room) {
  return room.entries > 0 || room.bytes > 0 ? rocksdb::kDontChargeCacheMetadata : rocksdb::kFullChargeCacheMetadata;
}

std::shared_ptr<RocksCache> MakeLru(const Room& room) {
  rocksdb::LRUCacheOptions options;
  options.capacity = CapacityFor(room);
  options.num_shard_bits = kShardBits;
  options.metadata_charge_policy = ChargePolicy(room);
  return options.MakeSharedCache();
}

// Entry charge 0 asks for the automatic variant; it keeps its own number of shards.
std::shared_ptr<RocksCache> MakeClock(const Room& room) {
  rocksdb::HyperClockCacheOptions options(CapacityFor(room), /*_estimated_entry_charge=*/0);
  // It sizes its table for entries of at least this size, 450 bytes if nobody says otherwise.
  options.min_avg_entry_charge = static_cast<size_t>(room.corpus->MeanPayload() / 2) + 1;
  options.metadata_charge_policy = ChargePolicy(room);
  return options.MakeSharedCache();
}

class LruStore : public StoreBase {
 public:
  explicit LruStore(const Room& room) : cache_(MakeLru(room)) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    RocksCache::Handle* const handle = cache_->Lookup({key.data(), key.size()});
    if (handle == nullptr) return false;
    reader->Take<form>(*static_cast<const std::string*>(cache_->Value(handle)));
    cache_->Release(handle);
    return true;
  }

  void Set(absl::string_view key, absl::string_view value) {
    auto* const object = new std::string(value);
    const size_t charge = key.size() + value.size();
    if (!cache_->Insert({key.data(), key.size()}, object, &Helper(), charge).ok()) delete object;
  }

  size_t AccountedBytes() { return cache_->GetUsage(); }
  size_t Entries() { return cache_->GetOccupancyCount(); }

  bool Clear() {
    cache_->EraseUnRefEntries();
    return true;
  }

  bool ShrinkToHalf() {
    cache_->SetCapacity(cache_->GetUsage() / 2);
    return true;
  }

 private:
  const std::shared_ptr<RocksCache> cache_;
};

// The clock cache takes keys of exactly 16 bytes, meant to be made unique by RocksDB. Here they are hashes, so the
// object begins with the whole key, which a look-up compares. It also keeps an old entry beside a new one of the same
// key, so the old one is erased first.
class ClockStore : public StoreBase {
 public:
  explicit ClockStore(const Room& room) : cache_(MakeClock(room)) {}

  template <Form form>
  bool Get(absl::string_view key, Reader* reader) {
    const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
    RocksCache::Handle* const handle = cache_->Lookup(SliceOf(hash));
    if (handle == nullptr) return false;
    const absl::string_view object = *static_cast<const std::string*>(cache_->Value(handle));
    const bool same = object.substr(0, key.size()) == key;
    if (same) reader->Take<form>(object.substr(key.size()));
    cache_->Release(handle);
    return same;
  }

  void Set(absl::string_view key, absl::string_view value) {
    const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
    auto* const object = new std::string(absl::StrCat(key, value));
    cache_->Erase(SliceOf(hash));
    if (!cache_->Insert(SliceOf(hash), object, &Helper(), object->size()).ok()) delete object;
  }

  size_t AccountedBytes() { return cache_->GetUsage(); }

 private:
  static rocksdb::Slice SliceOf(const XXH128_hash_t& hash) {
    static_assert(sizeof(hash) == 16, "the size of a key of the clock cache");
    return {reinterpret_cast<const char*>(&hash), sizeof(hash)};
  }

  const std::shared_ptr<RocksCache> cache_;
};

template <typename Store>
std::unique_ptr<Candidate> Make(const Room& room) {
  return std::make_unique<CandidateOf<Store>>(room);
}

const bool kLruRegistered = Register({kRocksLru, &Make<LruStore>});
Entrant Clock() {
  Entrant entrant{kRocksClock, &Make<ClockStore>};
  entrant.sets_one_key_at_once = false;
  return entrant;
}

const bool kClockRegistered = Register(Clock());

}  // namespace
}  // namespace nearcache::local_peers
