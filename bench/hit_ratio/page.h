// The curves as one HTML file that needs nothing else: hit ratio over the size of memory, all policies and the bound,
// for each trace by entries and by bytes. No script; follows the reader's choice of light or dark.

#ifndef BENCH_HIT_RATIO_PAGE_H_
#define BENCH_HIT_RATIO_PAGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/hit_ratio/sweep.h"
#include "bench/support/goals.h"

namespace nearcache::hit_ratio {

std::string MakePage(const std::vector<Cell>& cells, const std::vector<bench::Verdict>& verdicts);

// What the system says, with the path, if it cannot be written.
absl::Status WriteFile(const std::string& text, const std::string& path);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_PAGE_H_
