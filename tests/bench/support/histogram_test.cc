#include "bench/support/histogram.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

TEST(HistogramTest, BucketMiddlesAreWithinThreePercent) {
  for (int64_t value = 1; value < int64_t{1} << 39; value = value * 9 / 8 + 1) {
    const int64_t middle = Histogram::ValueOf(Histogram::BucketOf(value));
    EXPECT_NEAR(static_cast<double>(middle) / static_cast<double>(value), 1, 0.034) << value;
  }
}

TEST(HistogramTest, BucketsNeverGoDown) {
  size_t previous = 0;
  for (int64_t value = 0; value < 100'000; ++value) {
    const size_t bucket = Histogram::BucketOf(value);
    ASSERT_GE(bucket, previous);
    ASSERT_LE(bucket, previous + 1);
    previous = bucket;
  }
}

TEST(HistogramTest, ExtremesFallIntoTheOuterBuckets) {
  EXPECT_EQ(Histogram::BucketOf(-5), 0u);
  EXPECT_EQ(Histogram::BucketOf(INT64_MAX), size_t{Histogram::kBucketCount - 1});
}

TEST(HistogramTest, PercentilesOfAnIntervalIgnoreWhatWasBefore) {
  const auto histogram = std::make_unique<Histogram>();
  for (int i = 0; i < 1000; ++i) histogram->Record(1'000'000);
  const HistogramSnapshot before = histogram->Snapshot();
  for (int i = 1; i <= 100; ++i) histogram->Record(i);
  const HistogramSnapshot interval = histogram->Snapshot().Since(before);
  EXPECT_EQ(interval.count(), 100u);
  EXPECT_NEAR(static_cast<double>(interval.Percentile(0.5)), 50, 2);
  EXPECT_NEAR(static_cast<double>(interval.Percentile(0.99)), 99, 4);
}

// Ten callers' answers come in 100, as they ask; one is held up for 1000, so nine questions were not asked.
TEST(HistogramTest, CorrectionAddsWhatWasNotAsked) {
  HistogramSnapshot seen;
  for (int i = 0; i < 10; ++i) seen.Record(100);
  seen.Record(1000);
  const HistogramSnapshot corrected = seen.Corrected(100);
  EXPECT_EQ(seen.count(), 11u);
  EXPECT_EQ(corrected.count(), 20u);
  EXPECT_NEAR(static_cast<double>(seen.Percentile(0.9)), 100, 4);
  EXPECT_NEAR(static_cast<double>(corrected.Percentile(0.9)), 800, 32);
  EXPECT_EQ(corrected.Percentile(1), seen.Percentile(1));
}

TEST(HistogramTest, EmptyHasNoPercentile) { EXPECT_EQ(HistogramSnapshot().Percentile(0.5), 0); }

}  // namespace
}  // namespace nearcache::bench
