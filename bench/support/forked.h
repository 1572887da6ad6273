// Measurements in a process of their own, so that what one candidate leaves in the allocator is not counted for the
// next.

#ifndef BENCH_SUPPORT_FORKED_H_
#define BENCH_SUPPORT_FORKED_H_

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace nearcache::bench {

// Runs `measure` in a forked child and returns what it returned there. The child may start threads; its exit runs no
// destructors of the parent's. kInternal: it ended otherwise, and how.
//
// REQUIRES: this process has one thread, since a child has none but the caller's.
absl::StatusOr<std::string> RunForked(absl::FunctionRef<std::string()> measure);

// Bytes of this process that are in memory, without file pages that others share (RssAnon).
size_t ResidentBytes();

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_FORKED_H_
