// The heap's own books without memory: each allocation that it makes for them fails once. A block is refused then, and
// nothing else happens. Replaces operator new of this program, so not under sanitizers.

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "nearcache/internal/local/chunk_pool.h"
#include "nearcache/internal/local/entry_heap.h"

namespace {

// The so-manieth from now fails, and it alone; 0: none.
int fail_in = 0;

bool FailsNow() { return fail_in > 0 && --fail_in == 0; }

}  // namespace

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return FailsNow() ? nullptr : malloc(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return FailsNow() ? nullptr : malloc(bytes); }
void* operator new(std::size_t bytes, std::align_val_t boundary, const std::nothrow_t&) noexcept {
  const auto unit = static_cast<std::size_t>(boundary);
  return FailsNow() ? nullptr : aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}

namespace nearcache::internal::local {
namespace {

// More chunks than the books have places for at first, so that these grow.
constexpr int kChunks = 70;

// Returns how many blocks of a chunk's size were refused.
int RefusedWhenTheNthFails(int n) {
  EntryHeap heap;
  std::vector<void*> blocks;
  blocks.reserve(kChunks);
  int refused = 0;
  fail_in = n;
  for (int i = 0; i < kChunks; ++i) {
    void* const block = heap.Allocate(kRunBytesMax);
    if (block == nullptr) {
      ++refused;
    } else {
      blocks.push_back(block);
    }
  }
  EXPECT_EQ(heap.held_bytes(), blocks.size() * kRunBytesMax) << "failure at " << n;
  for (void* const block : blocks) heap.Free(block, kRunBytesMax);
  EXPECT_EQ(heap.held_bytes(), 0u) << "failure at " << n;
  return refused;
}

TEST(EntryHeapFailureTest, TheNthAllocationOfItsBooksFails) {
  EXPECT_EQ(RefusedWhenTheNthFails(0), 0);
  // A chunk each, a leaf of the map of chunks, the first three arrays and the next three.
  for (int n = 1; n <= 6; ++n) EXPECT_EQ(RefusedWhenTheNthFails(n), 1) << "failure at " << n;
  for (int n = kChunks - 3; n <= kChunks + 7; ++n) EXPECT_EQ(RefusedWhenTheNthFails(n), 1) << "failure at " << n;
  EXPECT_EQ(RefusedWhenTheNthFails(1'000), 0);
  fail_in = 0;
}

}  // namespace
}  // namespace nearcache::internal::local
