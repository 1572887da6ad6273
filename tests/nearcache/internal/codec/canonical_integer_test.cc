#include "nearcache/internal/codec/canonical_integer.h"

#include <limits>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nearcache::internal::codec {
namespace {

TEST(CanonicalIntegerTest, ReadsWhatStrCatWrites) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100000; ++i) {
    const auto number = static_cast<int64_t>(random()) >> (random() % 64);
    EXPECT_EQ(ParseCanonicalInteger(absl::StrCat(number)), number);
  }
}

TEST(CanonicalIntegerTest, ReadsTheExtremes) {
  EXPECT_EQ(ParseCanonicalInteger("0"), 0);
  EXPECT_EQ(ParseCanonicalInteger("-1"), -1);
  EXPECT_EQ(ParseCanonicalInteger("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseCanonicalInteger("-9223372036854775808"), std::numeric_limits<int64_t>::min());
}

TEST(CanonicalIntegerTest, RefusesEverySecondWayToWriteANumber) {
  for (const absl::string_view text :
       {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1\n", "1.", "1e1", "0x1", "one", "--1", "1-", "٣"}) {
    EXPECT_EQ(ParseCanonicalInteger(text), absl::nullopt) << text;
  }
  EXPECT_EQ(ParseCanonicalInteger(absl::string_view("1\0", 2)), absl::nullopt);
}

TEST(CanonicalIntegerTest, RefusesWhatDoesNotFit) {
  for (const absl::string_view text : {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                                       "99999999999999999999", "-9999999999999999999", "92233720368547758070"}) {
    EXPECT_EQ(ParseCanonicalInteger(text), absl::nullopt) << text;
  }
  EXPECT_EQ(ParseCanonicalInteger(std::string(1000000, '1')), absl::nullopt);
}

}  // namespace
}  // namespace nearcache::internal::codec
