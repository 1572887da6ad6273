#include "bench/tour/page_data.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bench/support/clock.h"
#include "bench/support/json.h"
#include "bench/tour/effects.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/report.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

std::string Number(double value) { return absl::StrFormat("%.5g", value); }

// Durations that were not measured are null, which the script leaves out.
std::string Millis(int64_t nanos) {
  if (nanos <= 0) return "null";
  return Number(static_cast<double>(nanos) / kNanosPerMilli);
}

// "name":[one element per sample],
std::string Column(absl::string_view name, const std::vector<Sample>& series,
                   absl::FunctionRef<std::string(const Sample&)> element) {
  std::string text = absl::StrCat("\"", name, "\":[");
  for (const Sample& sample : series) {
    if (text.back() != '[') text.push_back(',');
    text.append(element(sample));
  }
  return text + "],\n";
}

std::string ReadRates(const Report& report) {
  std::string text = "\"reads\":[\n";
  for (uint32_t worker = 0; worker < report.setup.worker_count; ++worker) {
    if (worker > 0) text.append(",\n");
    text.push_back('[');
    for (const Sample& sample : report.series) {
      if (text.back() != '[') text.push_back(',');
      text.append(Number(sample.workers[worker].ReadsPerSecond()));
    }
    text.push_back(']');
  }
  return text + "],\n";
}

std::string Shares(const Report& report) {
  std::string text;
  constexpr struct {
    absl::string_view name;
    Count count;
  } kShares[] = {{"memory", kLocalHits}, {"server", kRemoteHits}, {"missing", kMisses}, {"failed", kReadsFailed}};
  for (const auto& share : kShares) {
    absl::StrAppend(&text, Column(share.name, report.series, [&share](const Sample& sample) {
      return Number(sample.total.Percent(share.count));
    }));
  }
  return text;
}

std::string Durations(const Report& report) {
  constexpr struct {
    absl::string_view name;
    int64_t Interval::* field;
  } kFields[] = {{"latency50", &Interval::remote_latency_p50},
                 {"latency99", &Interval::remote_latency_p99},
                 {"age50", &Interval::outdated_age_p50},
                 {"age99", &Interval::outdated_age_p99},
                 {"oldest", &Interval::oldest_served}};
  constexpr struct {
    absl::string_view name;
    Gauge gauge;
  } kLags[] = {{"lag50", kLagP50Nanos}, {"lag99", kLagP99Nanos}, {"lagMax", kLagMaxNanos}};
  std::string text;
  for (const auto& entry : kFields) {
    absl::StrAppend(&text, Column(entry.name, report.series,
                                  [&entry](const Sample& sample) { return Millis(sample.total.*entry.field); }));
  }
  for (const auto& lag : kLags) {
    absl::StrAppend(&text, Column(lag.name, report.series,
                                  [&lag](const Sample& sample) { return Millis(sample.total.gauges[lag.gauge]); }));
  }
  absl::StrAppend(&text, Column("hit", report.series, [](const Sample& sample) {
    const int64_t tenths = sample.total.hit_tenths_of_nanos_p50;
    return tenths == 0 ? std::string("null") : Number(static_cast<double>(tenths) / 10);
  }));
  return text;
}

std::string Events(const Report& report) {
  std::string text = "\"events\":[";
  for (const FaultEvent& event : report.events) {
    if (text.back() != '[') text.push_back(',');
    absl::StrAppend(&text, "{\"at\":", Number(event.at_seconds), ",\"until\":", Number(event.until_seconds),
                    ",\"name\":", bench::JsonString(event.name), "}");
  }
  return text + "]\n";
}

}  // namespace

std::string MakePageData(const Report& report) {
  std::string data =
      absl::StrCat("{\"seconds\":", Number(report.seconds), ",\"boundMs\":", report.setup.bound_nanos / kNanosPerMilli,
                   ",\"hasServer\":", report.server_name.empty() ? "false" : "true", ",\n");
  absl::StrAppend(&data, Column("time", report.series, [](const Sample& sample) { return Number(sample.at_seconds); }));
  absl::StrAppend(&data, ReadRates(report), Shares(report), Durations(report), Events(report), "}\n");
  return data;
}

}  // namespace nearcache::bench::tour
