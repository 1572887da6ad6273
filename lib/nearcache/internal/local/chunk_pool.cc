#include "nearcache/internal/local/chunk_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace nearcache::internal::local {
namespace {

constexpr size_t kPageBytes = 4096;

// A process that keeps less than this in its caches stays on small pages: it would gain nothing, and pay for whole huge
// ones.
constexpr size_t kSmallProcessBytes = 4 * kChunkBytes;

// Empty chunks that are kept for the next: a few, and a share of all.
constexpr size_t kEmptyChunksKept = 2;
constexpr size_t kEmptyChunkShare = 64;

size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

char* Map(size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory != MAP_FAILED ? static_cast<char*>(memory) : nullptr;
}

// On a boundary of a chunk: maps more, and gives back what is too much at both ends.
char* MapAligned(size_t bytes) {
  char* const memory = Map(bytes + kChunkBytes - kPageBytes);
  if (memory == nullptr) return nullptr;
  const size_t before = RoundUp(reinterpret_cast<uintptr_t>(memory), kChunkBytes) - reinterpret_cast<uintptr_t>(memory);
  const size_t after = kChunkBytes - kPageBytes - before;
  if (before > 0) munmap(memory, before);
  if (after > 0) munmap(memory + before + bytes, after);
  return memory + before;
}

// Advice: where the system has no huge pages, or keeps them for others, small ones do.
void AskForHugePages(char* memory, size_t bytes) { madvise(memory, bytes, MADV_HUGEPAGE); }

}  // namespace

ChunkPool::~ChunkPool() {
  for (size_t i = 0; i < chunk_count_; ++i) {
    munmap(chunks_[i]->begin, kChunkBytes);
    delete chunks_[i];
  }
  for (std::atomic<Leaf*>& leaf : root_) delete leaf.load(std::memory_order_relaxed);
}

size_t ChunkPool::RunBytes(size_t bytes) { return RoundUp(bytes, bytes <= kRunBytesMax ? kUnitBytes : kPageBytes); }

ChunkPool::Chunk* ChunkPool::ChunkOf(const void* address) const {
  const size_t number = reinterpret_cast<uintptr_t>(address) / kChunkBytes;
  const Leaf* const leaf = root_[number >> kLeafBits].load(std::memory_order_acquire);
  return (*leaf)[number & ((size_t{1} << kLeafBits) - 1)].load(std::memory_order_acquire);
}

Span* ChunkPool::SpanOf(const void* block) const {
  return &ChunkOf(block)->spans[reinterpret_cast<uintptr_t>(block) % kChunkBytes / kSpanBytes];
}

// For one more chunk; false if there is no memory for that.
bool ChunkPool::MakeRoomForOne() {
  if (chunk_count_ < chunk_room_) return true;
  const size_t room = std::max<size_t>(64, 2 * chunk_room_);
  std::unique_ptr<Chunk*[]> chunks(new (std::nothrow) Chunk*[room]);
  std::unique_ptr<uint16_t[]> longest_run(new (std::nothrow) uint16_t[room]);
  std::unique_ptr<uint16_t[]> free_spans(new (std::nothrow) uint16_t[room]);
  if (chunks == nullptr || longest_run == nullptr || free_spans == nullptr) return false;
  std::copy_n(chunks_.get(), chunk_count_, chunks.get());
  std::copy_n(longest_run_.get(), chunk_count_, longest_run.get());
  std::copy_n(free_spans_.get(), chunk_count_, free_spans.get());
  chunks_ = std::move(chunks);
  longest_run_ = std::move(longest_run);
  free_spans_ = std::move(free_spans);
  chunk_room_ = room;
  return true;
}

