// The tier on traces, the goals, and the page.

#include "bench/hit_ratio/sweep.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/hit_ratio/generators.h"
#include "bench/hit_ratio/page.h"
#include "bench/hit_ratio/tier_run.h"
#include "bench/hit_ratio/trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/local/local_tier.h"

namespace nearcache::hit_ratio {
namespace {

using internal::local::PolicyKind;
using ::testing::HasSubstr;
using ::testing::Not;

Trace Made(const std::string& name) {
  GeneratorOptions options;
  options.keys = 2000;
  options.requests = 20'000;
  absl::StatusOr<Trace> trace = Generate(name, options);
  EXPECT_TRUE(trace.ok()) << trace.status();
  return *std::move(trace);
}

void Ignore(const Cell&) {}

TEST(TierRunTest, HoldsAsManyEntriesAsAskedFor) {
  for (const PolicyKind policy : {PolicyKind::kScanResistant, PolicyKind::kLru}) {
    for (const uint32_t entries : {50u, 1000u}) {
      const TierSetting setting{policy, StripesFor(entries, 16), 1};
      const Trace trace = Made("zipf");
      const TierRun run = RunTier(trace.requests, std::vector<uint32_t>(trace.key_count(), 256),
                                  CapacityForEntries(entries, 256, setting), setting);
      EXPECT_NEAR(run.mean_entries, entries, entries * 0.03);
    }
  }
}

TEST(TierRunTest, StaysWithinItsBudgetAndNearlyRepeats) {
  const Trace trace = Made("scan");
  const TierSetting setting{PolicyKind::kScanResistant, 4, 1};
  const TierRun run = RunTier(trace.requests, trace.sizes, 300'000, setting);
  EXPECT_LE(run.bytes_max, 300'000u);
  EXPECT_GE(run.bytes_max, 250'000u);
  // What an entry costs depends a little on what the allocator did before.
  EXPECT_NEAR(static_cast<double>(RunTier(trace.requests, trace.sizes, 300'000, setting).hits),
              static_cast<double>(run.hits), 0.005 * static_cast<double>(trace.requests.size()));
}

TEST(StripesForTest, LeavesEachStripeSomething) {
  EXPECT_EQ(StripesFor(10, 16), 1);
  EXPECT_EQ(StripesFor(127, 16), 1);
  EXPECT_EQ(StripesFor(128, 16), 2);
  EXPECT_EQ(StripesFor(1'000'000, 16), 16);
}

TEST(SweepTest, NothingIsAboveTheBoundAndEachPolicyIsItself) {
  for (const Unit unit : {Unit::kEntries, Unit::kBytes}) {
    const std::vector<Cell> cells = Sweep(Made("scan"), unit, SweepOptions(), &Ignore);
    ASSERT_GE(cells.size(), 5u);
    for (size_t i = 0; i < cells.size(); ++i) {
      const Cell& cell = cells[i];
      for (const uint64_t hits : cell.hits) {
        EXPECT_GT(hits, 0u);
        EXPECT_LE(hits, cell.hits[kBound] * 101 / 100) << UnitName(unit) << " " << cell.percent;
      }
      if (i > 0) {
        EXPECT_GE(cell.hits[kBound], cells[i - 1].hits[kBound]);
      }
      EXPECT_LT(cell.hits[kFifo], cell.hits[kLru]);
      // With second chances instead of an order of use.
      EXPECT_NEAR(cell.Gain(kTierLru), 0, 3);
    }
    // Between keys asked for once, the one that resists scans is the better one by far.
    EXPECT_GT(cells[2].Gain(kScanResistant), 2);
    EXPECT_GT(cells[2].hits[kScanResistant], cells[2].hits[kTierLru]);
  }
}

TEST(SweepTest, BoundLosesNothingByCountingEntries) {
  const std::vector<Cell> cells = Sweep(Made("loop"), Unit::kEntries, SweepOptions(), &Ignore);
  ASSERT_FALSE(cells.empty());
  for (const Cell& cell : cells) {
    EXPECT_EQ(cell.hits[kLru], 0u);
    // Nine rounds after the first, in each of which about as many hits as there are entries.
    EXPECT_NEAR(static_cast<double>(cell.hits[kBound]), 9.0 * static_cast<double>(cell.capacity),
                0.02 * 9.0 * static_cast<double>(cell.capacity));
  }
}

Cell CellOf(double percent, uint64_t scan_resistant, uint64_t lru) {
  Cell cell;
  cell.trace = "a<b";
  cell.recorded = true;
  cell.requests = 1000;
  cell.percent = percent;
  cell.capacity = 10;
  cell.hits = {900, scan_resistant, lru + 1, lru, 100};
  return cell;
}

TEST(JudgeTest, TakesMeanAndWorst) {
  std::vector<Cell> cells = {CellOf(1, 550, 500), CellOf(5, 505, 500), CellOf(10, 492, 500)};
  cells.push_back(CellOf(25, 0, 500));
  cells.back().recorded = false;
  std::vector<bench::Verdict> verdicts = Judge(cells);
  ASSERT_EQ(verdicts.size(), 3u);
  EXPECT_NEAR(verdicts[0].value, (5.0 + 0.5 - 0.8) / 3, 1e-9);
  EXPECT_FALSE(verdicts[0].ok());
  EXPECT_FALSE(verdicts[0].above_floor());
  EXPECT_NEAR(verdicts[1].value, -0.8, 1e-9);
  EXPECT_TRUE(verdicts[1].ok());
  EXPECT_EQ(verdicts[2].goal.id, "default");
  EXPECT_TRUE(verdicts[2].ok());
  // L16 is not about this size, and not about bytes.
  cells.push_back(CellOf(50, 400, 500));
  cells.push_back(CellOf(25, 498, 500));
  cells.back().unit = Unit::kBytes;
  cells.back().capacity = 1 << 20;
  // Nor is anything about a cache that cannot be opened.
  cells.push_back(CellOf(10, 100, 500));
  cells.back().unit = Unit::kBytes;
  cells.back().capacity = (1 << 20) - 1;
  verdicts = Judge(cells);
  ASSERT_EQ(verdicts.size(), 4u);
  EXPECT_NEAR(verdicts[1].value, -0.8, 1e-9);
  EXPECT_NEAR(verdicts[2].value, -10, 1e-9);
  EXPECT_FALSE(verdicts[2].ok());
  // Against kLru in the tier, which has 501 hits.
  EXPECT_NEAR(verdicts[3].value, -0.3, 1e-9);
  EXPECT_TRUE(verdicts[3].ok());
}

TEST(JudgeTest, ExpectsNothingOfGeneratedTraces) {
  std::vector<Cell> cells = {CellOf(1, 550, 500)};
  cells[0].recorded = false;
  EXPECT_TRUE(Judge(cells).empty());
}

int Count(absl::string_view text, absl::string_view part) {
  int count = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(PageTest, HasEverySeriesInEveryChartAndNeedsNothingElse) {
  std::vector<Cell> cells = {CellOf(1, 550, 500), CellOf(10, 560, 510)};
  for (const double percent : {1.0, 10.0}) {
    cells.push_back(CellOf(percent, 600, 500));
    cells.back().unit = Unit::kBytes;
  }
  const std::string page = MakePage(cells, Judge(cells));
  EXPECT_EQ(Count(page, "<svg viewBox=\"0 0 520"), 2);
  for (const char* name : kSeriesNames) {
    EXPECT_EQ(Count(page, absl::StrCat("data-series=\"", name, "\"")), 2) << name;
  }
  for (const char* meaning : kSeriesMeanings) EXPECT_THAT(page, HasSubstr(meaning));
  EXPECT_EQ(Count(page, "<circle class=\"s1\""), 4);
  EXPECT_THAT(page, HasSubstr("kScanResistant, 10 %: 56.00 %"));
  EXPECT_THAT(page, HasSubstr("<td>55.00</td>"));
  EXPECT_THAT(page, HasSubstr("L16: mean gain over LRU"));
  EXPECT_THAT(page, HasSubstr("a&lt;b"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  for (const char* foreign : {"a<b", "{{", "<script", "http:", "https:", "src=", "@import", "nan", "inf,"}) {
    EXPECT_THAT(page, Not(HasSubstr(foreign)));
  }
}

}  // namespace
}  // namespace nearcache::hit_ratio
