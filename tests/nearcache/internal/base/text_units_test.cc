#include "nearcache/internal/base/text_units.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

using testing::HasSubstr;

TEST(ParseIntegerTest, ReadsWholeNumbersWithinTheirRange) {
  EXPECT_EQ(*ParseInteger("f", "0", 0, 10), 0);
  EXPECT_EQ(*ParseInteger("f", "-5", -5, 10), -5);
  EXPECT_EQ(*ParseInteger("f", "9223372036854775807", 0, std::numeric_limits<int64_t>::max()),
            std::numeric_limits<int64_t>::max());
}

TEST(ParseIntegerTest, RefusesEverythingElseAndSaysWhy) {
  for (const absl::string_view text :
       {"", "-", " 1", "1 ", "+1", "1.5", "0x1", "ten", "11", "-1", "99999999999999999999"}) {
    const absl::StatusOr<int64_t> number = ParseInteger("port", text, 0, 10);
    EXPECT_EQ(number.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(number.status().message(), HasSubstr("port: \""));
    EXPECT_THAT(number.status().message(), HasSubstr(text));
    EXPECT_THAT(number.status().message(), HasSubstr("from 0 to 10"));
  }
}

TEST(ParseUnitDurationTest, WantsAUnit) {
  EXPECT_EQ(*ParseUnitDuration("f", "250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseUnitDuration("f", "2s"), absl::Seconds(2));
  EXPECT_EQ(*ParseUnitDuration("f", "1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseUnitDuration("f", "1.5h"), absl::Minutes(90));
  EXPECT_EQ(*ParseUnitDuration("f", "inf"), absl::InfiniteDuration());
  for (const absl::string_view text : {"", "250", "ms", "-1s", "-inf", "1 s", "1d", "1e3s", "1sec"}) {
    const absl::StatusOr<absl::Duration> duration = ParseUnitDuration("timeout", text);
    EXPECT_EQ(duration.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(duration.status().message(), HasSubstr("timeout: \""));
    EXPECT_THAT(duration.status().message(), HasSubstr("250ms"));
  }
}

TEST(ParseByteSizeTest, ReadsBytesAndBinaryUnits) {
  EXPECT_EQ(*ParseByteSize("f", "0"), 0);
  EXPECT_EQ(*ParseByteSize("f", "1048577"), 1048577);
  EXPECT_EQ(*ParseByteSize("f", "512KiB"), 512 << 10);
  EXPECT_EQ(*ParseByteSize("f", "64MiB"), 64 << 20);
  EXPECT_EQ(*ParseByteSize("f", "3GiB"), int64_t{3} << 30);
  EXPECT_EQ(*ParseByteSize("f", "1TiB"), int64_t{1} << 40);
  EXPECT_EQ(*ParseByteSize("f", "4611686018427387904"), int64_t{1} << 62);
}

TEST(ParseByteSizeTest, RefusesWhatIsNoSizeOrTooLarge) {
  for (const absl::string_view text : {"", "MiB", "-1", "-1MiB", "1.5GiB", "64 MiB", "64MB", "64M", "64mib",
                                       "4611686018427387905", "4194305TiB", "99999999999999999999", "1KiBMiB"}) {
    const absl::StatusOr<int64_t> size = ParseByteSize("capacity", text);
    EXPECT_EQ(size.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(size.status().message(), HasSubstr("capacity: \""));
    EXPECT_THAT(size.status().message(), HasSubstr("KiB"));
  }
}

TEST(QuotedTest, EscapesAndCuts) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("a\"b\n"), "\"a\\\"b\\n\"");
  EXPECT_EQ(Quoted(std::string(1000, 'x')), "\"" + std::string(80, 'x') + "...\"");
}

}  // namespace
}  // namespace nearcache::internal
