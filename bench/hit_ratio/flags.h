// The command line of the comparison.

#ifndef BENCH_HIT_RATIO_FLAGS_H_
#define BENCH_HIT_RATIO_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/hit_ratio/generators.h"
#include "bench/hit_ratio/sweep.h"

namespace nearcache::hit_ratio {

struct Flags {
  std::vector<std::string> traces;
  std::vector<std::string> generators;
  GeneratorOptions generate;
  SweepOptions sweep;
  // Empty: not written.
  std::string json;
  std::string html;
};

// kInvalidArgument names the flag and its limit. Unknown flags end the process with a message, as Abseil does it.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_FLAGS_H_
