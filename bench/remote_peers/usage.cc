#include "bench/remote_peers/usage.h"

#include <sys/resource.h>
#include <time.h>

#include <cstddef>

#include "bench/support/clock.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NEARCACHE_COUNTS_ALLOCATIONS 0
#endif
#endif
#if defined(NEARCACHE_COUNTS_ALLOCATIONS)
// Said already.
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define NEARCACHE_COUNTS_ALLOCATIONS 0
#else
#define NEARCACHE_COUNTS_ALLOCATIONS 1
#endif

#if NEARCACHE_COUNTS_ALLOCATIONS
extern "C" void* __libc_malloc(size_t bytes);
extern "C" void* __libc_calloc(size_t count, size_t bytes);
extern "C" void* __libc_realloc(void* memory, size_t bytes);
#endif

namespace nearcache::remote_peers {
namespace {

// Written by its thread alone, and never freed: threads of the clients end before the process does.
struct AllocationCount {
  int64_t value = 0;
  AllocationCount* next = nullptr;
};

AllocationCount* all_counts = nullptr;

#if NEARCACHE_COUNTS_ALLOCATIONS
thread_local AllocationCount* this_count = nullptr;

AllocationCount* NewCount() {
  auto* const count = static_cast<AllocationCount*>(__libc_calloc(1, sizeof(AllocationCount)));
  AllocationCount* head = __atomic_load_n(&all_counts, __ATOMIC_RELAXED);
  do {
    count->next = head;
  } while (!__atomic_compare_exchange_n(&all_counts, &head, count, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  return count;
}

void CountOne() {
  if (this_count == nullptr) this_count = NewCount();
  __atomic_store_n(&this_count->value, this_count->value + 1, __ATOMIC_RELAXED);
}
#endif

int64_t SumOfCounts() {
  int64_t sum = 0;
  for (AllocationCount* count = __atomic_load_n(&all_counts, __ATOMIC_ACQUIRE); count != nullptr; count = count->next) {
    sum += __atomic_load_n(&count->value, __ATOMIC_RELAXED);
  }
  return sum;
}

}  // namespace

Usage Usage::Now(pid_t server) {
  Usage usage;
  usage.client_cpu_nanos = bench::NanosOf(CLOCK_PROCESS_CPUTIME_ID);
  clockid_t server_clock;
  if (clock_getcpuclockid(server, &server_clock) == 0) usage.server_cpu_nanos = bench::NanosOf(server_clock);
  rusage self{};
  getrusage(RUSAGE_SELF, &self);
  usage.switches = self.ru_nvcsw + self.ru_nivcsw;
  usage.allocations = SumOfCounts();
  return usage;
}

bool CountsAllocations() { return NEARCACHE_COUNTS_ALLOCATIONS != 0; }

}  // namespace nearcache::remote_peers

#if NEARCACHE_COUNTS_ALLOCATIONS
// Before those of the C library, which operator new calls, too.
extern "C" void* malloc(size_t bytes) {
  nearcache::remote_peers::CountOne();
  return __libc_malloc(bytes);
}
extern "C" void* calloc(size_t count, size_t bytes) {
  nearcache::remote_peers::CountOne();
  return __libc_calloc(count, bytes);
}
extern "C" void* realloc(void* memory, size_t bytes) {
  nearcache::remote_peers::CountOne();
  return __libc_realloc(memory, bytes);
}
#endif
