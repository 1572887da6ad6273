// Memory that the machine really has. On a virtual machine the hypervisor takes back what the kernel keeps free for a
// few seconds, and backing it again at the first touch costs ten times what the kernel's own page fault does: a program
// whose turn to grow comes after a pause would pay for the pause, not for what it does.

#ifndef BENCH_SUPPORT_BACKED_MEMORY_H_
#define BENCH_SUPPORT_BACKED_MEMORY_H_

#include <cstddef>

namespace nearcache::bench {

// Has `bytes` of memory backed, once in huge pages, where the system gives them, and once in small ones, and gives them
// back to the kernel, whose next page faults take them first. To be called right before work that takes so much fresh
// memory. Costs about 0.5 ms per MiB where all is backed, 3 where nothing is. Without effect where the address space
// has no room.
void BackMemory(size_t bytes);

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_BACKED_MEMORY_H_
