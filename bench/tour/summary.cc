#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/processes/judge.h"
#include "bench/processes/units.h"
#include "bench/support/clock.h"
#include "bench/tour/effects.h"
#include "bench/tour/report.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

std::string Nanos(int64_t nanos) { return nanos == 0 ? "none" : FormatNanos(static_cast<double>(nanos)); }

std::string DescribeReads(const Report& report) {
  const Interval& total = report.whole.total;
  if (report.server_name.empty()) {
    return absl::StrFormat("%s reads in %.1f s by %d processes (%s/s), %s answered by their own memory.\n",
                           FormatCount(static_cast<double>(total.Reads())), report.seconds, report.setup.worker_count,
                           FormatCount(total.ReadsPerSecond()), FormatPercent(total.Percent(kLocalHits)));
  }
  return absl::StrFormat(
      "%s reads in %.1f s by %d processes (%s/s): %s answered by their own memory, %s by the server, %s not found, "
      "%s failed.\n",
      FormatCount(static_cast<double>(total.Reads())), report.seconds, report.setup.worker_count,
      FormatCount(total.ReadsPerSecond()), FormatPercent(total.Percent(kLocalHits)),
      FormatPercent(total.Percent(kRemoteHits)), FormatPercent(total.Percent(kMisses)),
      FormatPercent(total.Percent(kReadsFailed)));
}

std::string DescribeCosts(const Report& report) {
  const Interval& total = report.whole.total;
  std::string text = absl::StrFormat("A read from memory took %s",
                                     FormatNanos(static_cast<double>(total.hit_tenths_of_nanos_p50) / 10));
  if (!report.server_name.empty()) {
    absl::StrAppend(&text, ", one from the server ", Nanos(total.remote_latency_p50), " (p99 ",
                    Nanos(total.remote_latency_p99), ")");
  }
  absl::StrAppendFormat(&text, ". %s writes were acknowledged, %s ended without an answer, %s failed.\n",
                        FormatExact(total.counts[kWritesAcknowledged]), FormatExact(total.counts[kWritesUnknown]),
                        FormatExact(total.counts[kWritesFailed]));
  return text;
}

std::string DescribeFreshness(const Report& report) {
  const Interval& total = report.whole.total;
  const double bound_ms = static_cast<double>(report.setup.bound_nanos) / kNanosPerMilli;
  return absl::StrFormat(
      "The oldest value that any read returned had been replaced %s before; the promised bound is %.0f ms. %s reads "
      "returned a value that had just been replaced (p50 %s, p99 %s before). %s fresh reads returned the newest.\n",
      Nanos(total.oldest_served), bound_ms, FormatExact(total.counts[kOutdatedReads]), Nanos(total.outdated_age_p50),
      Nanos(total.outdated_age_p99), FormatExact(total.counts[kFreshReads]));
}

std::string DescribeViolations(const Report& report) {
  const uint64_t count = report.whole.total.Violations();
  if (count == 0) return absl::StrCat("0 violations in ", FormatExact(report.whole.total.Reads()), " checked reads.\n");
  std::string text = absl::StrCat(FormatExact(count), " VIOLATIONS of the promise. The first:\n");
  for (const std::string& violation : report.violations) absl::StrAppend(&text, "  ", violation, "\n");
  return text;
}

}  // namespace

std::string Summarize(const Report& report) {
  std::string text = absl::StrCat(DescribeReads(report), DescribeCosts(report));
  if (!report.server_name.empty()) absl::StrAppend(&text, DescribeFreshness(report));
  for (size_t i = 0; i < report.events.size(); ++i) {
    absl::StrAppendFormat(&text, "  %5.1f s  %-26s %s\n", report.events[i].at_seconds, report.events[i].name,
                          DescribeEffect(report.effects[i]));
  }
  for (const std::string& problem : report.problems) absl::StrAppend(&text, "Problem: ", problem, "\n");
  return absl::StrCat(text, DescribeViolations(report));
}

}  // namespace nearcache::bench::tour
