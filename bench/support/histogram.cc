#include "bench/support/histogram.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace nearcache::bench {
namespace {

constexpr int kSubBits = 4;
constexpr int64_t kLinearEnd = int64_t{1} << kSubBits;

}  // namespace

// Values below 16 have a bucket each. Above, a bucket is the position of the highest bit and the four bits below it.
size_t Histogram::BucketOf(int64_t value) {
  if (value < kLinearEnd) return static_cast<size_t>(std::max<int64_t>(value, 0));
  const int exponent = 63 - __builtin_clzll(static_cast<uint64_t>(value));
  const int64_t below = (value >> (exponent - kSubBits)) - kLinearEnd;
  const int64_t bucket = (int64_t{exponent - kSubBits + 1} << kSubBits) + below;
  return static_cast<size_t>(std::min<int64_t>(bucket, kBucketCount - 1));
}

int64_t Histogram::ValueOf(size_t bucket) {
  if (bucket < kLinearEnd) return static_cast<int64_t>(bucket);
  const int shift = static_cast<int>(bucket >> kSubBits) - 1;
  const int64_t first = (kLinearEnd + static_cast<int64_t>(bucket % kLinearEnd)) << shift;
  return first + (int64_t{1} << shift) / 2;
}

HistogramSnapshot Histogram::Snapshot() const {
  HistogramSnapshot snapshot;
  for (int i = 0; i < kBucketCount; ++i) {
    snapshot.counts_[i] = buckets_[i].load(std::memory_order_relaxed);
  }
  return snapshot;
}

HistogramSnapshot HistogramSnapshot::Since(const HistogramSnapshot& earlier) const {
  HistogramSnapshot difference;
  for (size_t i = 0; i < counts_.size(); ++i) {
    difference.counts_[i] = counts_[i] - earlier.counts_[i];
  }
  return difference;
}

void HistogramSnapshot::Add(const HistogramSnapshot& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

HistogramSnapshot HistogramSnapshot::Corrected(int64_t interval) const {
  HistogramSnapshot corrected = *this;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    for (int64_t missing = Histogram::ValueOf(i) - interval; missing >= interval; missing -= interval) {
      corrected.counts_[Histogram::BucketOf(missing)] += counts_[i];
    }
  }
  return corrected;
}

uint64_t HistogramSnapshot::count() const { return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}); }

int64_t HistogramSnapshot::Percentile(double fraction) const {
  const uint64_t total = count();
  if (total == 0) return 0;
  const double wanted = std::max(1.0, std::ceil(fraction * static_cast<double>(total)));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (static_cast<double>(seen) >= wanted) return Histogram::ValueOf(i);
  }
  return Histogram::ValueOf(counts_.size() - 1);
}

}  // namespace nearcache::bench
