// The columns of the live table and of the summary: what is shown of an interval, and how.

#ifndef BENCH_TOUR_COLUMNS_H_
#define BENCH_TOUR_COLUMNS_H_

#include <string>

#include "bench/tour/sampler.h"

namespace nearcache::bench::tour {

// Names of the columns, the last one being that of the violations.
std::string ColumnHeading();

// The values below them, without the violations.
std::string ColumnValues(const Interval& interval);

// What else is to be said about a worker; usually nothing.
std::string WorkerRemark(const Interval& worker);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_COLUMNS_H_
