// A histogram of durations that many threads and processes add to and one reads: log-linear buckets, 16 per power of
// two, so a percentile is exact to about 3 percent. Lies in shared memory; zeroed memory is an empty histogram. Counts
// only grow; a reader takes snapshots and subtracts.

#ifndef BENCH_SUPPORT_HISTOGRAM_H_
#define BENCH_SUPPORT_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nearcache::bench {

class HistogramSnapshot;

class Histogram {
 public:
  // Values from 2^40 on (18 minutes in nanoseconds) count as the greatest that fits.
  static constexpr int kBucketCount = 38 * 16;

  // One relaxed atomic add.
  void Record(int64_t value) { buckets_[BucketOf(value)].fetch_add(1, std::memory_order_relaxed); }

  HistogramSnapshot Snapshot() const;

  static size_t BucketOf(int64_t value);
  // The middle of a bucket.
  static int64_t ValueOf(size_t bucket);

 private:
  std::atomic<uint64_t> buckets_[kBucketCount];
};

class HistogramSnapshot {
 public:
  // What was recorded here and not in `earlier`, a snapshot of the same histograms.
  HistogramSnapshot Since(const HistogramSnapshot& earlier) const;
  void Add(const HistogramSnapshot& other);
  // For a histogram that one thread alone uses.
  void Record(int64_t value) { ++counts_[Histogram::BucketOf(value)]; }

  // For latencies of callers that ask every `interval` and wait for the answer before they ask again: what they would
  // have seen had they not waited (coordinated omission). For each value v also v - interval, v - 2 * interval, …, as
  // long as these are not below the interval (HdrHistogram's copyCorrectedForCoordinatedOmission). REQUIRES: interval >
  // 0
  HistogramSnapshot Corrected(int64_t interval) const;

  uint64_t count() const;
  // The value that `fraction` of the recorded ones do not exceed; 0 when empty.
  int64_t Percentile(double fraction) const;

 private:
  friend class Histogram;
  std::array<uint64_t, Histogram::kBucketCount> counts_ = {};
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_HISTOGRAM_H_
