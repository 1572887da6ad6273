#include "bench/remote_peers/report.h"

#include <cstdint>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/remote_peers/registry.h"
#include "bench/support/json.h"
#include "bench/support/spread.h"
#include "bench/support/text_table.h"

namespace nearcache::remote_peers {
namespace {

struct Shown {
  const char* heading;
  const char* json;
  Column column;
  int digits;
  bool ratio;
};

constexpr Shown kShown[] = {
    {"per second", "per_second", &Figures::per_second, 0, true},
    {"client us", "client_cpu_micros", &Figures::client_cpu_micros, 2, true},
    {"server us", "server_cpu_micros", &Figures::server_cpu_micros, 2, true},
    {"switches", "switches", &Figures::switches, 2, false},
    {"allocations", "allocations", &Figures::allocations, 2, false},
    {"p50 us", "p50_micros", &Figures::p50_micros, 1, true},
    {"p99 us", "p99_micros", &Figures::p99_micros, 1, true},
    {"p99.9 us", "p999_micros", &Figures::p999_micros, 1, false},
};

std::string Cell(const Results& results, const Scene& scene, const std::string& contender, const Shown& shown) {
  const bench::Spread value = results.Of(scene, contender, shown.column);
  if (value.median == 0) return "-";
  std::string cell = absl::StrFormat("%.*f", shown.digits, value.median);
  const bench::Spread ratio = results.Ratio(scene, kEngine, contender, shown.column);
  if (shown.ratio && contender != kEngine && ratio.count > 0) absl::StrAppendFormat(&cell, " (%.2f)", ratio.median);
  return cell;
}

// Ours first, the others by name.
std::vector<std::string> ContendersOf(const Results& results, const Scene& scene) {
  std::vector<std::string> names = {kEngine};
  for (const auto& [name, rounds] : results.all().at(scene)) {
    if (name != kEngine) names.push_back(name);
  }
  return names;
}

void AppendSeries(const Results& results, const Scene& scene, const std::string& contender, bench::JsonWriter* json) {
  json->BeginObject().Key("mode").String(scene.mode).Key("detail").String(scene.detail);
  json->Key("contender").String(contender);
  for (const Shown& shown : kShown) {
    const bench::Spread value = results.Of(scene, contender, shown.column);
    json->Key(shown.json).Number(value.median);
    json->Key(absl::StrCat(shown.json, "_low")).Number(value.low);
    json->Key(absl::StrCat(shown.json, "_high")).Number(value.high);
    const bench::Spread ratio = results.Ratio(scene, kEngine, contender, shown.column);
    if (contender == kEngine || ratio.count == 0) continue;
    json->Key(absl::StrCat(shown.json, "_ratio")).Number(ratio.median);
    json->Key(absl::StrCat(shown.json, "_ratio_low")).Number(ratio.low);
    json->Key(absl::StrCat(shown.json, "_ratio_high")).Number(ratio.high);
  }
  json->EndObject();
}

void AppendVerdict(const bench::Verdict& verdict, bench::JsonWriter* json) {
  json->BeginObject().Key("goal").String(verdict.goal.id).Key("against").String(verdict.goal.against);
  json->Key("what").String(verdict.goal.what).Key("value").Number(verdict.value);
  json->Key("low").Number(verdict.low).Key("high").Number(verdict.high);
  json->Key("limit").String(bench::FormatRange(verdict.goal.limit)).Key("ok").Bool(verdict.ok());
  json->EndObject();
}

}  // namespace

std::string ModeTable(const Mode& mode, const Results& results) {
  std::vector<std::string> heading = {"", "contender"};
  for (const Shown& shown : kShown) heading.push_back(shown.heading);
  bench::TextTable table(heading);
  for (const auto& [scene, contenders] : results.all()) {
    if (scene.mode != mode.name) continue;
    for (const std::string& contender : ContendersOf(results, scene)) {
      std::vector<std::string> row = {contender == kEngine ? scene.detail : "", contender};
      for (const Shown& shown : kShown) row.push_back(Cell(results, scene, contender, shown));
      table.AddRow(row);
    }
  }
  return absl::StrCat("\n== ", mode.name, ": ", mode.what, "\n\n", table.ToString());
}

std::string GoalTable(const std::vector<bench::Verdict>& verdicts) {
  bench::TextTable table({"goal", "what", "against", "value", "spread", "goal", "met"});
  for (const bench::Verdict& verdict : verdicts) {
    table.AddRow({verdict.goal.id, verdict.goal.what, verdict.goal.against, absl::StrFormat("%.3g", verdict.value),
                  absl::StrFormat("%.2g..%.2g", verdict.low, verdict.high), bench::FormatRange(verdict.goal.limit),
                  verdict.ok() ? "yes" : "NO"});
  }
  std::string text = absl::StrCat("\n", table.ToString(), "\n");
  for (const bench::Verdict& verdict : verdicts) {
    std::string what = verdict.goal.what;
    for (char& letter : what) letter = letter == ' ' ? '_' : letter;
    absl::StrAppend(&text, bench::GoalLine(verdict), " what=", what, "\n");
  }
  return text;
}

std::string Disturbance() {
  double load[3] = {0, 0, 0};
  getloadavg(load, 3);
  return absl::StrFormat("\nload average %.1f %.1f %.1f on %d threads; above 2 something else was running\n", load[0],
                         load[1], load[2], std::thread::hardware_concurrency());
}

std::string Json(const Results& results, const std::vector<bench::Verdict>& verdicts) {
  double load[3] = {0, 0, 0};
  getloadavg(load, 3);
  bench::JsonWriter json;
  json.BeginObject().Key("hardware_threads").Integer(std::thread::hardware_concurrency());
  json.Key("load_average").Number(load[0]).Key("wrong").Integer(static_cast<int64_t>(results.wrong()));
  json.Key("series").BeginArray();
  for (const auto& [scene, contenders] : results.all()) {
    for (const auto& [contender, rounds] : contenders) AppendSeries(results, scene, contender, &json);
  }
  json.EndArray().Key("goals").BeginArray();
  for (const bench::Verdict& verdict : verdicts) AppendVerdict(verdict, &json);
  json.EndArray().EndObject();
  return json.text() + "\n";
}

}  // namespace nearcache::remote_peers
