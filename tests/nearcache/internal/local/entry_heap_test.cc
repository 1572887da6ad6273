#include "nearcache/internal/local/entry_heap.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "gtest/gtest.h"
#include "nearcache/internal/local/chunk_pool.h"

namespace nearcache::internal::local {
namespace {

struct Block {
  char* bytes = nullptr;
  size_t size = 0;

  char Mark() const { return static_cast<char>(reinterpret_cast<uintptr_t>(bytes) / 16 + size); }
  void Fill() const { std::memset(bytes, Mark(), size); }
  bool IsWhole() const {
    return std::all_of(bytes, bytes + size, [this](char byte) { return byte == Mark(); });
  }
};

Block Take(EntryHeap* heap, size_t size) {
  const Block block{static_cast<char*>(heap->Allocate(size)), size};
  block.Fill();
  return block;
}

// From a byte to over a chunk, most of them small.
size_t SomeSize(std::mt19937_64* random) {
  const size_t bits = 1 + (*random)() % ((*random)() % 16 == 0 ? 22 : 12);
  return 1 + (*random)() % (size_t{1} << bits);
}

TEST(EntryHeapTest, BlocksNeverOverlapWhateverTheirSizes) {
  EntryHeap heap;
  std::mt19937_64 random(1);
  std::vector<Block> blocks;
  for (int i = 0; i < 20'000; ++i) {
    if (blocks.size() < 500 || random() % 2 == 0) {
      blocks.push_back(Take(&heap, SomeSize(&random)));
    } else {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      ASSERT_TRUE(blocks.back().IsWhole()) << blocks.back().size << " bytes, step " << i;
      heap.Free(blocks.back().bytes, blocks.back().size);
      blocks.pop_back();
    }
    if (blocks.size() < 2'000) continue;
    for (const Block& block : blocks) heap.Free(block.bytes, block.size);
    blocks.clear();
  }
  for (const Block& block : blocks) {
    ASSERT_TRUE(block.IsWhole());
    heap.Free(block.bytes, block.size);
  }
}

TEST(EntryHeapTest, BlocksAreAligned) {
  EntryHeap heap;
  for (size_t size = 1; size <= 3 * kRunBytesMax; size += 1 + size / 3) {
    void* const block = heap.Allocate(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0u) << size;
    heap.Free(block, size);
  }
}

TEST(EntryHeapTest, BlocksOfLinesAreAlignedToLines) {
  EntryHeap heap;
  for (size_t size = 64; size <= 3 * kChunkBytes; size += 64 * (1 + size / 200)) {
    void* const first = heap.AllocateLines(size);
    void* const second = heap.AllocateLines(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u) << size;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(second) % 64, 0u) << size;
    EXPECT_GE(EntryHeap::ChargeOfLines(size), size);
    heap.FreeLines(first, size);
    heap.FreeLines(second, size);
  }
}

TEST(EntryHeapTest, AChargeCoversTheBlockAndLittleMore) {
  for (size_t size = 1; size <= 4 * kChunkBytes; size += 1 + size / 200) {
    EXPECT_GE(EntryHeap::Charge(size), size);
    EXPECT_LE(EntryHeap::Charge(size), size + 17 + size / 7) << size;
    EXPECT_LE(EntryHeap::Charge(size), EntryHeap::Charge(size + 1)) << size;
  }
}

TEST(EntryHeapTest, TheNthAllocationFailsAndItAlone) {
  EntryHeap heap;
  heap.FailAllocation(2);
  void* const first = heap.Allocate(100);
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(heap.Allocate(100), nullptr);
  void* const third = heap.Allocate(100);
  EXPECT_NE(third, nullptr);
  heap.Free(first, 100);
  heap.Free(third, 100);
}

#ifndef ABSL_HAVE_ADDRESS_SANITIZER

TEST(EntryHeapTest, TheChargesAreWhatTheSystemGave) {
  for (const size_t size : {size_t{50}, size_t{200}, size_t{703}, size_t{1'500}, size_t{50 * 1024}}) {
    EntryHeap heap;
    const size_t count = (size_t{64} << 20) / size;
    std::vector<void*> blocks(count);
    for (void*& block : blocks) block = heap.Allocate(size);
    const auto charged = static_cast<double>(count * EntryHeap::Charge(size));
    const auto mapped = static_cast<double>(heap.mapped_bytes());
    EXPECT_LT(mapped, charged * 1.05) << size;
    EXPECT_GE(mapped, charged * 0.999) << size;
    for (void* const block : blocks) heap.Free(block, size);
  }
}

TEST(EntryHeapTest, MemoryGoesBackToTheSystem) {
  EntryHeap heap;
  std::mt19937_64 random(2);
  std::vector<Block> blocks;
  for (int i = 0; i < 100'000; ++i) {
    const size_t size = 100 + random() % 1'000;
    blocks.push_back({static_cast<char*>(heap.Allocate(size)), size});
  }
  EXPECT_GT(heap.mapped_bytes(), size_t{50} << 20);
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (const Block& block : blocks) heap.Free(block.bytes, block.size);
  // Two empty chunks, and those of two spans that wait for the next block.
  EXPECT_LE(heap.mapped_bytes(), 5 * kChunkBytes);
}

TEST(EntryHeapTest, ALargeBlockHasAMappingOfItsOwn) {
  EntryHeap heap;
  void* const block = heap.Allocate(3 * kChunkBytes + 1);
  EXPECT_EQ(heap.mapped_bytes(), EntryHeap::Charge(3 * kChunkBytes + 1));
  heap.Free(block, 3 * kChunkBytes + 1);
  EXPECT_EQ(heap.mapped_bytes(), 0u);
}

// What one thread frees serves the others: no thread needs memory of its own for what lies about free.
TEST(EntryHeapTest, ChurnOfSeveralThreadsStrandsNothing) {
  EntryHeap heap;
  constexpr size_t kBlocks = 40'000;
  std::vector<std::atomic<void*>> slots(kBlocks);
  constexpr size_t kSize = 640;
  for (std::atomic<void*>& slot : slots) slot = heap.Allocate(kSize);
  const size_t mapped = heap.mapped_bytes();
  std::vector<std::thread> threads;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (int i = 0; i < 50'000; ++i) {
        void* const block = heap.Allocate(kSize);
        std::memset(block, static_cast<int>(seed), kSize);
        heap.Free(slots[random() % kBlocks].exchange(block), kSize);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(heap.mapped_bytes(), mapped + 2 * kChunkBytes);
  for (std::atomic<void*>& slot : slots) heap.Free(slot, kSize);
}

#endif

}  // namespace
}  // namespace nearcache::internal::local
