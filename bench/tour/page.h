// The page that a tour leaves behind: one file that draws itself in any browser, without network.

#ifndef BENCH_TOUR_PAGE_H_
#define BENCH_TOUR_PAGE_H_

#include <string>

#include "absl/status/status.h"
#include "bench/tour/report.h"

namespace nearcache::bench::tour {

// The whole HTML document.
std::string MakePage(const Report& report);

// Writes it to `path`. kPermissionDenied, kNotFound, …: the file cannot be written there.
absl::Status WritePage(const Report& report, const std::string& path);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_PAGE_H_
