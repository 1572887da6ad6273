#include "bench/processes/units.h"

#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

TEST(UnitsTest, DurationsHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(FormatNanos(0), "-");
  EXPECT_EQ(FormatNanos(84.24), "84.2 ns");
  EXPECT_EQ(FormatNanos(999.6), "1.00 µs");
  EXPECT_EQ(FormatNanos(217'000), "217 µs");
  EXPECT_EQ(FormatNanos(1'420'000'000), "1.42 s");
}

TEST(UnitsTest, CountsAndPercentages) {
  EXPECT_EQ(FormatCount(950), "950");
  EXPECT_EQ(FormatCount(12'340), "12.3 k");
  EXPECT_EQ(FormatCount(1'270'000), "1.27 M");
  EXPECT_EQ(FormatPercent(93.41), "93.4 %");
  EXPECT_EQ(FormatPercent(0.021), "0.02 %");
  EXPECT_EQ(FormatPercent(0), "0.0 %");
  EXPECT_EQ(FormatExact(1'234'567), "1,234,567");
  EXPECT_EQ(FormatExact(999), "999");
}

}  // namespace
}  // namespace nearcache::bench
