// The allocator of entries and tables: what it costs is known to the byte, what is freed by one thread serves the
// others, and it lies on huge pages.
//
//   up to 4 KiB   blocks of one size in spans of 32 KiB, steps of 16 bytes, wider above 700
//   up to 1 MiB   runs of 512-byte units in chunks of 2 MiB (chunk_pool.h)
//   above         a mapping of its own
//
// Why not malloc: it keeps what a thread frees for that thread, so that after a churn of several threads a cache holds
// half as much again as it counts; it cannot be asked what it really holds; and it puts entries on small pages, where
// one miss of the processor's caches costs 330 ns instead of 230. lib/DESIGN.md has the figures.
//
// Blocks are freed with the size that they were allocated with, so they have no header of the allocator's. Spans belong
// to a shard, threads are dealt to shards; a shard that runs out takes over a span with free blocks from another one
// before it asks for a new one, so nothing is stranded. A span without a block in use goes back to its chunk, an empty
// chunk to the system.
//
// One heap serves all caches of the process and is never destroyed: a Value may outlive its cache. Under
// AddressSanitizer each block comes from operator new, so that a use after its end is seen. A fork() waits for a moment
// in which no mutex of the heap is held, so that the child can free what it inherits.
//
// Thread-safe. Allocate and Free take one uncontended mutex each, about 25 ns.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_HEAP_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_HEAP_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/local/chunk_pool.h"

namespace nearcache::internal::local {

class EntryHeap {
 public:
  static constexpr size_t kSmallBytesMax = 4096;

  // The heap of the process; never destroyed.
  static EntryHeap& Process();

  // For tests and benchmarks.
  EntryHeap();
  // REQUIRES: all blocks were freed.
  ~EntryHeap();
  EntryHeap(const EntryHeap&) = delete;
  EntryHeap& operator=(const EntryHeap&) = delete;

  // Uninitialized, aligned to 16 bytes; nullptr if there is no memory.
  void* Allocate(size_t bytes);
  // `bytes` as they were given to Allocate.
  void Free(void* block, size_t bytes);
  // What a block of `bytes` takes of the memory of the process, its share of the span's rest included.
  static size_t Charge(size_t bytes) {
    return bytes <= kSmallBytesMax ? kSteps.charge[StepsOf(bytes)] : ChunkPool::RunBytes(bytes);
  }

  // The same for blocks of whole cache lines, aligned to one. REQUIRES: `bytes` is a multiple of 64.
  void* AllocateLines(size_t bytes);
  void FreeLines(void* block, size_t bytes);
  static size_t ChargeOfLines(size_t bytes) {
    return bytes <= kSmallLinesMax ? Charge(bytes) : ChunkPool::RunBytes(bytes);
  }

  // Taken from the system; and what of it is taken by spans and large blocks. The rest serves whatever comes next.
  size_t mapped_bytes() const { return pool_.mapped_bytes(); }
  size_t held_bytes() const { return pool_.held_bytes(); }

  // Around fork(), in this order.
  void LockForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void UnlockAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // For tests: the n-th Allocate from now fails, n >= 1, and it alone; 0 ends it.
  void FailAllocation(int64_t n) { fail_in_.store(n, std::memory_order_relaxed); }

 private:
  static constexpr size_t kShardsMax = 16;
  static constexpr size_t kClasses = 128;
  // Sizes are looked up in steps of this.
  static constexpr size_t kStepBytes = 16;
  // Blocks of lines up to here are aligned because their size is; larger ones are runs.
  static constexpr size_t kSmallLinesMax = 704;

  // By the number of steps: the class, and what a block of it takes.
  struct Steps {
    std::array<uint8_t, kSmallBytesMax / kStepBytes + 1> size_class;
    std::array<uint16_t, kSmallBytesMax / kStepBytes + 1> charge;
  };
  static const Steps kSteps;
  // Spans without a block that wait for one instead of going back.
  static constexpr int kKeptSpansMax = 2;

  // The spans of one size and shard that have a free block.
  struct alignas(64) SpanList {
    absl::Mutex mutex;
    Span* first ABSL_GUARDED_BY(mutex) = nullptr;
    Span* last ABSL_GUARDED_BY(mutex) = nullptr;
    // As `first`: whether it is worth asking.
    std::atomic<bool> has_spans{false};
  };
  using Shard = std::array<SpanList, kClasses>;

  static size_t StepsOf(size_t bytes) { return (bytes + kStepBytes - 1) / kStepBytes; }
  static constexpr Steps MakeSteps();

  size_t OwnShard() const;
  SpanList& ListOf(size_t shard, size_t size_class) { return shards_[shard][size_class]; }
  void* TakeBlock(SpanList* list, size_t size_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(list->mutex);
  bool TakeOverSpan(SpanList* to, size_t shard, size_t size_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(to->mutex);
  void* AllocateSmall(size_t size_class);
  void FreeSmall(void* block);
  static void PushFront(SpanList* list, Span* span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(list->mutex);
  static void Remove(SpanList* list, Span* span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(list->mutex);
  bool FailsNow();

  ChunkPool pool_;
  const size_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<int> kept_spans_{0};
  std::atomic<int64_t> fail_in_{0};
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_HEAP_H_
