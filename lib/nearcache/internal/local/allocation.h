// What a block of memory really costs: the one place that knows the allocator.

#ifndef NEARCACHE_INTERNAL_LOCAL_ALLOCATION_H_
#define NEARCACHE_INTERNAL_LOCAL_ALLOCATION_H_

#include <malloc.h>

#include <cstddef>

namespace nearcache::internal::local {

// Bytes that the allocator holds for `block`: what it can store, rounding included, and the allocator's own word in
// front of it. With glibc this is the size of the chunk to the byte; tests compare it with mallinfo2. About 2 ns.
inline size_t AllocatedBytes(const void* block) {
  return malloc_usable_size(const_cast<void*>(block)) + sizeof(size_t);
}

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ALLOCATION_H_
