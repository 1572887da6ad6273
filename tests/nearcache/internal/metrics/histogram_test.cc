#include "nearcache/internal/metrics/histogram.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace nearcache::internal::metrics {
namespace {

TEST(HistogramBucketTest, BucketsFollowEachOtherWithoutGaps) {
  EXPECT_EQ(Histogram::BucketStart(0), 0);
  for (size_t bucket = 0; bucket + 1 < Histogram::kBucketCount; ++bucket) {
    const int64_t start = Histogram::BucketStart(bucket);
    const int64_t next = Histogram::BucketStart(bucket + 1);
    ASSERT_LT(start, next);
    EXPECT_EQ(Histogram::BucketOf(start), bucket);
    EXPECT_EQ(Histogram::BucketOf(next - 1), bucket);
    EXPECT_LE((next - start) * 32, std::max<int64_t>(start, 32)) << "wider than 1/32";
  }
}

TEST(HistogramBucketTest, ReachesFromOneNanosecondToAHundredSeconds) {
  EXPECT_EQ(Histogram::BucketOf(1), 1u);
  EXPECT_LT(Histogram::BucketOf(100'000'000'000), Histogram::kBucketCount - 1);
  EXPECT_EQ(Histogram::BucketOf(std::numeric_limits<int64_t>::max()), Histogram::kBucketCount - 1);
  EXPECT_EQ(Histogram::BucketOf(-5), 0u);
}

TEST(HistogramTest, RecordingAloneComesToTheSame) {
  Histogram shared;
  Histogram alone(1);
  for (int64_t nanos = 0; nanos < 200'000'000'000; nanos = nanos * 3 / 2 + 1) {
    shared.Record(nanos);
    alone.RecordAlone(nanos);
  }
  const HistogramSnapshot expected = shared.Snapshot();
  const HistogramSnapshot snapshot = alone.Snapshot();
  EXPECT_EQ(snapshot.count(), expected.count());
  EXPECT_EQ(snapshot.sum(), expected.sum());
  EXPECT_EQ(snapshot.min(), expected.min());
  EXPECT_EQ(snapshot.max(), expected.max());
  for (const double percent : {1., 50., 99.}) EXPECT_EQ(snapshot.Percentile(percent), expected.Percentile(percent));
}

TEST(HistogramTest, EmptyHistogramAnswersZero) {
  const HistogramSnapshot empty = Histogram().Snapshot();
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.sum(), absl::ZeroDuration());
  EXPECT_EQ(empty.min(), absl::ZeroDuration());
  EXPECT_EQ(empty.max(), absl::ZeroDuration());
  EXPECT_EQ(empty.mean(), absl::ZeroDuration());
  EXPECT_EQ(empty.Percentile(50), absl::ZeroDuration());
}

TEST(HistogramTest, OneValueIsEveryPercentile) {
  Histogram histogram;
  histogram.Record(absl::Microseconds(123));
  const HistogramSnapshot snapshot = histogram.Snapshot();
  for (const double percent : {0.0, 0.001, 50.0, 99.999, 100.0}) {
    EXPECT_EQ(snapshot.Percentile(percent), absl::Microseconds(123)) << percent;
  }
  EXPECT_EQ(snapshot.mean(), absl::Microseconds(123));
}

TEST(HistogramTest, PercentilesAreWithinTheirResolution) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latency(12, 2);
  std::vector<int64_t> values;
  Histogram histogram;
  for (int i = 0; i < 100000; ++i) {
    values.push_back(static_cast<int64_t>(latency(random)));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  const HistogramSnapshot snapshot = histogram.Snapshot();
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const auto rank = static_cast<size_t>(std::ceil(percent * static_cast<double>(values.size()) / 100));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(absl::ToDoubleNanoseconds(snapshot.Percentile(percent)), exact, exact * 0.016 + 1) << percent;
  }
  EXPECT_EQ(snapshot.min(), absl::Nanoseconds(values.front()));
  EXPECT_EQ(snapshot.max(), absl::Nanoseconds(values.back()));
  EXPECT_EQ(snapshot.Percentile(0), snapshot.min());
  EXPECT_EQ(snapshot.Percentile(100), snapshot.max());
  int64_t sum = 0;
  for (const int64_t value : values) sum += value;
  EXPECT_EQ(snapshot.sum(), absl::Nanoseconds(sum));
}

TEST(HistogramTest, ValuesBeyondTheRangeKeepTheirExactMaximum) {
  Histogram histogram;
  histogram.Record(absl::Hours(5));
  histogram.Record(absl::Nanoseconds(-7));
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), 2u);
  EXPECT_EQ(snapshot.min(), absl::ZeroDuration());
  EXPECT_EQ(snapshot.max(), absl::Hours(5));
  EXPECT_EQ(snapshot.Percentile(99), absl::Hours(5));
}

