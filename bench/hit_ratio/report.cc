#include "bench/hit_ratio/report.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/support/json.h"
#include "bench/support/text_table.h"

namespace nearcache::hit_ratio {
namespace {

// In the order of the cells.
struct Row {
  std::string trace;
  Unit unit;
  std::array<double, kSeriesCount> gain_sums = {};
  double worst = 0;
  int cells = 0;
};

std::vector<Row> RowsOf(const std::vector<Cell>& cells) {
  std::vector<Row> rows;
  for (const Cell& cell : cells) {
    if (rows.empty() || rows.back().trace != cell.trace || rows.back().unit != cell.unit) {
      rows.push_back({cell.trace, cell.unit, {}, cell.Gain(kScanResistant), 0});
    }
    Row& row = rows.back();
    for (size_t i = 0; i < kSeriesCount; ++i) row.gain_sums[i] += cell.Gain(static_cast<Series>(i));
    row.worst = std::min(row.worst, cell.Gain(kScanResistant));
    ++row.cells;
  }
  return rows;
}

}  // namespace

std::string PercentText(double percent) { return absl::StrFormat("%.4g %%", percent); }

std::string CellTable(const std::vector<Cell>& cells) {
  std::vector<std::string> heading = {"memory", UnitName(cells.front().unit)};
  for (const char* name : kSeriesNames) heading.emplace_back(name);
  heading.insert(heading.end(), {"points over lru", "entries held", "(lru)"});
  bench::TextTable table(heading);
  for (const Cell& cell : cells) {
    std::vector<std::string> row = {PercentText(cell.percent), absl::StrCat(cell.capacity)};
    for (size_t i = 0; i < kSeriesCount; ++i)
      row.push_back(absl::StrFormat("%.2f", cell.Ratio(static_cast<Series>(i))));
    row.push_back(absl::StrFormat("%+.2f", cell.Gain(kScanResistant)));
    row.push_back(absl::StrFormat("%.0f", cell.scan_resistant_entries));
    row.push_back(absl::StrFormat("%.0f", cell.lru_entries));
    table.AddRow(row);
  }
  return absl::StrFormat("\n== %s by %s, %d requests, hit ratio in per cent\n%s", cells.front().trace,
                         UnitName(cells.front().unit), cells.front().requests, table.ToString());
}

std::string GainTable(const std::vector<Cell>& cells) {
  std::vector<std::string> heading = {"trace", "unit"};
  for (size_t i = 0; i < kSeriesCount; ++i) {
    if (i != kLru) heading.emplace_back(kSeriesNames[i]);
  }
  heading.emplace_back("scan-resistant, worst");
  bench::TextTable table(heading);
  for (const Row& row : RowsOf(cells)) {
    std::vector<std::string> texts = {row.trace, UnitName(row.unit)};
    for (size_t i = 0; i < kSeriesCount; ++i) {
      if (i != kLru) texts.push_back(absl::StrFormat("%+.2f", row.gain_sums[i] / row.cells));
    }
    texts.push_back(absl::StrFormat("%+.2f", row.worst));
    table.AddRow(texts);
  }
  return absl::StrCat("\n== mean gain over exact LRU at all sizes, in points\n", table.ToString());
}

std::string GoalLines(const std::vector<bench::Verdict>& verdicts) {
  if (verdicts.empty()) return "\nno goal was judged: L16 is about recorded traces, given by --trace=FILE\n";
  std::string text = "\n";
  for (const bench::Verdict& verdict : verdicts) absl::StrAppend(&text, bench::GoalLine(verdict), "\n");
  return text;
}

std::string Json(const std::vector<Cell>& cells, const std::vector<bench::Verdict>& verdicts) {
  bench::JsonWriter json;
  json.BeginObject().Key("cells").BeginArray();
  for (const Cell& cell : cells) {
    json.BeginObject().Key("trace").String(cell.trace).Key("recorded").Bool(cell.recorded);
    json.Key("unit").String(UnitName(cell.unit)).Key("percent").Number(cell.percent);
    json.Key("capacity").Integer(static_cast<int64_t>(cell.capacity));
    json.Key("requests").Integer(static_cast<int64_t>(cell.requests)).Key("hits").BeginObject();
    for (size_t i = 0; i < kSeriesCount; ++i) json.Key(kSeriesNames[i]).Integer(static_cast<int64_t>(cell.hits[i]));
    json.EndObject().Key("entries_held").BeginObject();
    json.Key(kSeriesNames[kScanResistant]).Number(cell.scan_resistant_entries);
    json.Key(kSeriesNames[kTierLru]).Number(cell.lru_entries).EndObject().EndObject();
  }
  json.EndArray().Key("goals").BeginArray();
  for (const bench::Verdict& verdict : verdicts) {
    json.BeginObject().Key("goal").String(verdict.goal.id).Key("against").String(verdict.goal.against);
    json.Key("what").String(verdict.goal.what).Key("value").Number(verdict.value);
    json.Key("limit").String(bench::FormatRange(verdict.goal.limit)).Key("ok").Bool(verdict.ok());
    json.Key("floor").String(bench::FormatRange(verdict.goal.floor));
    json.Key("above_floor").Bool(verdict.above_floor()).EndObject();
  }
  json.EndArray().EndObject();
  return json.text();
}

}  // namespace nearcache::hit_ratio
