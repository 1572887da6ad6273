// The numbers of a tour as the JSON that the page's script draws.

#ifndef BENCH_TOUR_PAGE_DATA_H_
#define BENCH_TOUR_PAGE_DATA_H_

#include <string>

#include "bench/tour/report.h"

namespace nearcache::bench::tour {

// Safe inside a <script> element: no "<" in it.
std::string MakePageData(const Report& report);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_PAGE_DATA_H_
