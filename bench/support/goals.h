// Goals and verdicts: what a figure should reach, what it must not fall below, and the line that says so to people and
// to scripts alike; one without a floor ends before it:
//
//   goal=L1 against=rocksdb-lru value=0.381 limit=<=0.40 ok=yes floor=<=0.65 above_floor=yes spread=0.35..0.41

#ifndef BENCH_SUPPORT_GOALS_H_
#define BENCH_SUPPORT_GOALS_H_

#include <cmath>
#include <limits>
#include <string>

namespace nearcache::bench {

// Closed; either end may be infinite.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  bool Holds(double value) const { return value >= low && value <= high; }
  bool unbounded() const { return std::isinf(low) && std::isinf(high); }
};

inline Range AtMost(double high) { return {-std::numeric_limits<double>::infinity(), high}; }
inline Range AtLeast(double low) { return {low, std::numeric_limits<double>::infinity()}; }
inline Range Between(double low, double high) { return {low, high}; }

struct Goal {
  std::string id;       // "L1"
  std::string against;  // The peer or the condition: one word, so that lines split at blanks.
  std::string what;     // A few words for people.
  Range limit;
  Range floor;  // Outside of it a release fails; unbounded: there is none.
};

struct Verdict {
  Goal goal;
  double value = 0;
  double low = 0;  // Spread of the value; both 0 if there is none.
  double high = 0;

  // A value that is not a number meets nothing.
  bool ok() const { return goal.limit.Holds(value); }
  bool above_floor() const { return goal.floor.Holds(value); }
};

// "<=0.40", ">=80", "0.98..1.02".
std::string FormatRange(const Range& range);

// The line above, without a line end.
std::string GoalLine(const Verdict& verdict);

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_GOALS_H_
