// The live view of a tour: on a terminal a table that is redrawn in place once a second, with the faults below it;
// otherwise, or if asked to be plain, one line per second. Single-threaded.

#ifndef BENCH_TOUR_SCREEN_H_
#define BENCH_TOUR_SCREEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bench/tour/effects.h"
#include "bench/tour/fault_script.h"
#include "bench/tour/sampler.h"

namespace nearcache::bench::tour {

class Screen {
 public:
  // `redraws`: whether to draw in place; false writes plain lines.
  explicit Screen(bool redraws) : redraws_(redraws) {}

  // Whether standard output is a terminal that can be drawn on.
  static bool OutputIsTerminal();

  // A line that stays. Above the table, if there is one.
  void Say(absl::string_view line);

  // A line about a fault, just now.
  void Announce(double at_seconds, absl::string_view line);

  // The state of things. `violations` counts since the start.
  void Show(const Sample& sample, double run_seconds, uint64_t violations);

  // The effect of the fault that was announced last, once it is over.
  void ShowEffect(const FaultEvent& event, const Effect& effect);

 private:
  void ShowTable(const Sample& sample, double run_seconds, uint64_t violations);
  void ShowLine(const Sample& sample, uint64_t violations);
  void Redraw(const std::vector<std::string>& lines);

  const bool redraws_;
  int lines_drawn_ = 0;
  int plain_lines_ = 0;
  std::vector<std::string> history_;  // What was announced, for the table's foot.
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_SCREEN_H_
