// Numbers that say what they are, so that readers can judge them as they judge records: a counter of key k that has
// been incremented to version v holds v * 2^16 + k. Each increment adds 2^16 and so makes the next version.

#ifndef BENCH_COHERENCE_TORTURE_COUNTER_VALUE_H_
#define BENCH_COHERENCE_TORTURE_COUNTER_VALUE_H_

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "bench/processes/record.h"

namespace nearcache::bench::torture {

constexpr int64_t kCounterStep = int64_t{1} << 16;

// REQUIRES: key < kCounterStep
inline int64_t CounterOf(uint32_t key, uint32_t version) { return version * kCounterStep + key; }

inline uint32_t VersionOfCounter(int64_t counter) { return static_cast<uint32_t>(counter / kCounterStep); }

inline RecordIdentity CheckCounter(absl::string_view bytes) {
  int64_t counter = 0;
  if (!absl::SimpleAtoi(bytes, &counter) || counter < 0) return {};
  return {true, static_cast<uint64_t>(counter % kCounterStep), static_cast<uint64_t>(counter / kCounterStep)};
}

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_COUNTER_VALUE_H_