// Makes the chunk known; false if there is no memory for that.
bool ChunkPool::Enter(Chunk* chunk) {
  const size_t number = reinterpret_cast<uintptr_t>(chunk->begin) / kChunkBytes;
  std::atomic<Leaf*>& slot = root_[number >> kLeafBits];
  Leaf* leaf = slot.load(std::memory_order_relaxed);
  if (leaf == nullptr) {
    leaf = new (std::nothrow) Leaf{};
    if (leaf == nullptr) return false;
    slot.store(leaf, std::memory_order_release);
  }
  if (!MakeRoomForOne()) return false;
  chunk->index = chunk_count_++;
  first_with_span_ = std::min(first_with_span_, chunk->index);
  chunks_[chunk->index] = chunk;
  longest_run_[chunk->index] = kUnitsPerChunk;
  free_spans_[chunk->index] = kSpansPerChunk;
  ++empty_chunks_;
  (*leaf)[number & ((size_t{1} << kLeafBits) - 1)].store(chunk, std::memory_order_release);
  return true;
}

bool ChunkPool::AddChunk() {
  auto* const chunk = new (std::nothrow) Chunk;
  if (chunk == nullptr) return false;
  chunk->begin = MapAligned(kChunkBytes);
  bool added = chunk->begin != nullptr;
  if (added) {
    const size_t mapped = mapped_bytes_.fetch_add(kChunkBytes, std::memory_order_relaxed) + kChunkBytes;
    if (mapped > kSmallProcessBytes) {
      AskForHugePages(chunk->begin, kChunkBytes);
      // The kernel zeroes it now, while nobody waits.
      *static_cast<volatile char*>(chunk->begin) = 0;
    }
    absl::MutexLock lock(&mutex_);
    added = Enter(chunk);
  }
  if (!added) GiveBack(chunk);
  return added;
}

// REQUIRES: `chunk` is not, or no longer, known.
void ChunkPool::GiveBack(Chunk* chunk) {
  if (chunk->begin != nullptr) {
    munmap(chunk->begin, kChunkBytes);
    mapped_bytes_.fetch_sub(kChunkBytes, std::memory_order_relaxed);
  }
  delete chunk;
}

Span* ChunkPool::FindSpan() {
  for (; first_with_span_ < chunk_count_; ++first_with_span_) {
    if (free_spans_[first_with_span_] == 0) continue;
    Chunk* const chunk = chunks_[first_with_span_];
    for (size_t i = 0; i < kSpansPerChunk; ++i) {
      if (chunk->taken[i] != 0) continue;
      chunk->taken[i] = ~uint64_t{0};
      if (chunk->used_units == 0) --empty_chunks_;
      chunk->used_units += kSpanBytes / kUnitBytes;
      --free_spans_[first_with_span_];
      chunk->spans[i].begin = chunk->begin + i * kSpanBytes;
      return &chunk->spans[i];
    }
    free_spans_[first_with_span_] = 0;
  }
  return nullptr;
}

Span* ChunkPool::TakeSpan() {
  do {
    absl::MutexLock lock(&mutex_);
    if (Span* const span = FindSpan()) {
      held_bytes_.fetch_add(kSpanBytes, std::memory_order_relaxed);
      return span;
    }
  } while (AddChunk());
  return nullptr;
}

void ChunkPool::ReturnSpan(Span* span) {
  held_bytes_.fetch_sub(kSpanBytes, std::memory_order_relaxed);
  Chunk* emptied = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    emptied = ReleaseUnits(span->begin, kSpanBytes / kUnitBytes);
  }
  if (emptied != nullptr) GiveBack(emptied);
}

