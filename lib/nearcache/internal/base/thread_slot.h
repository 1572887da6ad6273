// One line of memory per thread, with a small number: what lock-free readers announce themselves on
// (local/epoch.h) and what counters are striped by (counter_block.h).
//
// A thread gets its slot at its first use and gives it back when it ends; the next new thread takes
// it over. There are therefore as many slots as threads that ever lived at the same time, and they
// are never freed.
//
// ThisThreadSlot() costs one load of a thread-local pointer; the first call of a thread takes a
// mutex.

#ifndef NEARCACHE_INTERNAL_BASE_THREAD_SLOT_H_
#define NEARCACHE_INTERNAL_BASE_THREAD_SLOT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"

namespace nearcache::internal {

struct alignas(64) ThreadSlot {
  // The epoch that the thread entered its read section in, 0 outside of one. Written by the owner
  // alone.
  std::atomic<uint64_t> epoch{0};

  // 0, 1, 2...: dense among the threads that live. Constant.
  uint32_t index = 0;

  // Constant once the slot can be reached: slots form a list that only grows.
  ThreadSlot* next = nullptr;

  // Guarded by the registry's mutex.
  ThreadSlot* next_free = nullptr;
};

namespace thread_slot_internal {

extern std::atomic<ThreadSlot*> all_slots;
extern std::atomic<size_t> slot_count;
inline thread_local ThreadSlot* this_thread_slot = nullptr;

ThreadSlot& Acquire();

}  // namespace thread_slot_internal

// The calling thread's slot. Valid until the thread ends.
inline ThreadSlot& ThisThreadSlot() {
  ThreadSlot* const slot = thread_slot_internal::this_thread_slot;
  return ABSL_PREDICT_TRUE(slot != nullptr) ? *slot : thread_slot_internal::Acquire();
}

// How many slots exist; grows only.
inline size_t ThreadSlotCount() { return thread_slot_internal::slot_count.load(std::memory_order_relaxed); }

// The newest slot; follow `next` for the others. A slot that is added later belongs to a thread
// that has not read anything yet.
inline const ThreadSlot* FirstThreadSlot() { return thread_slot_internal::all_slots.load(std::memory_order_seq_cst); }

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_THREAD_SLOT_H_
