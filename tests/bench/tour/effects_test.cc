#include "bench/tour/effects.h"

#include <cstdint>
#include <vector>

#include "bench/processes/judge.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"
#include "gtest/gtest.h"

namespace nearcache::bench::tour {
namespace {

// Four samples a second of two workers; each answers so many reads from memory, of 100 each.
class Series {
 public:
  Series& Add(int samples, uint64_t hits_first, uint64_t hits_second) {
    for (int i = 0; i < samples; ++i) {
      Sample sample;
      seconds_ += 0.25;
      sample.at_seconds = seconds_;
      sample.workers = {Worker(hits_first), Worker(hits_second)};
      sample.total.seconds = 0.25;
      sample.total.counts[kLocalHits] = hits_first + hits_second;
      sample.total.counts[kRemoteHits] = 200 - hits_first - hits_second;
      samples_.push_back(sample);
    }
    return *this;
  }

  std::vector<Sample>& samples() { return samples_; }

 private:
  static Interval Worker(uint64_t hits) {
    Interval interval;
    interval.seconds = 0.25;
    interval.counts[kLocalHits] = hits;
    interval.counts[kRemoteHits] = 100 - hits;
    return interval;
  }

  double seconds_ = 0;
  std::vector<Sample> samples_;
};

TEST(EffectsTest, ComparesBeforeAndAfter) {
  Series series;
  series.Add(8, 90, 90).Add(4, 90, 0).Add(8, 90, 90);
  const Effect effect = MeasureEffects(series.samples(), {{2, 0, "kill", ""}})[0];
  EXPECT_DOUBLE_EQ(effect.local_percent_before, 90);
  EXPECT_DOUBLE_EQ(effect.local_percent_worst, 45);
  EXPECT_DOUBLE_EQ(effect.reads_per_second_before, 800);
  EXPECT_DOUBLE_EQ(effect.recovery_seconds, 1.25);  // The fifth sample after the fault is the first good one.
}

TEST(EffectsTest, OneGoodSampleBetweenBadOnesIsNoRecovery) {
  Series series;
  series.Add(8, 90, 90).Add(1, 10, 10).Add(1, 90, 90).Add(2, 10, 10).Add(4, 90, 90);
  EXPECT_DOUBLE_EQ(MeasureEffects(series.samples(), {{2, 0, "cut", ""}})[0].recovery_seconds, 1.25);
}

TEST(EffectsTest, NothingIsWellBeforeTheFaultIsUndone) {
  Series series;
  series.Add(16, 90, 90);
  EXPECT_DOUBLE_EQ(MeasureEffects(series.samples(), {{2, 2.6, "pause", ""}})[0].recovery_seconds, 1);
}

TEST(EffectsTest, FailedReadsAreNoRecovery) {
  Series series;
  series.Add(16, 90, 90);
  for (int i = 8; i < 10; ++i) series.samples()[i].workers[1].counts[kReadsFailed] = 1;
  EXPECT_DOUBLE_EQ(MeasureEffects(series.samples(), {{2, 0, "restart", ""}})[0].recovery_seconds, 0.75);
}

TEST(EffectsTest, SilentWorkerIsNoRecovery) {
  Series series;
  series.Add(8, 90, 90).Add(8, 100, 0);
  EXPECT_LT(MeasureEffects(series.samples(), {{2, 0, "kill", ""}})[0].recovery_seconds, 0);
}

TEST(EffectsTest, EachFaultIsChargedWithItsOwnWindow) {
  Series series;
  series.Add(16, 90, 90);
  series.samples()[3].total.oldest_served = 7;   // 0.75 to 1 s.
  series.samples()[9].total.oldest_served = 21;  // 2.25 to 2.5 s.
  series.samples()[9].total.counts[kFirstFinding + static_cast<int>(Finding::kTooOld)] = 1;
  const std::vector<Effect> effects = MeasureEffects(series.samples(), {{0.5, 0, "first", ""}, {2, 0, "second", ""}});
  EXPECT_EQ(effects[0].oldest_served_nanos, 7);
  EXPECT_EQ(effects[0].violations, 0u);
  EXPECT_EQ(effects[1].oldest_served_nanos, 21);
  EXPECT_EQ(effects[1].violations, 1u);
}

TEST(EffectsTest, IsTold) {
  Effect effect;
  effect.local_percent_before = 93;
  effect.local_percent_worst = 71;
  effect.reads_per_second_before = 1.2e6;
  effect.reads_per_second_worst = 8e5;
  effect.recovery_seconds = 1.25;
  effect.oldest_served_nanos = 214'000'000;
  EXPECT_EQ(
      DescribeEffect(effect),
      "L1 93 % → 71 %, reads 1.20 M → 800 k/s, all work again within 1.2 s; oldest value served 214 ms; 0 violations");
}

}  // namespace
}  // namespace nearcache::bench::tour
