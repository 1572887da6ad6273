// Memory from the system in chunks of 2 MiB, on huge pages where the system gives them, cut into runs of 512-byte
// units.
//
// A chunk is mapped on a boundary of its size, so that one huge page can hold it; the kernel zeroes it when it is first
// touched, and nothing here writes into it: which units are taken stands in a Chunk beside it. A chunk without a run in
// it goes back to the system, but for a few. What is larger than a chunk gets a mapping of its own.
//
// Spans come from the first chunk that has one, so that the last chunks run empty. Runs are found by next fit: the
// search begins in the chunk in which the last one ended. A bound on the longest free run of each chunk spares most
// looks.
//
// Thread-safe; one mutex, under which nothing is mapped or touched. Callers take whole spans of small blocks or single
// large blocks from it (entry_heap.h), so it is seldom asked.

#ifndef NEARCACHE_INTERNAL_LOCAL_CHUNK_POOL_H_
#define NEARCACHE_INTERNAL_LOCAL_CHUNK_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nearcache::internal::local {

constexpr size_t kChunkBytes = size_t{2} << 20;
constexpr size_t kUnitBytes = 512;
constexpr size_t kUnitsPerChunk = kChunkBytes / kUnitBytes;
// The unit of small blocks: one word of the map of units, aligned.
constexpr size_t kSpanBytes = 64 * kUnitBytes;
constexpr size_t kSpansPerChunk = kChunkBytes / kSpanBytes;
// What is larger has a mapping of its own.
constexpr size_t kRunBytesMax = kChunkBytes;

// What EntryHeap knows of one span that it holds; guarded by the mutex that it names (entry_heap.h).
struct alignas(64) Span {
  Span* next = nullptr;
  Span* previous = nullptr;
  void* free = nullptr;  // Blocks that came back; each begins with the address of the next.
  char* begin = nullptr;
  uint16_t fresh = 0;  // The number of the first block that was never given out.
  uint16_t used = 0;
  uint8_t size_class = 0;
  bool listed = false;
  bool kept = false;  // Empty, and not returned: the next block will come soon.
  std::atomic<uint8_t> shard{0};
};

class ChunkPool {
 public:
  ChunkPool() = default;
  // REQUIRES: all runs are back.
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  // 32 KiB on a boundary of as many, with nothing known about its bytes; nullptr if the system gives no memory. `begin`
  // is set, the rest is as it was left.
  Span* TakeSpan();
  void ReturnSpan(Span* span);

  // The span that `block` lies in. Two loads, no lock.
  //
  // REQUIRES: `block` lies in a span that was taken and not returned.
  Span* SpanOf(const void* block) const;

  // At least `bytes`, on a boundary of 512 bytes, of 64 for more than kRunBytesMax; nullptr as above. The size that is
  // returned with it is the one that it was taken with.
  void* TakeRun(size_t bytes);
  void ReturnRun(void* run, size_t bytes);

  // What a run of `bytes` takes.
  static size_t RunBytes(size_t bytes);

  // For fork(): so that the child does not inherit a mutex of a thread that it does not have.
  void LockForFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }

  // Mapped now: chunks, and mappings of their own.
  size_t mapped_bytes() const { return mapped_bytes_.load(std::memory_order_relaxed); }
  // Of that, taken and not returned.
  size_t held_bytes() const { return held_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    char* begin = nullptr;
    size_t index = 0;  // In chunks_.
    size_t used_units = 0;
    std::array<uint64_t, kSpansPerChunk> taken{};  // One bit a unit.
    std::array<Span, kSpansPerChunk> spans;
  };

  // The chunk of an address, for all 2^48 bytes that a process can have: two levels, filled where they are needed.
  static constexpr int kLeafBits = 13;
  static constexpr int kRootBits = 48 - 21 - kLeafBits;
  using Leaf = std::array<std::atomic<Chunk*>, size_t{1} << kLeafBits>;

  Chunk* ChunkOf(const void* address) const;
  bool Enter(Chunk* chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MakeRoomForOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AddChunk();
  void GiveBack(Chunk* chunk);
  char* FindRun(size_t units) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  char* FindRunIn(Chunk* chunk, size_t units) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Span* FindSpan() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Chunk* ReleaseUnits(char* begin, size_t units) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<size_t> mapped_bytes_{0};
  std::atomic<size_t> held_bytes_{0};
  std::array<std::atomic<Leaf*>, size_t{1} << kRootBits> root_{};

  absl::Mutex mutex_;
  // Arrays of chunk_room_ places each, of which chunk_count_ are taken: std::vector would throw if there is no memory.
  std::unique_ptr<Chunk*[]> chunks_ ABSL_GUARDED_BY(mutex_);
  // By index of the chunk: no free run in it is longer, and no more of its spans are free.
  std::unique_ptr<uint16_t[]> longest_run_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<uint16_t[]> free_spans_ ABSL_GUARDED_BY(mutex_);
  size_t chunk_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t chunk_room_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t next_for_runs_ ABSL_GUARDED_BY(mutex_) = 0;
  // No chunk before this one has a free span.
  size_t first_with_span_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t empty_chunks_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_CHUNK_POOL_H_
