// Tells in words what was wrong, and what happened around it.

#ifndef BENCH_COHERENCE_TORTURE_HISTORY_H_
#define BENCH_COHERENCE_TORTURE_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/fault_record.h"
#include "bench/coherence_torture/violation.h"

namespace nearcache::bench::torture {

// "a value older than the bound (C1)", …
absl::string_view ViolationName(Violation violation);

// One paragraph: what happened, the writes of the key, and the faults of the seconds before. Times are seconds since
// `start_nanos`.
std::string DescribeViolation(const ViolationRecord& record, const std::vector<FaultRecord>& faults,
                              int64_t start_nanos);

// All that `log` holds, behind `heading`; empty if there is none.
std::string DescribeViolations(const ViolationLog& log, const std::vector<FaultRecord>& faults, int64_t start_nanos,
                               absl::string_view heading);

// kUnavailable: the file cannot be written.
absl::Status WriteHistory(const std::string& path, absl::string_view text);

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_HISTORY_H_
