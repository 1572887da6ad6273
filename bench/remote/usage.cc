#include "bench/remote/usage.h"

#include <sys/resource.h>

#include <cstdlib>
#include <new>

namespace nearcache::bench {
namespace {

// Written by its thread alone, and never freed: threads of the drivers end before the process does.
struct AllocationCount {
  int64_t value = 0;
  AllocationCount* next = nullptr;
};

AllocationCount* all_counts = nullptr;
thread_local AllocationCount* this_count = nullptr;

AllocationCount* NewCount() {
  auto* const count = static_cast<AllocationCount*>(std::calloc(1, sizeof(AllocationCount)));
  AllocationCount* head = __atomic_load_n(&all_counts, __ATOMIC_RELAXED);
  do {
    count->next = head;
  } while (!__atomic_compare_exchange_n(&all_counts, &head, count, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  return count;
}

void* CountedNew(size_t bytes) {
  if (this_count == nullptr) this_count = NewCount();
  __atomic_store_n(&this_count->value, this_count->value + 1, __ATOMIC_RELAXED);
  return std::malloc(bytes);
}

int64_t SumOfCounts() {
  int64_t sum = 0;
  for (AllocationCount* count = __atomic_load_n(&all_counts, __ATOMIC_ACQUIRE); count != nullptr; count = count->next) {
    sum += __atomic_load_n(&count->value, __ATOMIC_RELAXED);
  }
  return sum;
}

double Micros(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

}  // namespace

Usage Usage::Now() {
  rusage self{};
  getrusage(RUSAGE_SELF, &self);
  return {Micros(self.ru_utime) + Micros(self.ru_stime), self.ru_nvcsw + self.ru_nivcsw, SumOfCounts()};
}

}  // namespace nearcache::bench

void* operator new(size_t bytes) { return nearcache::bench::CountedNew(bytes); }
void* operator new[](size_t bytes) { return nearcache::bench::CountedNew(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
