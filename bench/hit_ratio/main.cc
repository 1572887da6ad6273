// ./bazelw run -c opt //bench:hit_ratio
//
// bench/README.md says how to read what it prints. Exit code 0: the run came to its end, whatever the verdicts.

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/hit_ratio/flags.h"
#include "bench/hit_ratio/generators.h"
#include "bench/hit_ratio/page.h"
#include "bench/hit_ratio/report.h"
#include "bench/hit_ratio/sweep.h"
#include "bench/hit_ratio/trace.h"
#include "bench/hit_ratio/trace_file.h"
#include "bench/support/goals.h"

namespace nearcache::hit_ratio {
namespace {

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

int Fail(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return exit_code;
}

void Tell(const Cell& cell) {
  std::fprintf(stderr, "%s by %s: %s\n", cell.trace.c_str(), UnitName(cell.unit), PercentText(cell.percent).c_str());
}

// Files in different folders may have the same name; tables and curves need another one.
void MakeNamesUnique(std::vector<Trace>* traces) {
  absl::flat_hash_map<std::string, int> seen;
  for (Trace& trace : *traces) {
    const int count = ++seen[trace.name];
    if (count > 1) absl::StrAppend(&trace.name, "-", count);
  }
}

// All of them before any work, so that a wrong path is told at once.
absl::StatusOr<std::vector<Trace>> Traces(const Flags& flags) {
  std::vector<Trace> traces;
  for (const std::string& path : flags.traces) {
    absl::StatusOr<Trace> trace = ReadTrace(path);
    if (!trace.ok()) return trace.status();
    traces.push_back(*std::move(trace));
  }
  for (const std::string& name : flags.generators) {
    absl::StatusOr<Trace> trace = Generate(name, flags.generate);
    if (!trace.ok()) return trace.status();
    traces.push_back(*std::move(trace));
  }
  MakeNamesUnique(&traces);
  return traces;
}

int Run(const Flags& flags) {
  const absl::StatusOr<std::vector<Trace>> traces = Traces(flags);
  if (!traces.ok()) return Fail(traces.status(), 2);
  std::vector<Cell> cells;
  for (const Trace& trace : *traces) {
    for (const Unit unit : {Unit::kEntries, Unit::kBytes}) {
      const std::vector<Cell> more = Sweep(trace, unit, flags.sweep, &Tell);
      if (!more.empty()) Print(CellTable(more));
      cells.insert(cells.end(), more.begin(), more.end());
    }
  }
  const std::vector<bench::Verdict> verdicts = Judge(cells);
  Print(GainTable(cells));
  absl::Status status;
  if (!flags.html.empty()) {
    status.Update(WriteFile(MakePage(cells, verdicts), flags.html));
    if (status.ok()) Print("\nthe curves: " + flags.html + "\n");
  }
  if (!flags.json.empty()) status.Update(WriteFile(Json(cells, verdicts), flags.json));
  Print(GoalLines(verdicts));
  return status.ok() ? 0 : Fail(status, 1);
}

}  // namespace
}  // namespace nearcache::hit_ratio

int main(int argc, char** argv) {
  const absl::StatusOr<nearcache::hit_ratio::Flags> flags = nearcache::hit_ratio::ParseFlags(argc, argv);
  if (!flags.ok()) return nearcache::hit_ratio::Fail(flags.status(), 2);
  return nearcache::hit_ratio::Run(*flags);
}
