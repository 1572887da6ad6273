// What a run says: a table for people, JSON for programs, and the goal lines for both.

#ifndef BENCH_HIT_RATIO_REPORT_H_
#define BENCH_HIT_RATIO_REPORT_H_

#include <string>
#include <vector>

#include "bench/hit_ratio/sweep.h"
#include "bench/support/goals.h"

namespace nearcache::hit_ratio {

// "5 %", "0.5 %".
std::string PercentText(double percent);

// Hit ratios in per cent, a row per cell. REQUIRES: all of one trace and one unit
std::string CellTable(const std::vector<Cell>& cells);

// Mean gain over exact LRU of each other curve, in points, a row per trace and unit.
std::string GainTable(const std::vector<Cell>& cells);

// One line each; a sentence if nothing was judged.
std::string GoalLines(const std::vector<bench::Verdict>& verdicts);

std::string Json(const std::vector<Cell>& cells, const std::vector<bench::Verdict>& verdicts);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_REPORT_H_
