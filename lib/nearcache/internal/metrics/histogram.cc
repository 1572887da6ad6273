#include "nearcache/internal/metrics/histogram.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "absl/numeric/bits.h"
#include "nearcache/internal/base/striped_counter.h"

namespace nearcache::internal::metrics {
namespace {

constexpr int kPartBits = 5;
static_assert(1 << kPartBits == Histogram::kPartsPerPowerOfTwo, "parts are counted in bits");

constexpr int64_t kNoMinimum = std::numeric_limits<int64_t>::max();

int64_t BucketMiddle(size_t bucket) {
  const int64_t start = Histogram::BucketStart(bucket);
  return start + (Histogram::BucketStart(bucket + 1) - 1 - start) / 2;
}

// Lowers or raises `extreme` to `value`. In the long run a single load: extremes seldom move.
template <typename Better>
void MoveExtreme(std::atomic<int64_t>* extreme, int64_t value, Better better) {
  int64_t current = extreme->load(std::memory_order_relaxed);
  while (better(value, current) && !extreme->compare_exchange_weak(current, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

struct alignas(64) Histogram::Stripe {
  std::atomic<uint64_t> sum_nanos{0};
  std::atomic<int64_t> min_nanos{kNoMinimum};
  std::atomic<int64_t> max_nanos{0};
  std::array<std::atomic<uint64_t>, kBucketCount> buckets{};
};

Histogram::Histogram(size_t stripes) : stripe_count_(stripes), stripes_(new Stripe[stripes]) {}
Histogram::~Histogram() = default;

// Bucket b < 64 is b nanoseconds. From there on a power of two 2^e has 32 buckets, chosen by the 5
// bits behind the leading one.
size_t Histogram::BucketOf(int64_t nanos) {
  const uint64_t value = nanos < 0 ? 0 : static_cast<uint64_t>(nanos);
  if (value < 2 * kPartsPerPowerOfTwo) return value;
  const int shift = 63 - absl::countl_zero(value) - kPartBits;
  const size_t bucket = (static_cast<size_t>(shift) << kPartBits) + (value >> shift);
  return std::min(bucket, kBucketCount - 1);
}

int64_t Histogram::BucketStart(size_t bucket) {
  if (bucket < 2 * kPartsPerPowerOfTwo) return static_cast<int64_t>(bucket);
  const size_t shift = (bucket >> kPartBits) - 1;
  return static_cast<int64_t>((bucket - (shift << kPartBits)) << shift);
}

void Histogram::Record(int64_t nanos) {
  const int64_t value = std::max<int64_t>(nanos, 0);
  Stripe& stripe = stripes_[stripe_count_ == 1 ? 0 : ThreadNumber() % stripe_count_];
  stripe.buckets[BucketOf(value)].fetch_add(1, std::memory_order_relaxed);
  stripe.sum_nanos.fetch_add(static_cast<uint64_t>(value), std::memory_order_relaxed);
  MoveExtreme(&stripe.min_nanos, value, std::less<int64_t>());
  MoveExtreme(&stripe.max_nanos, value, std::greater<int64_t>());
}

void Histogram::RecordAlone(int64_t nanos) {
  const int64_t value = std::max<int64_t>(nanos, 0);
  const auto add = [](std::atomic<uint64_t>* sum, uint64_t more) {
    sum->store(sum->load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  };
  Stripe& stripe = stripes_[0];
  add(&stripe.buckets[BucketOf(value)], 1);
  add(&stripe.sum_nanos, static_cast<uint64_t>(value));
  if (value < stripe.min_nanos.load(std::memory_order_relaxed)) {
    stripe.min_nanos.store(value, std::memory_order_relaxed);
  }
  if (value > stripe.max_nanos.load(std::memory_order_relaxed)) {
    stripe.max_nanos.store(value, std::memory_order_relaxed);
  }
}

HistogramSnapshot Histogram::Snapshot() const {
  HistogramSnapshot snapshot;
  int64_t min_nanos = kNoMinimum;
  for (size_t i = 0; i < stripe_count_; ++i) {
    const Stripe& stripe = stripes_[i];
    for (size_t bucket = 0; bucket < kBucketCount; ++bucket) {
      const uint64_t count = stripe.buckets[bucket].load(std::memory_order_relaxed);
      snapshot.buckets_[bucket] += count;
      snapshot.count_ += count;
    }
    snapshot.sum_nanos_ += stripe.sum_nanos.load(std::memory_order_relaxed);
    min_nanos = std::min(min_nanos, stripe.min_nanos.load(std::memory_order_relaxed));
    snapshot.max_nanos_ = std::max(snapshot.max_nanos_, stripe.max_nanos.load(std::memory_order_relaxed));
  }
  // A value may be counted whose minimum is not noted yet.
  snapshot.min_nanos_ = std::min(min_nanos, snapshot.max_nanos_);
  return snapshot;
}

HistogramSnapshot::HistogramSnapshot() : buckets_(Histogram::kBucketCount) {}

absl::Duration HistogramSnapshot::Percentile(double percent) const {
  if (count_ == 0) return absl::ZeroDuration();
  if (!(percent > 0)) return min();
  if (percent >= 100) return max();
  const double exact_rank = std::ceil(percent * static_cast<double>(count_) / 100);
  const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(exact_rank));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket + 1 < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return absl::Nanoseconds(std::clamp(BucketMiddle(bucket), min_nanos_, max_nanos_));
  }
  // The last bucket has no upper end, so the exact maximum is the best that is known of it.
  return max();
}

void HistogramSnapshot::Merge(const HistogramSnapshot& other) {
  if (other.count_ == 0) return;
  min_nanos_ = count_ == 0 ? other.min_nanos_ : std::min(min_nanos_, other.min_nanos_);
  max_nanos_ = std::max(max_nanos_, other.max_nanos_);
  count_ += other.count_;
  sum_nanos_ += other.sum_nanos_;
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
}

HistogramSnapshot HistogramSnapshot::Since(const HistogramSnapshot& earlier) const {
  HistogramSnapshot difference = *this;
  difference.count_ -= earlier.count_;
  difference.sum_nanos_ -= earlier.sum_nanos_;
  for (size_t i = 0; i < buckets_.size(); ++i) difference.buckets_[i] -= earlier.buckets_[i];
  difference.TakeExtremesFromBuckets();
  return difference;
}

void HistogramSnapshot::TakeExtremesFromBuckets() {
  if (count_ == 0) return;
  const int64_t exact_min = min_nanos_;
  const int64_t exact_max = max_nanos_;
  const auto used = [](uint64_t count) { return count != 0; };
  const auto first = std::find_if(buckets_.begin(), buckets_.end(), used);
  const auto last = std::find_if(buckets_.rbegin(), buckets_.rend(), used);
  const auto least = static_cast<size_t>(first - buckets_.begin());
  const auto greatest = static_cast<size_t>(buckets_.rend() - last) - 1;
  const bool open_ended = greatest + 1 == buckets_.size();
  min_nanos_ = std::clamp(BucketMiddle(least), exact_min, exact_max);
  max_nanos_ = open_ended ? exact_max : std::clamp(BucketMiddle(greatest), exact_min, exact_max);
}

}  // namespace nearcache::internal::metrics
