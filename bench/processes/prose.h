// Endless readable text made of word lists, reproducible from a seed: it compresses about as well as real articles do,
// unlike random bytes (not at all) or repeated ones (far too well).

#ifndef BENCH_PROCESSES_PROSE_H_
#define BENCH_PROCESSES_PROSE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "bench/support/random.h"

namespace nearcache::bench {

absl::string_view PickNoun(Random* random);
absl::string_view PickName(Random* random);

// Appends sentences until `text` has at least `bytes` bytes.
void AppendProse(Random* random, size_t bytes, std::string* text);

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_PROSE_H_
