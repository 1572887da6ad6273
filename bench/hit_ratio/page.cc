#include "bench/hit_ratio/page.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "bench/hit_ratio/page_assets.h"
#include "bench/hit_ratio/report.h"

namespace nearcache::hit_ratio {
namespace {

constexpr double kWidth = 520;
constexpr double kHeight = 330;
constexpr double kLeft = 48;
constexpr double kRight = 24;
constexpr double kTop = 12;
constexpr double kBottom = 30;
constexpr double kTicks = 5;

std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// One chart: the cells of one trace and unit.
class Chart {
 public:
  explicit Chart(std::vector<Cell> cells) : cells_(std::move(cells)) {
    double low = 100;
    double high = 0;
    for (const Cell& cell : cells_) {
      for (size_t i = 0; i < kSeriesCount; ++i) {
        low = std::min(low, cell.Ratio(static_cast<Series>(i)));
        high = std::max(high, cell.Ratio(static_cast<Series>(i)));
      }
    }
    step_ = StepFor(high - low);
    low_ = std::floor(low / step_) * step_;
    high_ = std::max(std::ceil(high / step_) * step_, low_ + step_);
  }

  std::string Svg() const {
    std::string svg = absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n", kWidth,
                                      kHeight, Escape(Title()));
    absl::StrAppend(&svg, Grid());
    // The more important lie on top.
    for (size_t i = kSeriesCount; i-- > 0;) absl::StrAppend(&svg, Curve(static_cast<Series>(i)));
    return absl::StrCat(svg, "</svg>\n");
  }

  std::string Title() const {
    return absl::StrCat(cells_.front().trace, " by ", UnitName(cells_.front().unit), ", hit ratio in per cent");
  }

 private:
  static double StepFor(double range) {
    for (const double step : {1.0, 2.0, 5.0, 10.0}) {
      if (range / step <= kTicks) return step;
    }
    return 20;
  }

  double X(double percent) const {
    const double least = std::log(cells_.front().percent);
    const double most = std::log(cells_.back().percent);
    const double share = most > least ? (std::log(percent) - least) / (most - least) : 0.5;
    return kLeft + share * (kWidth - kLeft - kRight);
  }

  double Y(double ratio) const { return kTop + (high_ - ratio) / (high_ - low_) * (kHeight - kTop - kBottom); }

  std::string Grid() const {
    std::string svg;
    for (double ratio = low_; ratio <= high_ + step_ / 2; ratio += step_) {
      absl::StrAppendFormat(&svg,
                            "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                            "<text class=\"y\" x=\"%.1f\" y=\"%.1f\">%.0f</text>\n",
                            kLeft, kWidth - kRight, Y(ratio), Y(ratio), kLeft - 8, Y(ratio) + 4.5, ratio);
    }
    for (const Cell& cell : cells_) {
      absl::StrAppendFormat(&svg, "<text class=\"x\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", X(cell.percent), kHeight - 8,
                            PercentText(cell.percent));
    }
    return svg;
  }

  std::string Curve(Series series) const {
    std::string points;
    std::string dots;
    for (const Cell& cell : cells_) {
      const double ratio = cell.Ratio(series);
      absl::StrAppendFormat(&points, "%s%.1f,%.1f", points.empty() ? "" : " ", X(cell.percent), Y(ratio));
      absl::StrAppendFormat(&dots,
                            "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%s, %s: %.2f %%</title>"
                            "</circle>\n",
                            series, X(cell.percent), Y(ratio), kSeriesMeanings[series], PercentText(cell.percent),
                            ratio);
    }
    return absl::StrFormat("<polyline class=\"line s%d\" data-series=\"%s\" points=\"%s\"/>\n%s", series,
                           kSeriesNames[series], points, dots);
  }

  const std::vector<Cell> cells_;
  double step_ = 10;
  double low_ = 0;
  double high_ = 100;
};

std::string Legend() {
  std::string html;
  for (size_t i = 0; i < kSeriesCount; ++i) {
    absl::StrAppendFormat(
        &html,
        "<li><svg viewBox=\"0 0 36 12\" aria-hidden=\"true\"><line class=\"line s%d\" x1=\"0\" x2=\"36\" "
        "y1=\"6\" y2=\"6\"/></svg>%s</li>\n",
        i, kSeriesMeanings[i]);
  }
  return html;
}

// A chart per unit, side by side under the name of the trace. Cells of one trace and unit are neighbours.
std::string Figures(const std::vector<Cell>& cells) {
  std::string html;
  std::string trace;
  for (auto first = cells.begin(); first != cells.end();) {
    const auto last = std::find_if(first, cells.end(), [&first](const Cell& cell) {
      return cell.trace != first->trace || cell.unit != first->unit;
    });
    if (html.empty() || trace != first->trace) {
      absl::StrAppend(&html, html.empty() ? "" : "</div>\n</section>\n");
      trace = first->trace;
      absl::StrAppendFormat(&html, "<section>\n<h2>%s <small>%s, %d requests</small></h2>\n<div class=\"pair\">\n",
                            Escape(trace), first->recorded ? "recorded" : "generated", first->requests);
    }
    const Chart chart({first, last});
    absl::StrAppend(&html, "<figure>\n<figcaption>memory in ", UnitName(first->unit),
                    "; hit ratio, per cent</figcaption>\n", chart.Svg(), "</figure>\n");
    first = last;
  }
  return html.empty() ? html : absl::StrCat(html, "</div>\n</section>\n");
}

std::string Goals(const std::vector<bench::Verdict>& verdicts) {
  std::string html;
  for (const bench::Verdict& verdict : verdicts) {
    absl::StrAppendFormat(&html, "<li>%s: %s <b>%+.2f</b> wanted %s: %s</li>\n", Escape(verdict.goal.id),
                          Escape(verdict.goal.what), verdict.value, Escape(bench::FormatRange(verdict.goal.limit)),
                          verdict.ok() ? "reached" : "missed");
  }
  return html.empty() ? html : absl::StrCat("<ul class=\"goals\">\n", html, "</ul>");
}

std::string Table(const std::vector<Cell>& cells) {
  std::string html = "<tr><th>trace</th><th>unit</th><th>memory</th><th>capacity</th>";
  for (const char* meaning : kSeriesMeanings) absl::StrAppend(&html, "<th>", meaning, "</th>");
  absl::StrAppend(&html, "</tr>\n");
  for (const Cell& cell : cells) {
    absl::StrAppendFormat(&html, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%d</td>", Escape(cell.trace),
                          UnitName(cell.unit), PercentText(cell.percent), cell.capacity);
    for (size_t i = 0; i < kSeriesCount; ++i) {
      absl::StrAppendFormat(&html, "<td>%.2f</td>", cell.Ratio(static_cast<Series>(i)));
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return html;
}

}  // namespace

std::string MakePage(const std::vector<Cell>& cells, const std::vector<bench::Verdict>& verdicts) {
  return absl::StrReplaceAll(kPageHtml, {{"{{style}}", kPageStyle},
                                         {"{{goals}}", Goals(verdicts)},
                                         {"{{legend}}", Legend()},
                                         {"{{figures}}", Figures(cells)},
                                         {"{{table}}", Table(cells)}});
}

absl::Status WriteFile(const std::string& text, const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  file << text;
  file.close();
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write all of ", path));
  return absl::OkStatus();
}

}  // namespace nearcache::hit_ratio
