// One cached value: header, key and bytes in one allocation, immutable once it is published.
//
//   | count, links, id | era, generation, hash, sizes, deadline, use | key | value |
//     32 bytes           32 bytes
//
// What a hit looks at lies in the second half of the header, beside the key. To save room the id is kept as a tag,
// times in steps, and the function that frees the block as a number (ref_counted.h).
//
// What changes after publication is the reference count, what readers tell the policy (entry_use.h), the generation
// when the entry is doubted, and the links, which belong to the mutex of the stripe. Everything else may be read
// without a lock inside an EpochSection.
//
// References: the table holds one; it is dropped when the entry was unlinked and no reader can reach it any more. Each
// Value that was given out holds another, so the block outlives the tier if it must.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/base/ref_counted.h"
#include "nearcache/internal/local/entry_heap.h"
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

// Times as an entry keeps them: whole steps, rounded down, so that an entry seems older than it is and ends early,
// never the other way round. What does not fit counts as the nearer end.
struct FetchTime {
  static constexpr int64_t kStepNanos = kFetchStepNanos;
  static constexpr uint64_t kStepsMax = (uint64_t{1} << 40) - 1;  // 34 years from the start of the machine.

  static constexpr uint64_t StepsOf(MonotonicNanos time) {
    return time <= 0 ? 0 : std::min(static_cast<uint64_t>(time) / kStepNanos, kStepsMax);
  }
  // What is left of `time`.
  static constexpr MonotonicNanos Round(MonotonicNanos time) {
    return static_cast<MonotonicNanos>(StepsOf(time)) * kStepNanos;
  }
};

struct Deadline {
  static constexpr int64_t kStepNanos = 1'000;
  // Of the last microsecond of the 292 years that a clock can show: to a hit it is a time like all others.
  static constexpr uint64_t kNeverSteps = static_cast<uint64_t>(kNever / kStepNanos);

  static constexpr uint64_t StepsOf(MonotonicNanos time) {
    if (time == kNever) return kNeverSteps;
    return time <= 0 ? 0 : std::min(static_cast<uint64_t>(time) / kStepNanos, kNeverSteps - 1);
  }
  static constexpr MonotonicNanos TimeOf(uint64_t steps) {
    return steps == kNeverSteps ? kNever : static_cast<MonotonicNanos>(steps) * kStepNanos;
  }
  static constexpr bool IsBefore(MonotonicNanos time, uint64_t steps) {
    return time < static_cast<MonotonicNanos>(steps) * kStepNanos;
  }
};

struct Entry final : RefCounted {
  // Beside the count and kind of RefCounted, in its padding; see fetched_at().
  const uint8_t fetch_steps_low;
  const uint16_t fetch_steps_middle;

  // While resident: neighbours in the stripe's queue. Once unlinked: the next retired entry; epoch and cause.
  union {
    Entry* newer = nullptr;
    Entry* next_retired;
  };
  union {
    Entry* older = nullptr;
    uint64_t retired_mark;
  };
  const OperationTag id;

  // From here on: what a hit looks at.
  const Era era;
  // Under whose lease it may be served. Taken away, under the mutex of the stripe, when the entry is doubted: then it
  // is served only as long as it is fresh in itself.
  std::atomic<Generation> generation;
  // The part of the hash that chooses the bucket, kept so that tables can be rebuilt without reading keys.
  const uint32_t hash;
  const uint32_t value_size;
  const uint64_t fetch_steps_high : 8;
  const uint64_t deadline_steps : 56;
  const uint32_t fetch_steps_highest : 8;
  const uint32_t stored_key_size : 24;
  EntryUse use;
  const uint16_t lane;

  static constexpr size_t kKeySizeMax = (size_t{1} << 24) - 1;
  static constexpr size_t kValueSizeMax = ~uint32_t{0};

  // When and why it was unlinked. REQUIRES: it is out of the policy's lists.
  void MarkRetired(uint64_t epoch, RemovalCause cause) {
    retired_mark = epoch << kCauseBits | static_cast<uint64_t>(cause);
  }
  uint64_t retired_epoch() const { return retired_mark >> kCauseBits; }
  RemovalCause removal_cause() const { return static_cast<RemovalCause>(retired_mark & ((1 << kCauseBits) - 1)); }

  // Bytes to allocate for an entry of such a key and value, without the heap's rounding.
  static size_t BlockSize(size_t key_size, size_t value_size) { return sizeof(Entry) + key_size + value_size; }

  // Copies key and value. Nullptr if there is no memory. The caller owns the one reference.
  //
  // REQUIRES: key and value are at most kKeySizeMax and kValueSizeMax bytes long.
  static Entry* Make(const HashedKey& key, absl::string_view value, const Provenance& provenance);

  // Starts loading the part of the header that a search needs. Any pointer will do.
  static void PrefetchHotHalf(const Entry* entry) {
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(entry) + kColdBytes));
  }

  // The same of the whole header, to be written, and of where the key begins.
  static void PrefetchToHold(const Entry* entry) {
    __builtin_prefetch(entry, /*rw=*/1);
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(entry) + 64));
  }

  size_t key_size() const { return stored_key_size; }
  absl::string_view key() const { return {bytes(), key_size()}; }
  absl::string_view value() const { return {bytes() + key_size(), value_size}; }
  MonotonicNanos expires_at() const { return Deadline::TimeOf(deadline_steps); }
  MonotonicNanos fetched_at() const {
    const uint64_t steps = uint64_t{fetch_steps_highest} << 32 | uint64_t{fetch_steps_high} << 24 |
                           uint64_t{fetch_steps_middle} << 8 | fetch_steps_low;
    return static_cast<MonotonicNanos>(steps) * FetchTime::kStepNanos;
  }
  EntryInfo info() const { return {id, fetched_at(), expires_at()}; }

  // What it costs in memory, as the budget counts it.
  size_t AllocatedSize() const { return EntryHeap::Charge(BlockSize(key_size(), value_size)); }

 private:
  static constexpr int kCauseBits = 3;
  static constexpr size_t kColdBytes = 32;

  Entry(const HashedKey& hashed_key, absl::string_view value, const Provenance& provenance);
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
};

static_assert(sizeof(Entry) == 64, "the header is paid once per entry: grow it knowingly");

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_H_
