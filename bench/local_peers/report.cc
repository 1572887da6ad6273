#include "bench/local_peers/report.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/support/histogram.h"
#include "bench/support/json.h"
#include "bench/support/spread.h"
#include "bench/support/text_table.h"
#include "bench/support/ticks.h"

namespace nearcache::local_peers {
namespace {

constexpr double kPercentiles[] = {0.5, 0.99, 0.999, 1};
constexpr const char* kPercentileNames[] = {"p50", "p99", "p99.9", "max"};

std::string NanosText(double nanos) {
  if (nanos < 10'000) return absl::StrFormat("%.0f", nanos);
  return nanos < 10'000'000 ? absl::StrFormat("%.1fus", nanos / 1e3) : absl::StrFormat("%.1fms", nanos / 1e6);
}

double Latency(const Series& series, double fraction) {
  return static_cast<double>(series.latency_ticks.Percentile(fraction)) * bench::NanosPerTick();
}

double MedianHitRatio(const Series& series) {
  std::vector<double> ratios;
  for (const Sample& sample : series.samples) ratios.push_back(sample.hit_ratio);
  return bench::SpreadOf(ratios).median;
}

double MedianWall(const Series& series) {
  std::vector<double> nanos;
  for (const Sample& sample : series.samples) nanos.push_back(sample.wall_nanos);
  return bench::SpreadOf(nanos).median;
}

// Operations per second of all threads together.
double Throughput(const Series& series) {
  const double wall = MedianWall(series);
  return wall > 0 ? series.threads * 1e9 / wall : 0;
}

std::string TimeCell(const Results& results, const SeriesKey& key, bool fill) {
  const bench::Spread nanos = results.Nanos(key);
  if (nanos.count == 0) return "-";
  const SeriesKey ours{key.load, key.activity, kTier};
  const bench::Spread ratio = fill ? results.RatioOfSums(ours, key) : results.Ratio(ours, key);
  if (key.candidate == kTier || ratio.count == 0) return NanosText(nanos.median);
  return absl::StrFormat("%s (%.2f)", NanosText(nanos.median), ratio.median);
}

std::string TimeTable(const Load& load, const std::vector<Entrant>& entrants, const Results& results) {
  std::vector<std::string> heading = {"ns (ours / it)"};
  if (load.entries == 0) heading.push_back(kFill);
  for (const Activity& activity : load.activities) {
    if (!activity.timed) heading.push_back(activity.name);
  }
  bench::TextTable table(heading);
  for (const Entrant& entrant : entrants) {
    std::vector<std::string> row = {entrant.name};
    for (size_t i = 1; i < heading.size(); ++i) {
      row.push_back(TimeCell(results, {load.name, heading[i], entrant.name}, heading[i] == kFill));
    }
    if (std::any_of(row.begin() + 1, row.end(), [](const std::string& cell) { return cell != "-"; })) {
      table.AddRow(row);
    }
  }
  return table.ToString();
}

std::string ThroughputTable(const Load& load, const std::vector<Entrant>& entrants, const Results& results) {
  bench::TextTable table({"millions per second, hits %", "", ""});
  for (const Entrant& entrant : entrants) {
    std::vector<std::string> row = {entrant.name};
    for (const Activity& activity : load.activities) {
      const Series* const series = results.Find({load.name, activity.name, entrant.name});
      if (activity.timed || series == nullptr) continue;
      std::string cell = absl::StrFormat("%s %.2f", activity.name, Throughput(*series) / 1e6);
      absl::StrAppendFormat(&cell, " %.1f%%", 100 * MedianHitRatio(*series));
      row.push_back(cell);
    }
    if (row.size() > 1) table.AddRow(row);
  }
  return table.ToString();
}

std::string LatencyTable(const Load& load, const std::vector<Entrant>& entrants, const Results& results) {
  bench::TextTable table({"latency, ns", "", "p50", "p99", "p99.9", "max"});
  bool any = false;
  for (const Activity& activity : load.activities) {
    if (!activity.timed) continue;
    for (const Entrant& entrant : entrants) {
      const Series* const series = results.Find({load.name, activity.name, entrant.name});
      if (series == nullptr) continue;
      std::vector<std::string> row = {entrant.name, activity.name};
      for (const double percentile : kPercentiles) row.push_back(NanosText(Latency(*series, percentile)));
      table.AddRow(row);
      any = true;
    }
  }
  return any ? "\n" + table.ToString() : "";
}

void AppendSeries(const SeriesKey& key, const Series& series, const Results& results, bench::JsonWriter* json) {
  const bench::Spread nanos = results.Nanos(key);
  json->BeginObject().Key("load").String(key.load).Key("activity").String(key.activity);
  json->Key("candidate").String(key.candidate).Key("threads").Integer(series.threads);
  json->Key("nanos").Number(nanos.median).Key("nanos_low").Number(nanos.low).Key("nanos_high").Number(nanos.high);
  json->Key("operations_per_second").Number(Throughput(series)).Key("hit_ratio").Number(MedianHitRatio(series));
  const bench::Spread ratio = results.Ratio({key.load, key.activity, kTier}, key);
  if (ratio.count > 0) {
    json->Key("ratio").Number(ratio.median).Key("ratio_low").Number(ratio.low).Key("ratio_high").Number(ratio.high);
  }
  for (size_t i = 0; series.latency_ticks.count() > 0 && i < 4; ++i) {
    json->Key(absl::StrCat("nanos_", kPercentileNames[i])).Number(Latency(series, kPercentiles[i]));
  }
  json->EndObject();
}

void AppendMemory(const std::string& candidate, const MemoryFigures& figures, bench::JsonWriter* json) {
  json->BeginObject().Key("candidate").String(candidate).Key("few_overhead_bytes").Number(figures.few_overhead);
  json->Key("few_accounted_share").Number(figures.few_accounted_share);
  json->Key("many_overhead_bytes").Number(figures.many_overhead);
  json->Key("many_accounted_share").Number(figures.many_accounted_share);
  json->Key("churn_overhead_bytes").Number(figures.churn_overhead);
  json->Key("equal_bytes_hit_ratio").Number(figures.equal_bytes_hit_ratio).EndObject();
}

void AppendPause(const Pause& pause, bench::JsonWriter* json) {
  json->BeginObject().Key("candidate").String(pause.candidate).Key("event").String(pause.event);
  json->Key("call_nanos").Number(pause.call_nanos).Key("whole_nanos").Number(pause.whole_nanos);
  json->Key("speed_percent").Number(pause.speed_percent).Key("nanos_p99.9").Number(pause.p999_nanos);
  json->Key("nanos_max").Number(pause.max_nanos).Key("idle_nanos_p99.9").Number(pause.idle_p999_nanos).EndObject();
}

void AppendVerdict(const bench::Verdict& verdict, bench::JsonWriter* json) {
  json->BeginObject().Key("goal").String(verdict.goal.id).Key("against").String(verdict.goal.against);
  json->Key("what").String(verdict.goal.what).Key("value").Number(verdict.value);
  json->Key("limit").String(bench::FormatRange(verdict.goal.limit)).Key("ok").Bool(verdict.ok());
  json->Key("floor").String(bench::FormatRange(verdict.goal.floor)).Key("above_floor").Bool(verdict.above_floor());
  json->EndObject();
}

int GoalNumber(const bench::Verdict& verdict) {
  int number = 0;
  return absl::SimpleAtoi(verdict.goal.id.substr(1), &number) ? number : 0;
}

}  // namespace

std::string LoadTables(const Load& load, const std::vector<Entrant>& entrants, const Results& results) {
  return absl::StrCat("\n== ", load.name, ": ", load.what, "\n\n", TimeTable(load, entrants, results), "\n",
                      ThroughputTable(load, entrants, results), LatencyTable(load, entrants, results));
}

std::string Disturbance(const Results& results) {
  size_t slices = 0;
  size_t disturbed = 0;
  for (const auto& [key, series] : results.all()) {
    for (const Sample& sample : series.samples) {
      ++slices;
      disturbed += sample.preemptions > 2 * series.threads;
    }
  }
  double load[3] = {0, 0, 0};
  getloadavg(load, 3);
  return absl::StrFormat(
      "%d of %d slices were interrupted more than twice; load average %.1f %.1f %.1f on %d threads\n", disturbed,
      slices, load[0], load[1], load[2], std::thread::hardware_concurrency());
}

std::string GoalTables(std::vector<bench::Verdict> verdicts) {
  std::stable_sort(verdicts.begin(), verdicts.end(),
                   [](const bench::Verdict& a, const bench::Verdict& b) { return GoalNumber(a) < GoalNumber(b); });
  bench::TextTable table({"goal", "what", "against", "value", "spread", "goal", "met", "floor", "above"});
  for (const bench::Verdict& verdict : verdicts) {
    const bool spread = verdict.low != 0 || verdict.high != 0;
    table.AddRow({verdict.goal.id, verdict.goal.what, verdict.goal.against, absl::StrFormat("%.3g", verdict.value),
                  spread ? absl::StrFormat("%.2g..%.2g", verdict.low, verdict.high) : "",
                  bench::FormatRange(verdict.goal.limit), verdict.ok() ? "yes" : "no",
                  bench::FormatRange(verdict.goal.floor), verdict.above_floor() ? "yes" : "NO"});
  }
  std::string text = absl::StrCat("\n", table.ToString(), "\n");
  for (const bench::Verdict& verdict : verdicts) absl::StrAppend(&text, bench::GoalLine(verdict), "\n");
  return text;
}

std::string Json(const Measured& measured, const std::vector<bench::Verdict>& verdicts) {
  double load[3] = {0, 0, 0};
  getloadavg(load, 3);
  bench::JsonWriter json;
  json.BeginObject().Key("hardware_threads").Integer(std::thread::hardware_concurrency());
  json.Key("load_average").Number(load[0]).Key("series").BeginArray();
  for (const auto& [key, series] : measured.times.all()) AppendSeries(key, series, measured.times, &json);
  json.EndArray().Key("memory").BeginArray();
  for (const auto& [candidate, figures] : measured.memory) AppendMemory(candidate, figures, &json);
  json.EndArray().Key("pauses").BeginArray();
  for (const Pause& pause : measured.pauses) AppendPause(pause, &json);
  json.EndArray().Key("goals").BeginArray();
  for (const bench::Verdict& verdict : verdicts) AppendVerdict(verdict, &json);
  json.EndArray().EndObject();
  return json.text() + "\n";
}

}  // namespace nearcache::local_peers
