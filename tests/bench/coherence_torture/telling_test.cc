// What a run says: the last line, the lines of progress, and the history of a violation in words.

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/fault_record.h"
#include "bench/coherence_torture/history.h"
#include "bench/coherence_torture/recovery_watch.h"
#include "bench/coherence_torture/summary.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kStart = 100 * kNanosPerSecond;

std::unique_ptr<Arena> MakeArena() {
  Setup setup;
  setup.worker_count = 2;
  setup.key_count = 64;
  return *Arena::Create(setup);
}

TEST(SummaryTest, LastLineIsExact) {
  const std::unique_ptr<Arena> arena = MakeArena();
  arena->worker(0).counts[kLocalHits].store(9'000);
  arena->worker(1).counts[kLocalHits].store(800);
  arena->worker(1).counts[kRemoteHits].store(100);
  arena->worker(1).counts[kMisses].store(60);
  arena->worker(1).counts[kReadsFailed].store(40);
  arena->worker(0).counts[kUnjudged].store(7);
  arena->worker(0).counts[kUnplaced].store(3);
  arena->worker(0).counts[kWritesAcknowledged].store(55);
  arena->worker(0).counts[kWritesUnknown].store(5);
  arena->worker(0).oldest_nanos.store(120 * kNanosPerMilli);
  arena->worker(1).oldest_nanos.store(250'449'000);
  arena->violations().Add(Violation::kTooOld);
  EXPECT_EQ(LastLine(TotalsOf(arena.get()), {12, 3}, 300 * kNanosPerMilli),
            "checked_reads=9890 writes=55 faults=12 kinds=3 violations=1 oldest_ms=250.4 bound_ms=300 "
            "hit_share=98.00%");
}

TEST(SummaryTest, NothingWasReadIsNoDivisionByZero) {
  EXPECT_THAT(LastLine(Totals(), {}, 100 * kNanosPerMilli), HasSubstr("hit_share=0.00%"));
}

TEST(SummaryTest, ProgressTellsRatesSinceTheLineBefore) {
  Totals totals;
  Progress progress;
  totals.counts[kLocalHits] = 1'000'000;
  progress.Line(totals, {}, kNanosPerSecond, "");
  totals.counts[kLocalHits] += 100'000;
  totals.counts[kMisses] += 100'000;
  EXPECT_THAT(progress.Line(totals, {4, 2}, 3 * kNanosPerSecond, "push_late"),
              AllOf(HasSubstr("3.0 s"), HasSubstr("100 k reads/s"), HasSubstr("hits  50.0 %"), HasSubstr("push_late"),
                    HasSubstr("faults 4 of 2 kinds")));
}

ViolationRecord& Add(ViolationLog* log, Violation violation) {
  ViolationRecord& record = *log->Add(violation);
  record.worker = 1;
  record.at_nanos = kStart + 2 * kNanosPerSecond;
  record.ended_nanos = record.at_nanos + kNanosPerMilli;
  record.complete.store(1);
  return record;
}

TEST(HistoryTest, TellsTheReadTheWritesAndTheFaultsAround) {
  const auto log = std::make_unique<ViolationLog>();
  ViolationRecord& record = Add(log.get(), Violation::kTooOld);
  record.key = 17;
  record.version = 4;
  record.successor = 5;
  record.from_memory = true;
  record.age_nanos = 400 * kNanosPerMilli;
  record.bound_nanos = 300 * kNanosPerMilli;
  record.history_count = 2;
  record.history[0] = {6, WriteOutcome::kUnknown, kStart + kNanosPerSecond, kStart + kNanosPerSecond + kNanosPerMilli};
  record.history[1] = {5, WriteOutcome::kAcknowledged, kStart, kStart + kNanosPerMilli};
  const std::vector<FaultRecord> faults = {
      {"flush_all", -1, kStart - 20 * kNanosPerSecond, kStart - 19 * kNanosPerSecond, true},
      {"push_late", 1, kStart + kNanosPerSecond, kStart + kNanosPerSecond, true},
      {"cut_data", 0, kStart + kNanosPerSecond, kStart + kNanosPerSecond, false},
      {"worker_paused", 0, kStart + kNanosPerSecond, 0, false},
      {"swap_db", -1, kStart + 5 * kNanosPerSecond, 0, false}};
  const std::string text = DescribeViolations(*log, faults, kStart, "the heading");
  EXPECT_THAT(text, AllOf(HasSubstr("the heading\n"), HasSubstr("1 x a value older than the bound (C1)"),
                          HasSubstr("At 2.0000 s worker 1 began a read of key 17 (record:0000000017), which ended at "
                                    "2.0010 s with version 4 from memory. Version 5 had been acknowledged 400.0 ms "
                                    "before it began; at most 300.0 ms are allowed.")));
  EXPECT_THAT(text, AllOf(HasSubstr("version 6      1.0000 s to 1.0010 s  no answer: may take effect later, once"),
                          HasSubstr("version 5      0.0000 s to 0.0010 s  acknowledged")));
  EXPECT_THAT(text, AllOf(HasSubstr("push_late          worker 1"), HasSubstr("(met nothing)"),
                          HasSubstr("worker_paused      worker 0  1.0000 s to the end")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("flush_all")), Not(HasSubstr("swap_db"))));
}

TEST(HistoryTest, EveryKindOfViolationHasWordsOfItsOwn) {
  const auto log = std::make_unique<ViolationLog>();
  for (int kind = 0; kind < kViolationCount; ++kind) Add(log.get(), static_cast<Violation>(kind));
  log->records[static_cast<int>(Violation::kNotRecovered)][0].lack =
      static_cast<uint32_t>(RecoveryWatch::Lack::kThreads);
  const std::string text = DescribeViolations(*log, {}, kStart, "");
  EXPECT_THAT(text, Not(HasSubstr("?")));
  EXPECT_THAT(text, HasSubstr("more threads than at its beginning"));
}

TEST(HistoryTest, WithoutAViolationThereIsNothingToTell) {
  EXPECT_EQ(DescribeViolations(*std::make_unique<ViolationLog>(), {}, kStart, "heading"), "");
}

TEST(HistoryTest, FileIsWrittenOrTheReasonIsTold) {
  const std::string path = absl::StrCat(testing::TempDir(), "/history.txt");
  EXPECT_TRUE(WriteHistory(path, "words").ok());
  std::ifstream file(path);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>()), "words");
  EXPECT_THAT(WriteHistory("/nonexistent/x", "words").message(), HasSubstr("/nonexistent/x"));
}

}  // namespace
}  // namespace nearcache::bench::torture
