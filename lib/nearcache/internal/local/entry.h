// One cached value: header, key and bytes in one allocation, immutable once it is published.
//
//   | Entry: counts, sizes, facts, links | key | value |
//
// What changes after publication is the reference count, what readers tell the policy (entry_use.h), and the
// links, which belong to the mutex of the stripe. Everything else may be read without a lock inside an EpochSection.
//
// References: the table holds one; it is dropped when the entry was unlinked and no reader can reach it any more. Each
// Value that was given out holds another, so the block outlives the tier if it must.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/base/ref_counted.h"
#include "nearcache/internal/local/entry_use.h"
#include "nearcache/internal/local/lane_lease.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/removal.h"

namespace nearcache::internal::local {

// Counts the Clears of a tier: what was begun in an earlier era is gone.
using Era = uint32_t;

// Under which circumstances a value came here; decides how long it may be served.
struct Provenance {
  EntryInfo info;
  Generation generation = kNoGeneration;
  Era era = 0;
  uint16_t lane = 0;
};

struct Entry final : RefCounted {
  // The part of the hash that chooses the bucket, kept so that tables can be rebuilt without reading keys.
  const uint32_t hash;
  const uint32_t key_size;
  const uint32_t value_size;
  const Era era;
  EntryUse use;
  const uint16_t lane;
  const Generation generation;
  const MonotonicNanos fetched_at;
  const MonotonicNanos expires_at;
  const OperationId id;
  // While resident: neighbours in the stripe's queue. Once unlinked: the next retired entry; epoch and cause.
  union {
    Entry* newer = nullptr;
    Entry* next_retired;
  };
  union {
    Entry* older = nullptr;
    uint64_t retired_mark;
  };

  // When and why it was unlinked. REQUIRES: it is out of the policy's lists.
  void MarkRetired(uint64_t epoch, RemovalCause cause) {
    retired_mark = epoch << kCauseBits | static_cast<uint64_t>(cause);
  }
  uint64_t retired_epoch() const { return retired_mark >> kCauseBits; }
  RemovalCause removal_cause() const { return static_cast<RemovalCause>(retired_mark & ((1 << kCauseBits) - 1)); }

  // Bytes to allocate for an entry of such a key and value, without the allocator's rounding.
  static size_t BlockSize(size_t key_size, size_t value_size) { return sizeof(Entry) + key_size + value_size; }

  // Copies key and value. Nullptr if there is no memory. The caller owns the one reference.
  //
  // REQUIRES: key and value are each shorter than 4 GiB.
  static Entry* Make(const HashedKey& key, absl::string_view value, const Provenance& provenance);

  absl::string_view key() const { return {bytes(), key_size}; }
  absl::string_view value() const { return {bytes() + key_size, value_size}; }
  EntryInfo info() const { return {id, fetched_at, expires_at}; }

  // What it costs in memory, as the budget counts it.
  size_t AllocatedSize() const;

 private:
  static constexpr int kCauseBits = 3;

  Entry(const HashedKey& hashed_key, absl::string_view value, const Provenance& provenance);
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
};

static_assert(sizeof(Entry) == 88, "the header is paid once per entry: grow it knowingly");

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_H_
