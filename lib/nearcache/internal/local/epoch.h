// When may memory be freed that readers without a lock could still look at? Epoch-based reclamation, after K. Fraser,
// "Practical lock-freedom" (2004), in the form in which a free waits for the oldest reader and not for all of them.
//
// A reader announces the current epoch in its thread's slot (base/thread_slot.h) for the length of an EpochSection. A
// writer unlinks a block, then tags it with CurrentEpoch(). AdvanceEpoch() moves the epoch on and looks at all slots;
// what is tagged below the epoch of every announced reader can be reached by nobody any more and may be freed.
//
// Why that is sound. These are sequentially consistent and so have one order: the reader's announcement A, its load L
// of a pointer, the writer's unlinking U and its tag T, the advance F and its look C at the reader's slot. If C sees
// the announcement, the block waits, or the reader announced an epoch above T's, so it loaded that epoch after T, thus
// after U, and L cannot give the block. If C comes before A, then U < T < F < C < A < L, and again L cannot give the
// block. If C sees that the reader has left, its release store orders all that it read before the free. Every pointer
// that leads a reader to reclaimed memory is therefore stored and loaded with memory_order_seq_cst: on x86 the loads
// cost nothing, and the announcement is the one locked instruction of a hit, 6 to 8 ns.
//
// A reader that stays inside keeps everything alive that is retired after it entered: a section must not block. Writers
// never wait for readers; who retires memory bounds it (budget.h).
//
// One process-wide epoch serves all caches. Thread-safe.

#ifndef NEARCACHE_INTERNAL_LOCAL_EPOCH_H_
#define NEARCACHE_INTERNAL_LOCAL_EPOCH_H_

#include <atomic>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "nearcache/internal/base/thread_slot.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {

namespace epoch_internal {

struct alignas(64) EpochWord {
  std::atomic<uint64_t> value{1};
};

inline EpochWord current;
inline EpochWord safe;

}  // namespace epoch_internal

// While one lives on a thread, nothing that this thread reaches through atomic pointers is freed. Sections may be
// nested; the outermost counts. Not copyable or movable: it belongs to the thread and the scope.
class EpochSection {
 public:
  EpochSection() : EpochSection(ThisThreadSlot()) {}
  // REQUIRES: `slot` is the calling thread's.
  ABSL_ATTRIBUTE_ALWAYS_INLINE explicit EpochSection(ThreadSlot& slot)
      : slot_(slot), before_(slot.epoch.load(std::memory_order_relaxed)) {
    if (ABSL_PREDICT_FALSE(before_ != 0)) return;
    const uint64_t epoch = epoch_internal::current.value.load(std::memory_order_seq_cst);
    SwitchPoint(Switch::kLook);
    slot_.epoch.store(epoch, std::memory_order_seq_cst);
  }
  // What an outer section announced stays announced.
  ABSL_ATTRIBUTE_ALWAYS_INLINE ~EpochSection() { slot_.epoch.store(before_, std::memory_order_release); }
  EpochSection(const EpochSection&) = delete;
  EpochSection& operator=(const EpochSection&) = delete;

 private:
  ThreadSlot& slot_;
  const uint64_t before_;  // 0: this is the outermost.
};

// The tag for what was just unlinked.
inline uint64_t CurrentEpoch() { return epoch_internal::current.value.load(std::memory_order_seq_cst); }

// What is tagged below this may be freed. Rises when somebody calls AdvanceEpoch.
inline uint64_t SafeEpoch() { return epoch_internal::safe.value.load(std::memory_order_acquire); }

// Moves the epoch on and returns the new SafeEpoch(). One load per thread slot.
uint64_t AdvanceEpoch();

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_EPOCH_H_
