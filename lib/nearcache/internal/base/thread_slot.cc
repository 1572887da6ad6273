#include "nearcache/internal/base/thread_slot.h"

#include <pthread.h>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nearcache::internal::thread_slot_internal {

std::atomic<ThreadSlot*> all_slots{nullptr};
std::atomic<size_t> slot_count{0};

namespace {

ABSL_CONST_INIT absl::Mutex registry_mutex(absl::kConstInit);
ThreadSlot* free_slots ABSL_GUARDED_BY(registry_mutex) = nullptr;

void Release(void* slot_pointer) {
  auto* const slot = static_cast<ThreadSlot*>(slot_pointer);
  this_thread_slot = nullptr;
  absl::MutexLock lock(&registry_mutex);
  slot->next_free = free_slots;
  free_slots = slot;
}

// A key of pthread and not a thread_local object: its destructor runs after those of all
// thread_local objects, and once more if one of the other keys' destructors made the thread read a
// cache again.
pthread_key_t ReleaseKey() {
  static const pthread_key_t key = [] {
    pthread_key_t created = 0;
    pthread_key_create(&created, Release);
    return created;
  }();
  return key;
}

ThreadSlot* TakeFreeSlot() {
  absl::MutexLock lock(&registry_mutex);
  ThreadSlot* const slot = free_slots;
  if (slot != nullptr) free_slots = slot->next_free;
  return slot;
}

ThreadSlot* AddSlot() {
  auto* const slot = new ThreadSlot;
  absl::MutexLock lock(&registry_mutex);
  slot->index = static_cast<uint32_t>(slot_count.load(std::memory_order_relaxed));
  slot->next = all_slots.load(std::memory_order_relaxed);
  slot_count.store(slot->index + size_t{1}, std::memory_order_relaxed);
  all_slots.store(slot, std::memory_order_seq_cst);
  return slot;
}

}  // namespace

ThreadSlot& Acquire() {
  ThreadSlot* slot = TakeFreeSlot();
  if (slot == nullptr) slot = AddSlot();
  this_thread_slot = slot;
  pthread_setspecific(ReleaseKey(), slot);
  return *slot;
}

}  // namespace nearcache::internal::thread_slot_internal