// The first run of `units` free ones, taken; remembers how long the longest was if there is none.
char* ChunkPool::FindRunIn(Chunk* chunk, size_t units) {
  const auto taken = [chunk](size_t unit) { return (chunk->taken[unit / 64] >> (unit % 64) & 1) != 0; };
  size_t longest = 0;
  size_t begin = 0;
  while (begin + units <= kUnitsPerChunk) {
    const uint64_t rest = ~chunk->taken[begin / 64] >> (begin % 64);
    if (rest == 0) {
      begin = (begin / 64 + 1) * 64;
      continue;
    }
    begin += static_cast<size_t>(__builtin_ctzll(rest));
    size_t end = begin;
    while (end < begin + units && end < kUnitsPerChunk && !taken(end)) {
      end += end % 64 == 0 && chunk->taken[end / 64] == 0 ? 64 : 1;
    }
    if (end >= begin + units) {
      for (size_t unit = begin; unit < begin + units; ++unit) chunk->taken[unit / 64] |= uint64_t{1} << (unit % 64);
      if (chunk->used_units == 0) --empty_chunks_;
      chunk->used_units += units;
      return chunk->begin + begin * kUnitBytes;
    }
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  longest_run_[chunk->index] =
      static_cast<uint16_t>(std::max(longest, kUnitsPerChunk - std::min(begin, kUnitsPerChunk)));
  return nullptr;
}

char* ChunkPool::FindRun(size_t units) {
  for (size_t looked = 0; looked < chunk_count_; ++looked, ++next_for_runs_) {
    if (next_for_runs_ >= chunk_count_) next_for_runs_ = 0;
    if (longest_run_[next_for_runs_] < units) continue;
    if (char* const run = FindRunIn(chunks_[next_for_runs_], units)) return run;
  }
  return nullptr;
}

void* ChunkPool::TakeRun(size_t bytes) {
  const size_t rounded = RunBytes(bytes);
  if (bytes > kRunBytesMax) {
    char* const memory = rounded >= kChunkBytes ? MapAligned(rounded) : Map(rounded);
    if (memory == nullptr) return nullptr;
    if (rounded >= kChunkBytes) AskForHugePages(memory, rounded);
    mapped_bytes_.fetch_add(rounded, std::memory_order_relaxed);
    held_bytes_.fetch_add(rounded, std::memory_order_relaxed);
    return memory;
  }
  const size_t units = rounded / kUnitBytes;
  do {
    absl::MutexLock lock(&mutex_);
    if (char* const run = FindRun(units)) {
      held_bytes_.fetch_add(rounded, std::memory_order_relaxed);
      return run;
    }
  } while (AddChunk());
  return nullptr;
}

void ChunkPool::ReturnRun(void* run, size_t bytes) {
  const size_t rounded = RunBytes(bytes);
  held_bytes_.fetch_sub(rounded, std::memory_order_relaxed);
  if (bytes > kRunBytesMax) {
    munmap(run, rounded);
    mapped_bytes_.fetch_sub(rounded, std::memory_order_relaxed);
    return;
  }
  Chunk* emptied = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    emptied = ReleaseUnits(static_cast<char*>(run), rounded / kUnitBytes);
  }
  if (emptied != nullptr) GiveBack(emptied);
}

// Returns the chunk if it is empty and to be given back; then it is not known any more.
ChunkPool::Chunk* ChunkPool::ReleaseUnits(char* begin, size_t units) {
  Chunk* const chunk = ChunkOf(begin);
  const size_t first = static_cast<size_t>(begin - chunk->begin) / kUnitBytes;
  for (size_t unit = first; unit < first + units;) {
    const bool whole_word = unit % 64 == 0 && unit + 64 <= first + units;
    chunk->taken[unit / 64] &= whole_word ? 0 : ~(uint64_t{1} << (unit % 64));
    unit += whole_word ? 64 : 1;
  }
  chunk->used_units -= units;
  longest_run_[chunk->index] = kUnitsPerChunk;
  free_spans_[chunk->index] = kSpansPerChunk;
  first_with_span_ = std::min(first_with_span_, chunk->index);
  if (chunk->used_units > 0) return nullptr;
  if (++empty_chunks_ <= kEmptyChunksKept + chunk_count_ / kEmptyChunkShare) return nullptr;
  --empty_chunks_;
  const size_t last = --chunk_count_;
  chunks_[last]->index = chunk->index;
  chunks_[chunk->index] = chunks_[last];
  longest_run_[chunk->index] = longest_run_[last];
  free_spans_[chunk->index] = free_spans_[last];
  return chunk;
}

}  // namespace nearcache::internal::local