TEST(HistogramTest, MergedSnapshotsEqualOneHistogramOfAll) {
  Histogram first, second, both;
  for (int i = 1; i <= 1000; ++i) {
    Histogram& one = i % 3 == 0 ? first : second;
    one.Record(i * 977);
    both.Record(i * 977);
  }
  HistogramSnapshot merged;
  merged.Merge(first.Snapshot());
  merged.Merge(second.Snapshot());
  merged.Merge(Histogram().Snapshot());
  const HistogramSnapshot expected = both.Snapshot();
  EXPECT_EQ(merged.count(), expected.count());
  EXPECT_EQ(merged.sum(), expected.sum());
  EXPECT_EQ(merged.min(), expected.min());
  EXPECT_EQ(merged.max(), expected.max());
  for (int percent = 0; percent <= 100; ++percent) EXPECT_EQ(merged.Percentile(percent), expected.Percentile(percent));
}

TEST(HistogramTest, SinceShowsOnlyWhatCameLater) {
  Histogram histogram;
  for (int i = 0; i < 100; ++i) histogram.Record(absl::Milliseconds(1));
  const HistogramSnapshot earlier = histogram.Snapshot();
  for (int i = 0; i < 10; ++i) histogram.Record(absl::Milliseconds(50));
  histogram.Record(absl::Milliseconds(80));
  const HistogramSnapshot since = histogram.Snapshot().Since(earlier);
  EXPECT_EQ(since.count(), 11u);
  EXPECT_EQ(since.sum(), absl::Milliseconds(580));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(since.Percentile(50)), 50, 0.8);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(since.min()), 50, 0.8);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(since.max()), 80, 1.3);
  EXPECT_EQ(earlier.Since(earlier).count(), 0u);
  EXPECT_EQ(earlier.Since(earlier).max(), absl::ZeroDuration());
}

TEST(HistogramTest, ThreadsLoseNothing) {
  Histogram histogram;
  constexpr int kThreads = 32;  // Four to a stripe, so that they meet there.
  constexpr int kValues = 50000;
  std::atomic<bool> start{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      while (!start.load()) std::this_thread::yield();
      for (int i = 1; i <= kValues; ++i) histogram.Record(i + t);
    });
  }
  start = true;
  while (histogram.Snapshot().count() < kValues) {  // Reading meanwhile disturbs nobody.
  }
  for (std::thread& thread : threads) thread.join();
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), uint64_t{kThreads} * kValues);
  EXPECT_EQ(snapshot.min(), absl::Nanoseconds(1));
  EXPECT_EQ(snapshot.max(), absl::Nanoseconds(kValues + kThreads - 1));
  constexpr int64_t kSum =
      int64_t{kThreads} * kValues * (kValues + 1) / 2 + int64_t{kValues} * kThreads * (kThreads - 1) / 2;
  EXPECT_EQ(snapshot.sum(), absl::Nanoseconds(kSum));
}

}  // namespace
}  // namespace nearcache::internal::metrics
