#include "bench/processes/judge.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "bench/processes/key_space.h"
#include "bench/processes/version_table.h"
#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

constexpr uint32_t kKey = 5;
constexpr int64_t kBound = 500;

// A table in private memory, of 16 keys that two slots write.
class JudgeTest : public testing::Test {
 protected:
  JudgeTest() : keys_(16, 2), memory_(VersionTable::BytesNeeded(keys_) / 8), table_(memory_.data(), keys_) {}

  uint32_t Write(int64_t ended_nanos, WriteOutcome outcome = WriteOutcome::kAcknowledged) {
    const uint32_t version = table_.Begin(kKey, 1);
    table_.End(kKey, version, outcome, ended_nanos);
    return version;
  }

  Verdict Read(uint32_t version, int64_t begun_nanos, uint32_t floor = 0, int64_t bound = kBound) {
    return Judge(table_, {kKey, version, begun_nanos, floor, bound});
  }

  const KeySpace keys_;
  std::vector<uint64_t> memory_;
  VersionTable table_;
};

TEST_F(JudgeTest, RuleAsATable) {
  Write(1000);                          // 1
  Write(2000);                          // 2
  Write(2100, WriteOutcome::kFailed);   // 3
  Write(2200, WriteOutcome::kUnknown);  // 4
  Write(3000);                          // 5
  table_.Begin(kKey, 1);                // 6, still under way
  const struct {
    const char* fact;
    uint32_t version;
    int64_t begun_nanos;
    uint32_t floor;
    int64_t bound_nanos;
    Finding finding;
    int64_t age_nanos;
  } kCases[] = {
      {"newest acknowledged", 5, 9000, 5, kBound, Finding::kSound, 0},
      {"replaced after the read began", 2, 2900, 0, kBound, Finding::kSound, 0},
      {"replaced at the moment the read began", 2, 3000, 0, kBound, Finding::kSound, 0},
      {"replaced within the bound", 2, 3400, 0, kBound, Finding::kSound, 400},
      {"replaced exactly the bound ago", 2, 3500, 0, kBound, Finding::kSound, 500},
      {"replaced longer ago than the bound", 2, 3501, 0, kBound, Finding::kTooOld, 501},
      {"first of several successors counts", 1, 2501, 0, kBound, Finding::kTooOld, 501},
      {"failed and unknown writes replace nothing", 2, 2800, 0, kBound, Finding::kSound, 0},
      {"fresh read has no slack", 2, 3001, 0, 0, Finding::kTooOld, 1},
      {"fresh read of what was replaced after it began", 2, 2999, 0, 0, Finding::kSound, 0},
      {"write under way may be seen", 6, 3001, 5, kBound, Finding::kSound, 0},
      {"write under way replaces nothing", 5, 9999, 5, 0, Finding::kSound, 0},
      {"older than seen before", 2, 3100, 5, kBound, Finding::kWentBack, 100},
      {"same as seen before", 5, 3100, 5, kBound, Finding::kSound, 0},
      {"failed write became visible", 3, 2150, 0, kBound, Finding::kPhantom, 0},
      {"unknown write may take effect late", 4, 9000, 5, kBound, Finding::kUnknownVersion, 6000},
      {"unknown write in time is nothing special", 4, 3100, 4, kBound, Finding::kSound, 100},
      {"version that nobody wrote", 7, 9000, 0, kBound, Finding::kForeign, 0},
      {"version zero", 0, 9000, 0, kBound, Finding::kForeign, 8000},
  };
  for (const auto& c : kCases) {
    const Verdict verdict = Read(c.version, c.begun_nanos, c.floor, c.bound_nanos);
    EXPECT_EQ(FindingName(verdict.finding), FindingName(c.finding)) << c.fact;
    EXPECT_EQ(verdict.age_nanos, c.age_nanos) << c.fact;
  }
}

TEST_F(JudgeTest, DeliberatelyStaleReaderIsFlaggedWhenTheBoundHasPassed) {
  const uint32_t copied = Write(0);
  int64_t now = 100;
  Write(now);
  int violations = 0;
  for (; now <= 1100; now += 10) violations += IsViolation(Read(copied, now).finding);
  EXPECT_EQ(violations, 50);  // From 610 to 1100.
}

TEST_F(JudgeTest, HistoryOfAHotKeyReachesBackManyVersions) {
  for (int64_t i = 1; i <= 10'000; ++i) Write(i);
  EXPECT_EQ(Read(1, 9000, 0, 10'000).age_nanos, 9000 - 2);
  EXPECT_EQ(Read(1, 9000, 0, 10'000).successor, 2u);
}

TEST_F(JudgeTest, ForgottenHistoryErrsOnTheSideOfTheCacheButStillJudges) {
  for (int64_t i = 1; i <= 300'000; ++i) Write(i);  // More than the ring holds.
  const Verdict verdict = Read(1, 10'000'000);
  EXPECT_EQ(verdict.finding, Finding::kTooOld);
  EXPECT_GT(verdict.successor, 2u);
}

TEST_F(JudgeTest, VersionWhoseWriterWasKilledIsUnknown) {
  Write(100);
  const uint32_t killed = table_.Begin(kKey, 1);
  table_.RecoverSlot(keys_.OwnerOf(kKey), 200);
  const uint32_t next = Write(300);
  EXPECT_EQ(next, killed + 1);
  EXPECT_EQ(Read(killed, 9000).finding, Finding::kUnknownVersion);
  EXPECT_EQ(Read(1, 9000).successor, next);
}

TEST_F(JudgeTest, RecoveryLeavesFinishedWritesAlone) {
  Write(100);
  Write(200, WriteOutcome::kFailed);
  table_.RecoverSlot(keys_.OwnerOf(kKey), 300);
  EXPECT_EQ(table_.LastEndNanos(kKey), 200);
  EXPECT_EQ(Read(2, 900).finding, Finding::kPhantom);
}

// A reader that walks while the ring is overwritten must never find a successor that was not one.
TEST_F(JudgeTest, ConcurrentReadersSeeOnlyTrueSuccessors) {
  std::thread writer([this] {
    for (int64_t i = 1; i <= 400'000; ++i) Write(i * 10);
  });
  uint32_t version = 1;
  while (version < 400'000) {
    const VersionHistory history = table_.Find(kKey, version);
    if (history.successor != 0) {
      ASSERT_GT(history.successor, version);
      ASSERT_EQ(history.successor_acknowledged_nanos, int64_t{history.successor} * 10);
    }
    version = history.newest_begun > version + 50'000 ? history.newest_begun - 1000 : version;
    if (history.newest_begun == 400'000) break;
  }
  writer.join();
}

}  // namespace
}  // namespace nearcache::bench
