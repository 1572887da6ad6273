#include "nearcache/internal/base/wake_batch.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <limits>

namespace nearcache::internal {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// The kernel's interface is a plain word, which std::atomic<uint32_t> is.
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "a futex is a word of four bytes");

struct alignas(64) Group {
  std::atomic<uint32_t> ticket{0};
};

Group groups[kWakeGroups];
std::atomic<uint32_t> next_slot{0};
thread_local WakeBatch* this_batch = nullptr;

uint32_t BitOf(uint32_t slot) { return uint32_t{1} << (slot % kSlotsPerGroup); }

void WakeGroup(Group* group, uint32_t bits) {
  group->ticket.fetch_add(1, std::memory_order_acq_rel);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&group->ticket), FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG,
          std::numeric_limits<int>::max(), nullptr, nullptr, bits);
}

}  // namespace

uint32_t SlotOfThisThread() {
  thread_local const uint32_t slot = next_slot.fetch_add(1, std::memory_order_relaxed) % kSlots;
  return slot;
}

uint32_t TicketOf(uint32_t slot) { return groups[slot / kSlotsPerGroup].ticket.load(std::memory_order_acquire); }

void SleepInSlot(uint32_t slot, uint32_t ticket, MonotonicNanos deadline) {
  timespec until;
  until.tv_sec = static_cast<time_t>(deadline / kNanosPerSecond);
  until.tv_nsec = static_cast<long>(deadline % kNanosPerSecond);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&groups[slot / kSlotsPerGroup].ticket),
          FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, ticket, deadline == kNever ? nullptr : &until, nullptr, BitOf(slot));
}

void WakeSlot(uint32_t slot) {
  const uint32_t group = slot / kSlotsPerGroup;
  if (this_batch == nullptr) return WakeGroup(&groups[group], BitOf(slot));
  this_batch->groups_ |= uint64_t{1} << group;
  this_batch->slots_[group] |= BitOf(slot);
}

WakeBatch::WakeBatch() {
  assert(this_batch == nullptr);
  this_batch = this;
}

WakeBatch::~WakeBatch() {
  Flush();
  this_batch = nullptr;
}

void WakeBatch::Flush() {
  while (groups_ != 0) {
    const auto group = static_cast<uint32_t>(__builtin_ctzll(groups_));
    groups_ &= groups_ - 1;
    WakeGroup(&groups[group], slots_[group]);
    slots_[group] = 0;
  }
}

}  // namespace nearcache::internal
