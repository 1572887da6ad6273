#include "bench/support/backed_memory.h"

#include <sys/mman.h>

namespace nearcache::bench {
namespace {

void Touch(size_t bytes, int advice) {
  constexpr size_t kPage = 4096;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  madvise(memory, bytes, advice);
  volatile char* const first = static_cast<char*>(memory);
  for (size_t i = 0; i < bytes; i += kPage) first[i] = 1;
  munmap(memory, bytes);
}

}  // namespace

void BackMemory(size_t bytes) {
  // The kernel takes huge and small pages from lists of different sizes of free blocks.
  Touch(bytes, MADV_HUGEPAGE);
  Touch(bytes, MADV_NOHUGEPAGE);
}

}  // namespace nearcache::bench
