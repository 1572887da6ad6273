// The verdicts on figures that are made up.

#include "bench/remote_peers/goals.h"

#include <string>
#include <vector>

#include "bench/remote_peers/figures.h"
#include "bench/remote_peers/registry.h"
#include "bench/remote_peers/scenes.h"
#include "bench/support/goals.h"
#include "gtest/gtest.h"

namespace nearcache::remote_peers {
namespace {

using bench::Verdict;

const Scene kCrowd{kBlockingMode, "n=64"};

Figures Of(double per_second, double client_cpu_micros, double p99_micros) {
  Figures figures;
  figures.per_second = per_second;
  figures.client_cpu_micros = client_cpu_micros;
  figures.p99_micros = p99_micros;
  return figures;
}

const Verdict* Find(const std::vector<Verdict>& verdicts, const std::string& id, const std::string& against,
                    const std::string& what) {
  for (const Verdict& verdict : verdicts) {
    if (verdict.goal.id == id && verdict.goal.against == against && verdict.goal.what == what) return &verdict;
  }
  return nullptr;
}

TEST(GoalsTest, RatiosArePairedWithinRounds) {
  Results results;
  // The machine is three times as fast in the second round.
  for (const double speed : {1.0, 3.0, 1.0}) {
    results.Add(kCrowd, kEngine, Of(300 * speed, 3 / speed, 10));
    results.Add(kCrowd, kPool, Of(100 * speed, 10 / speed, 100));
  }
  const std::vector<Verdict> verdicts = Judge(results);
  const Verdict* const throughput = Find(verdicts, "G1", kPool, "bt n=64 throughput");
  ASSERT_NE(throughput, nullptr);
  EXPECT_NEAR(throughput->value, 3, 1e-9);
  EXPECT_NEAR(throughput->high - throughput->low, 0, 1e-9);
  EXPECT_TRUE(throughput->ok());
  const Verdict* const cpu = Find(verdicts, "G3", kPool, "bt n=64 client-cpu");
  ASSERT_NE(cpu, nullptr);
  EXPECT_TRUE(cpu->ok());
  EXPECT_TRUE(Find(verdicts, "G4", kPool, "bt n=64 p99")->ok());
}

TEST(GoalsTest, MissedGoalsAreSaid) {
  Results results;
  results.Add(kCrowd, kEngine, Of(240, 5, 50));
  results.Add(kCrowd, kPool, Of(100, 10, 100));
  const std::vector<Verdict> verdicts = Judge(results);
  EXPECT_FALSE(Find(verdicts, "G1", kPool, "bt n=64 throughput")->ok());
  EXPECT_FALSE(Find(verdicts, "G3", kPool, "bt n=64 client-cpu")->ok());
  EXPECT_FALSE(Find(verdicts, "G4", kPool, "bt n=64 p99")->ok());
  EXPECT_TRUE(Find(verdicts, "floor", kPool, "bt n=64 throughput")->ok());
}

TEST(GoalsTest, BoostIsTakenAtItsBetterSetting) {
  Results results;
  results.Add(kCrowd, kEngine, Of(300, 1, 1));
  results.Add(kCrowd, kBoost, Of(100, 3, 1));
  results.Add(kCrowd, kBoost64, Of(200, 4, 1));
  const std::vector<Verdict> verdicts = Judge(results);
  const Verdict* const throughput = Find(verdicts, "G2", kBoost64, "bt n=64 throughput");
  ASSERT_NE(throughput, nullptr);
  EXPECT_NEAR(throughput->value, 1.5, 1e-9);
  EXPECT_NE(Find(verdicts, "G3", kBoost, "bt n=64 client-cpu"), nullptr);
}

TEST(GoalsTest, AbsentPeersHaveNoVerdict) {
  Results results;
  results.Add(kCrowd, kEngine, Of(300, 1, 1));
  for (const Verdict& verdict : Judge(results)) EXPECT_EQ(verdict.goal.against, "limit") << bench::GoalLine(verdict);
}

TEST(GoalsTest, ALostMessageIsAMiss) {
  const Scene lag{kLagMode, "10000/s"};
  Results results;
  Figures lost;
  lost.wrong = 1;
  results.Add(lag, kEngine, lost);
  EXPECT_EQ(results.wrong(), 1u);
  const std::vector<Verdict> verdicts = Judge(results);
  const Verdict* const none_lost = Find(verdicts, "G9", "none-lost", "lag 10000/s messages lost");
  ASSERT_NE(none_lost, nullptr);
  EXPECT_FALSE(none_lost->ok());
}

}  // namespace
}  // namespace nearcache::remote_peers
