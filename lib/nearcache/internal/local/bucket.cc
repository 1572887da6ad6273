#include "nearcache/internal/local/bucket.h"

#include <cstring>
#include <new>

namespace nearcache::internal::local {

// Never written: it stays empty for all tiers.
Bucket BucketArray::no_bucket_;

BucketArray BucketArray::Allocate(int log2) {
  const size_t size = size_t{1} << log2;
  void* const memory = EntryHeap::Process().AllocateLines(Bytes(log2));
  if (memory == nullptr) return BucketArray();
  auto* const buckets = static_cast<Bucket*>(memory);
  for (size_t i = 0; i < size; ++i) new (&buckets[i]) Bucket;
  std::memset(static_cast<void*>(buckets + size), 0, DeadlineTree::Bytes(log2));
  return BucketArray(reinterpret_cast<uintptr_t>(memory) | static_cast<uintptr_t>(log2));
}

void BucketArray::Free() {
  if (!none()) EntryHeap::Process().FreeLines(buckets(), Bytes(log2()));
  *this = BucketArray();
}

}  // namespace nearcache::internal::local
