// Traces made by rule, for loads that every cache meets and whose right answer is known.

#ifndef BENCH_HIT_RATIO_GENERATORS_H_
#define BENCH_HIT_RATIO_GENERATORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/hit_ratio/trace.h"

namespace nearcache::hit_ratio {

struct GeneratorOptions {
  uint32_t keys = 100'000;
  uint32_t requests = 1'000'000;
  double zipf_exponent = 0.99;
  uint64_t seed = 1;
};

//   zipf    independent draws by Zipf's law
//   scan    the same, and after each twentieth of the requests as many keys as a tenth of all, asked for once, in a row
//   loop    all keys in turn, again and again
//   drift   Zipf's law on ranks that move: a key appears at the top and sinks; over the trace as many appear as there
//           are keys
std::vector<std::string> GeneratorNames();

// The same for the same options, with every compiler that has the same mathematics library. Keys that no request drew
// have no number. kInvalidArgument: a name that is not above.
// REQUIRES: keys > 0, requests > 0 and zipf_exponent > 0
absl::StatusOr<Trace> Generate(absl::string_view name, const GeneratorOptions& options);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_GENERATORS_H_
