// Numbers as people read them: three digits and a unit.

#ifndef BENCH_PROCESSES_UNITS_H_
#define BENCH_PROCESSES_UNITS_H_

#include <cstdint>
#include <string>

namespace nearcache::bench {

// "84.2 ns", "217 µs", "1.42 s"; "-" for 0: nothing was measured.
std::string FormatNanos(double nanos);

// "950", "12.3 k", "1.27 M".
std::string FormatCount(double count);

// "93.4 %", "0.02 %".
std::string FormatPercent(double percent);

// "1,234,567".
std::string FormatExact(uint64_t count);

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_UNITS_H_
