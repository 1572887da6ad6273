#include "bench/coherence_torture/recovery_watch.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

constexpr int64_t kLimitNanos = 5 * kNanosPerSecond;
constexpr int64_t kStallWeight = 4;
constexpr int64_t kStalledMax = 60 * kNanosPerSecond;
constexpr int64_t kWindowNanos = 400 * kNanosPerMilli;
constexpr uint64_t kReadsMin = 100;
constexpr int64_t kHitsPerThousandMin = 900;

// What reconnecting and a burst of work may leave in the allocator's hands; a leak of every fault's buffers is more.
constexpr int64_t kHeapGrowthMax = int64_t{4} << 20;

}  // namespace

void RecoveryWatch::OnLook(const RecoveryLook& look) {
  // A counter that fell belongs to another process than before.
  if (!looked_ || look.reads < window_.reads || look.stalled_nanos < stalled_before_nanos_) {
    looked_ = true;
    stalled_before_nanos_ = look.stalled_nanos;
    window_ = look;
    return;
  }
  stalled_nanos_ = look.stalled_nanos - stalled_before_nanos_;
  if (recovered() || look.at_nanos - window_.at_nanos < kWindowNanos) return;
  verdict_ = Judge(look);
  window_ = look;
}

RecoveryWatch::Verdict RecoveryWatch::Judge(const RecoveryLook& look) const {
  if (!look.open) return {Lack::kMemoryClosed, 0, 0};
  const uint64_t reads = look.reads - window_.reads;
  const int64_t hits_per_thousand =
      reads < kReadsMin ? 0 : static_cast<int64_t>(1000 * (look.hits - window_.hits) / reads);
  if (hits_per_thousand < kHitsPerThousandMin) return {Lack::kFewHits, hits_per_thousand, kHitsPerThousandMin};
  if (!look.has_baseline) return {Lack::kNothing, 0, 0};
  if (look.now.descriptors > look.baseline.descriptors) {
    return {Lack::kDescriptors, look.now.descriptors, look.baseline.descriptors};
  }
  if (look.now.threads > look.baseline.threads) return {Lack::kThreads, look.now.threads, look.baseline.threads};
  const int64_t heap_max = look.baseline.heap_bytes + kHeapGrowthMax;
  if (look.now.heap_bytes > heap_max) return {Lack::kHeap, look.now.heap_bytes, heap_max};
  return {Lack::kNothing, 0, 0};
}

int64_t RecoveryWatch::deadline_nanos() const {
  return calm_since_nanos_ + kLimitNanos + std::clamp<int64_t>(kStallWeight * stalled_nanos_, 0, kStalledMax);
}

bool RecoveryWatch::starved() const { return kStallWeight * stalled_nanos_ >= kStalledMax; }

absl::string_view LackName(RecoveryWatch::Lack lack) {
  switch (lack) {
    case RecoveryWatch::Lack::kNotSeen:
      return "nothing was seen of it";
    case RecoveryWatch::Lack::kMemoryClosed:
      return "memory is not served under a lease";
    case RecoveryWatch::Lack::kFewHits:
      return "too few of 1000 reads are hits";
    case RecoveryWatch::Lack::kDescriptors:
      return "more descriptors than at its beginning";
    case RecoveryWatch::Lack::kThreads:
      return "more threads than at its beginning";
    case RecoveryWatch::Lack::kHeap:
      return "more bytes of heap than at its beginning";
    case RecoveryWatch::Lack::kNothing:
      return "nothing";
  }
  return "?";
}

}  // namespace nearcache::bench::torture
