// A histogram of durations that many threads record into at once, for latencies and lags.
//
// Buckets are log-linear: every power of two is cut into 32 equal parts, so that a bucket is at
// most 1/32 = 3.1 % of its values wide, and a percentile, which answers with the middle of its
// bucket, is off by at most 1.6 %. Below 64 ns every nanosecond has a bucket of its own. Durations
// of more than 137 s share the last bucket; count, sum, minimum and maximum are exact for all. The
// scheme is that of HdrHistogram (Gil Tene), with a fixed precision.
//
// Concurrency: lock-free. A thread records into one of 8 stripes (base/striped_counter.h) with two
// relaxed adds and two comparisons, about 10 ns, whatever the other threads do. A snapshot stops
// nobody; taken while others record, it may lack their last few values, and its sum may belong to a
// few values more or less than its count.
//
// Memory: 8 stripes of 1056 buckets, 66 KiB, never more (8.3 KiB with one stripe). A snapshot has 8.3 KiB.

#ifndef NEARCACHE_INTERNAL_METRICS_HISTOGRAM_H_
#define NEARCACHE_INTERNAL_METRICS_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"

namespace nearcache::internal::metrics {

// What a histogram held at one moment. A plain value: copy, merge, subtract. Not thread-safe while
// it changes.
class HistogramSnapshot {
 public:
  HistogramSnapshot();

  uint64_t count() const { return count_; }
  absl::Duration sum() const { return absl::Nanoseconds(static_cast<int64_t>(sum_nanos_)); }

  // Zero while count() is 0.
  absl::Duration min() const { return absl::Nanoseconds(count_ == 0 ? 0 : min_nanos_); }
  absl::Duration max() const { return absl::Nanoseconds(count_ == 0 ? 0 : max_nanos_); }
  absl::Duration mean() const { return count_ == 0 ? absl::ZeroDuration() : sum() / static_cast<double>(count_); }

  // A duration that `percent` (0 to 100) of the values do not exceed, off by 1.6 % at most; min()
  // for 0, max() for 100, zero while count() is 0.
  absl::Duration Percentile(double percent) const;

  // Adds the values of another histogram, as if all had been recorded into one.
  void Merge(const HistogramSnapshot& other);

  // What was recorded after `earlier`, a snapshot of the same histogram. Its minimum and maximum
  // are known as precisely as a percentile only.
  HistogramSnapshot Since(const HistogramSnapshot& earlier) const;

 private:
  friend class Histogram;

  void TakeExtremesFromBuckets();

  uint64_t count_ = 0;
  uint64_t sum_nanos_ = 0;
  int64_t min_nanos_ = 0;
  int64_t max_nanos_ = 0;
  std::vector<uint64_t> buckets_;
};

class Histogram {
 public:
  static constexpr int kPartsPerPowerOfTwo = 32;
  static constexpr int kPowersOfTwo = 37;  // The last bucket begins below 2^37 ns = 137 s.
  static constexpr size_t kBucketCount = size_t{kPartsPerPowerOfTwo} * (kPowersOfTwo - 4);

  // `stripes`: 1 where one thread does all of the recording.
  explicit Histogram(size_t stripes = kStripes);
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  // Thread-safe. Negative durations count as zero.
  void Record(int64_t nanos);
  void Record(absl::Duration duration) { Record(absl::ToInt64Nanoseconds(duration)); }

  // The same for a histogram of one stripe that a single thread records into, without any atomic read-modify-write.
  // REQUIRES: nobody else records.
  void RecordAlone(int64_t nanos);

  // Thread-safe. About 10 us.
  HistogramSnapshot Snapshot() const;

  // The bucket of a duration, and the least duration of a bucket; for tests and exporters.
  static size_t BucketOf(int64_t nanos);
  static int64_t BucketStart(size_t bucket);

 private:
  static constexpr size_t kStripes = 8;
  struct Stripe;

  const size_t stripe_count_;
  const std::unique_ptr<Stripe[]> stripes_;
};

}  // namespace nearcache::internal::metrics

#endif  // NEARCACHE_INTERNAL_METRICS_HISTOGRAM_H_
