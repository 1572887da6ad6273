#include "bench/tour/page.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "bench/processes/units.h"
#include "bench/support/clock.h"
#include "bench/tour/effects.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/page_assets.h"
#include "bench/tour/page_data.h"
#include "bench/tour/report.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

// A number is kept on one line with the unit or percent sign behind it.
std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {" %", "&nbsp;%"},
                                    {" ms", "&nbsp;ms"},
                                    {" KiB", "&nbsp;KiB"},
                                    {" MiB", "&nbsp;MiB"}});
}

std::string Nanos(int64_t nanos) { return nanos <= 0 ? "–" : FormatNanos(static_cast<double>(nanos)); }

std::string BoundText(const Report& report) { return absl::StrCat(report.setup.bound_nanos / kNanosPerMilli, " ms"); }

std::string Headline(const Report& report) {
  const uint64_t violations = report.whole.total.Violations();
  const std::string reads = FormatCount(static_cast<double>(report.whole.total.Reads()));
  if (violations > 0) return absl::StrCat(FormatExact(violations), " violations in ", reads, " checked reads");
  if (report.server_name.empty()) return absl::StrCat(reads, " reads from memory, none of them wrong");
  return absl::StrCat("No violation in ", reads, " checked reads");
}

std::string Lead(const Report& report) {
  const Setup& setup = report.setup;
  if (report.server_name.empty()) {
    return absl::StrFormat(
        "There was no Redis and no Valkey to share, so this is the local tier alone: %d processes, each reading and "
        "writing its own part of %s records for %.0f seconds.",
        setup.worker_count, FormatExact(setup.key_count), report.seconds);
  }
  return absl::StrFormat(
      "%d processes shared one %s for %.0f seconds. They read and wrote %s records of 100 bytes to 4 KiB, popular ones "
      "far more often than others (Zipf %g), %g %% of the operations being writes. Each process kept %d MiB of them in "
      "its own memory. nearcache promises that no process serves a value longer than %s after its replacement was "
      "acknowledged. Every record carries its version, so each single read was checked against that promise%s.",
      setup.worker_count, report.server_name, report.seconds, FormatExact(setup.key_count), setup.zipf_exponent,
      setup.write_percent, setup.local_bytes >> 20, BoundText(report),
      report.events.empty() ? "" : ", also while things were broken on purpose");
}

std::string Figure(absl::string_view value, absl::string_view label) {
  return absl::StrCat("<div><dd>", Escape(value), "</dd><dt>", Escape(label), "</dt></div>\n");
}

std::string Figures(const Report& report) {
  const Interval& total = report.whole.total;
  std::string html = Figure(FormatCount(total.ReadsPerSecond()), "reads per second");
  absl::StrAppend(&html, Figure(FormatPercent(total.Percent(kLocalHits)), "answered by own memory"),
                  Figure(FormatNanos(static_cast<double>(total.hit_tenths_of_nanos_p50) / 10), "per read from memory"));
  if (report.server_name.empty()) return html;
  absl::StrAppend(
      &html, Figure(Nanos(total.remote_latency_p50), "per read from the server"),
      Figure(Nanos(total.oldest_served), absl::StrCat("oldest value served, of ", BoundText(report), " promised")));
  return html;
}

std::string FaultRows(const Report& report) {
  std::string html;
  for (size_t i = 0; i < report.events.size(); ++i) {
    const FaultEvent& event = report.events[i];
    const Effect& effect = report.effects[i];
    absl::StrAppendFormat(
        &html,
        "<tr><td class=\"badge\"><span>%d</span></td><td><b>%s</b><small>%s</small></td><td class=\"number\">%.1f "
        "s</td>"
        "<td class=\"number\">%.0f %% → %.0f %%</td><td class=\"number\">%s</td><td class=\"number\">%s</td>"
        "<td class=\"number\">%d</td></tr>\n",
        i + 1, Escape(event.name), Escape(event.meaning), event.at_seconds, effect.local_percent_before,
        effect.local_percent_worst,
        effect.recovery_seconds < 0 ? std::string("not yet") : absl::StrFormat("%.1f s", effect.recovery_seconds),
        Nanos(effect.oldest_served_nanos), effect.violations);
  }
  return html;
}

