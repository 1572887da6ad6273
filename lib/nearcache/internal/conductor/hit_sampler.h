// Picks hits for the audit: each with the same probability, on any thread, and without anybody waiting. A hit that is
// not picked pays a random number of this thread (about 1 ns); one that is copies its key into a bounded list, or is
// let go when that is full or just in use.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_HIT_SAMPLER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_HIT_SAMPLER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nearcache::internal::conductor {

class HitSampler {
 public:
  // `rate`: the share of hits, 0 to 1.
  explicit HitSampler(double rate);

  void OnHit(absl::string_view key) {
    if (NextRandom() <= threshold_) Pick(key);
  }

  // The keys that were picked, at most `max`; the others stay.
  std::vector<std::string> Take(size_t max) ABSL_LOCKS_EXCLUDED(mutex_);

  // Hits that were picked and could not be kept.
  uint64_t skipped() const { return skipped_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kKeysMax = 256;

  // xorshift64* by S. Vigna (2016), a state per thread.
  static uint64_t NextRandom() {
    static thread_local uint64_t state = 0;
    if (state == 0) state = Seed();
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DU;
  }
  static uint64_t Seed();

  void Pick(absl::string_view key) ABSL_LOCKS_EXCLUDED(mutex_);

  const uint64_t threshold_;
  std::atomic<uint64_t> skipped_{0};
  absl::Mutex mutex_;
  std::vector<std::string> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_HIT_SAMPLER_H_
