// When the last announcements of this process were made, by lane id: so that their arrival on the channel shows how
// long a message takes, and their acknowledgement whether they belong to this generation. A ring without locks: an
// entry that is overwritten before it is looked for, or while it is read, is not found; that takes a thousand
// announcements, groups of changes each, under way together. 24 KiB.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_COHERENCE_ANNOUNCEMENT_LOG_H_
#define NEARCACHE_INTERNAL_COHERENCE_ANNOUNCEMENT_LOG_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::coherence {

class AnnouncementLog {
 public:
  void Note(OperationId lane_id, MonotonicNanos now) {
    Slot& slot = slots_[SlotOf(lane_id)];
    slot.nonce.store(0, std::memory_order_relaxed);
    slot.counter.store(lane_id.counter, std::memory_order_release);
    slot.at.store(now, std::memory_order_release);
    slot.nonce.store(lane_id.nonce, std::memory_order_release);
  }

  // Nullopt if it is not one of the last own ones.
  absl::optional<MonotonicNanos> Find(OperationId lane_id) const {
    const Slot& slot = slots_[SlotOf(lane_id)];
    if (slot.nonce.load(std::memory_order_acquire) != lane_id.nonce) return absl::nullopt;
    const MonotonicNanos at = slot.at.load(std::memory_order_acquire);
    if (slot.counter.load(std::memory_order_acquire) != lane_id.counter) return absl::nullopt;
    return at;
  }

 private:
  static constexpr size_t kSlots = 1024;

  // Lane ids of one process have two nonces: of changes and of groups.
  static size_t SlotOf(OperationId lane_id) { return (lane_id.nonce + lane_id.counter) % kSlots; }

  struct Slot {
    std::atomic<uint64_t> nonce{0};
    std::atomic<uint64_t> counter{0};
    std::atomic<MonotonicNanos> at{0};
  };
  std::array<Slot, kSlots> slots_;
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_ANNOUNCEMENT_LOG_H_
