// What this process holds of the machine: memory, descriptors, threads. To be taken while nothing goes on.

#ifndef BENCH_REMOTE_SOAK_FOOTPRINT_H_
#define BENCH_REMOTE_SOAK_FOOTPRINT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/support/goals.h"

namespace nearcache::remote_soak {

struct Footprint {
  int64_t allocated_bytes = 0;  // What was allocated and not freed, with the allocator's headers (mallinfo2).
  int64_t resident_bytes = 0;   // Anonymous memory of the process, after malloc_trim.
  int64_t descriptors = 0;
  int64_t threads = 0;

  static Footprint Now();
};

// Taken again and again until nothing changes for half a second but memory that grows, since a proxy or a maintenance
// thread may still be clearing up, and a starved connection may be replaced; but for a minute at most.
Footprint SettledFootprint();

// How much more may be allocated at the end: what a pool may have grown by when it met its busiest moment late.
constexpr int64_t kGrowthBytesMax = 512 << 10;

// One verdict each for memory, descriptors and threads.
std::vector<bench::Verdict> Compare(const Footprint& first, const Footprint& last);

std::string ToString(const Footprint& footprint);

// glibc keeps freed blocks in caches of each thread and counts them as allocated: 200 KiB a thread that come and go.
// Starts this program anew without them, unless that was done already. Call first in main.
void RestartWithoutThreadCaches(char** argv);

}  // namespace nearcache::remote_soak

#endif  // BENCH_REMOTE_SOAK_FOOTPRINT_H_
