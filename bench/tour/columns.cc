#include "bench/tour/columns.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/processes/units.h"
#include "bench/processes/worker_status.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

constexpr struct {
  absl::string_view name;
  size_t width;
} kColumns[] = {{"reads/s", 9}, {"L1", 8},      {"L2", 8},      {"miss", 8}, {"L1 hit", 9}, {"L2 p50", 9},
                {"L2 p99", 9},  {"lag p50", 9}, {"lag p99", 9}, {"max", 9},  {"oldest", 9}};

// Right-aligned; "µ" takes two bytes and one place.
std::string Cell(absl::string_view text, size_t width) {
  size_t places = 0;
  for (const char c : text) places += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return absl::StrCat(std::string(width > places ? width - places : 0, ' '), text, " ");
}

std::string Nanos(int64_t nanos) { return FormatNanos(static_cast<double>(nanos)); }

absl::string_view StateName(WorkerState state) {
  switch (state) {
    case WorkerState::kAbsent:
      return "  gone";
    case WorkerState::kOpening:
      return "  opening";
    case WorkerState::kFilling:
    case WorkerState::kFilled:
      return "  filling";
    case WorkerState::kReady:
    case WorkerState::kRunning:
      return "";
    case WorkerState::kStopped:
      return "  stopped";
    case WorkerState::kFailed:
      return "  failed";
  }
  return "";
}

}  // namespace

std::string ColumnHeading() {
  std::string line;
  for (const auto& column : kColumns) absl::StrAppend(&line, Cell(column.name, column.width));
  return absl::StrCat(line, " violations");
}

std::string ColumnValues(const Interval& interval) {
  const std::vector<std::string> values = {
      FormatCount(interval.ReadsPerSecond()),
      FormatPercent(interval.Percent(kLocalHits)),
      FormatPercent(interval.Percent(kRemoteHits)),
      FormatPercent(interval.Percent(kMisses)),
      FormatNanos(static_cast<double>(interval.hit_tenths_of_nanos_p50) / 10),
      Nanos(interval.remote_latency_p50),
      Nanos(interval.remote_latency_p99),
      Nanos(interval.gauges[kLagP50Nanos]),
      Nanos(interval.gauges[kLagP99Nanos]),
      Nanos(interval.gauges[kLagMaxNanos]),
      Nanos(interval.oldest_served),
  };
  std::string line;
  for (size_t i = 0; i < values.size(); ++i) absl::StrAppend(&line, Cell(values[i], kColumns[i].width));
  return absl::StrCat(line, " ");
}

std::string WorkerRemark(const Interval& worker) {
  if (worker.state == WorkerState::kRunning && worker.Reads() == 0) {
    return worker.counts[kReadsFailed] > 0 ? "  no answers" : "  silent";
  }
  return std::string(StateName(worker.state));
}

}  // namespace nearcache::bench::tour