std::string WorkerRow(absl::string_view name, const Interval& worker, bool has_server) {
  std::vector<std::string> cells = {FormatCount(static_cast<double>(worker.Reads())),
                                    FormatPercent(worker.Percent(kLocalHits)),
                                    FormatPercent(worker.Percent(kRemoteHits)),
                                    FormatPercent(worker.Percent(kMisses)),
                                    FormatPercent(worker.Percent(kReadsFailed)),
                                    FormatNanos(static_cast<double>(worker.hit_tenths_of_nanos_p50) / 10)};
  const std::vector<std::string> remote = {Nanos(worker.remote_latency_p50), Nanos(worker.remote_latency_p99),
                                           FormatCount(static_cast<double>(worker.counts[kWritesAcknowledged])),
                                           Nanos(worker.oldest_served)};
  if (has_server) cells.insert(cells.end(), remote.begin(), remote.end());
  cells.push_back(FormatExact(worker.Violations()));
  std::string html = absl::StrCat("<tr><th>", name, "</th>");
  for (const std::string& cell : cells) absl::StrAppend(&html, "<td class=\"number\">", Escape(cell), "</td>");
  return html + "</tr>\n";
}

std::string WorkerTable(const Report& report) {
  const bool has_server = !report.server_name.empty();
  std::string html = absl::StrCat(
      "<tr><th></th><th>reads</th><th>memory</th><th>server</th><th>absent</th><th>failed</th><th>per memory read</th>",
      has_server ? "<th>server p50</th><th>p99</th><th>writes</th><th>oldest</th>" : "", "<th>violations</th></tr>\n");
  for (size_t i = 0; i < report.whole.workers.size(); ++i) {
    absl::StrAppend(&html, WorkerRow(absl::StrCat("process ", i), report.whole.workers[i], has_server));
  }
  return absl::StrCat(html, WorkerRow("together", report.whole.total, has_server));
}

std::string Problems(const Report& report) {
  std::string html;
  for (const std::vector<std::string>* list : {&report.problems, &report.violations}) {
    for (const std::string& line : *list) absl::StrAppend(&html, "<li>", Escape(line), "</li>\n");
  }
  return html.empty() ? "" : absl::StrCat("<ul class=\"problems\">\n", html, "</ul>\n");
}

std::string Notes(const Report& report) {
  const Interval& total = report.whole.total;
  if (report.server_name.empty()) return "";
  return absl::StrFormat(
      "%s writes were acknowledged, %s ended without an answer (they may have happened or not, and are judged as "
      "such), %s failed. %s reads were asked to be fresh and all of those had to return the newest value.",
      FormatExact(total.counts[kWritesAcknowledged]), FormatExact(total.counts[kWritesUnknown]),
      FormatExact(total.counts[kWritesFailed]), FormatExact(total.counts[kFreshReads]));
}

}  // namespace

std::string MakePage(const Report& report) {
  const std::string lead = Lead(report);
  return absl::StrReplaceAll(kPageHtml, {{"{{style}}", kPageStyle},
                                         {"{{script}}", kPageScript},
                                         {"{{data}}", MakePageData(report)},
                                         {"{{verdict}}", Escape(Headline(report))},
                                         {"{{tone}}", report.Good() ? "good" : "bad"},
                                         {"{{server_class}}", report.server_name.empty() ? "alone" : "shared"},
                                         {"{{faults_class}}", report.events.empty() ? "calm" : "faulty"},
                                         {"{{lead}}", Escape(lead)},
                                         {"{{bound}}", BoundText(report)},
                                         {"{{figures}}", Figures(report)},
                                         {"{{fault_rows}}", FaultRows(report)},
                                         {"{{worker_table}}", WorkerTable(report)},
                                         {"{{problems}}", Problems(report)},
                                         {"{{notes}}", Escape(Notes(report))}});
}

absl::Status WritePage(const Report& report, const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  file << MakePage(report);
  file.close();
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write all of ", path));
  return absl::OkStatus();
}

}  // namespace nearcache::bench::tour
