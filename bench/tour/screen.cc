#include "bench/tour/screen.h"

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bench/tour/columns.h"
#include "bench/tour/effects.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/sampler.h"

namespace nearcache::bench::tour {
namespace {

constexpr char kBold[] = "\x1b[1m";
constexpr char kDim[] = "\x1b[2m";
constexpr char kRed[] = "\x1b[1;31m";
constexpr char kReset[] = "\x1b[0m";
constexpr char kClearToEndOfLine[] = "\x1b[K";
constexpr int kPlainLinesPerHeading = 20;

std::string Styled(const char* style, absl::string_view text) { return absl::StrCat(style, text, kReset); }

std::string ViolationsCell(uint64_t violations, bool styled) {
  std::string cell = absl::StrCat(violations);
  return styled && violations > 0 ? Styled(kRed, cell) : cell;
}

}  // namespace

bool Screen::OutputIsTerminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && terminal != nullptr && absl::string_view(terminal) != "dumb";
}

void Screen::Say(absl::string_view line) {
  std::cout << line << (redraws_ ? kClearToEndOfLine : "") << std::endl;
  lines_drawn_ = 0;
}

void Screen::Announce(double at_seconds, absl::string_view line) {
  const std::string text = absl::StrFormat("%5.1f s  %s", at_seconds, line);
  if (redraws_) {
    history_.push_back(Styled(kBold, text));
  } else {
    std::cout << "  >> " << text << std::endl;
  }
}

void Screen::ShowEffect(const FaultEvent& event, const Effect& effect) {
  const std::string text = DescribeEffect(effect);
  if (redraws_) {
    history_.push_back(absl::StrCat("         ", text));
  } else {
    std::cout << "  << " << event.name << ": " << text << std::endl;
  }
}

void Screen::Show(const Sample& sample, double run_seconds, uint64_t violations) {
  if (redraws_) {
    ShowTable(sample, run_seconds, violations);
  } else {
    ShowLine(sample, violations);
  }
}

void Screen::ShowLine(const Sample& sample, uint64_t violations) {
  if (plain_lines_++ % kPlainLinesPerHeading == 0) std::cout << "  time  " << ColumnHeading() << std::endl;
  std::cout << absl::StrFormat("%4d s  ", static_cast<int>(sample.at_seconds)) << ColumnValues(sample.total)
            << ViolationsCell(violations, false) << std::endl;
}

void Screen::ShowTable(const Sample& sample, double run_seconds, uint64_t violations) {
  std::vector<std::string> lines;
  lines.push_back("");
  lines.push_back(Styled(
      kDim, absl::StrFormat("%4d of %.0f s ", static_cast<int>(sample.at_seconds), run_seconds) + ColumnHeading()));
  for (size_t i = 0; i < sample.workers.size(); ++i) {
    const Interval& worker = sample.workers[i];
    lines.push_back(absl::StrFormat(" worker %-3d  ", i) + ColumnValues(worker) +
                    ViolationsCell(worker.Violations(), true) + WorkerRemark(worker));
  }
  lines.push_back(Styled(kBold, " together    " + ColumnValues(sample.total)) + ViolationsCell(violations, true));
  lines.push_back("");
  lines.insert(lines.end(), history_.begin(), history_.end());
  Redraw(lines);
}

// Lines are cut to the width of the terminal by switching its line wrapping off, so that their number stays right.
void Screen::Redraw(const std::vector<std::string>& lines) {
  std::string out = "\x1b[?7l";
  if (lines_drawn_ > 0) absl::StrAppend(&out, "\x1b[", lines_drawn_, "A\r");
  for (const std::string& line : lines) absl::StrAppend(&out, line, kClearToEndOfLine, "\n");
  absl::StrAppend(&out, "\x1b[J\x1b[?7h");
  std::cout << out << std::flush;
  lines_drawn_ = static_cast<int>(lines.size());
}

}  // namespace nearcache::bench::tour
