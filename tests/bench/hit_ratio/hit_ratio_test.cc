// The comparison as its user runs it, small and short.

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"

namespace nearcache::hit_ratio {
namespace {

using ::nearcache::testing::PathOf;
using ::nearcache::testing::ProgramOutcome;
using ::nearcache::testing::ReadFile;
using ::nearcache::testing::RunProgram;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Smaller than any load that means something.
ProgramOutcome RunHitRatio(const std::string& flags) {
  return RunProgram("bench/hit_ratio/hit_ratio --requests=5000 --keys=1000 --json=" + PathOf("ratios.json") +
                    " --html=" + PathOf("ratios.html") + " " + flags);
}

std::string WriteTrace(const std::string& name) {
  std::ofstream file(PathOf(name));
  for (int i = 0; i < 4000; ++i) file << "key:" << i * i % 1009 << " " << 5000 + i % 50 << "\n";
  return PathOf(name);
}

TEST(HitRatioTest, RunsFilesAndGeneratorsAndEndsWithGoals) {
  const ProgramOutcome outcome =
      RunHitRatio("--trace=" + WriteTrace("first.txt") + " --generators=zipf,loop --trace=" + WriteTrace("second.csv"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* trace : {"first", "second", "zipf", "loop"}) {
    for (const char* unit : {"entries", "bytes"}) {
      EXPECT_THAT(outcome.output, HasSubstr(std::string("== ") + trace + " by " + unit));
    }
  }
  EXPECT_THAT(outcome.output, Not(HasSubstr("== drift")));
  for (const char* goal : {"L16 against=lru-mean", "L16 against=lru-worst", "default against=lru-entries-worst",
                           "default against=kLru-bytes-worst"}) {
    EXPECT_THAT(outcome.output, ContainsRegex(std::string("\ngoal=") + goal +
                                              " value=[0-9.e+-]+ limit=>=[-.0-9]+ ok=(yes|no) floor=>=[-.0-9]+ "
                                              "above_floor=(yes|no)"));
  }
  const std::string json = ReadFile(PathOf("ratios.json"));
  EXPECT_THAT(json, HasSubstr("{\"trace\":\"second\",\"recorded\":true,\"unit\":\"bytes\",\"percent\":25,"));
  EXPECT_THAT(json, HasSubstr("\"goals\":[{\"goal\":\"L16\""));
  const std::string page = ReadFile(PathOf("ratios.html"));
  EXPECT_THAT(page, HasSubstr("<h2>second <small>recorded, 4000 requests"));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST(HitRatioTest, JudgesNothingWithoutFiles) {
  const ProgramOutcome outcome = RunHitRatio("--generators=drift");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, Not(HasSubstr("goal=")));
  EXPECT_THAT(outcome.output, HasSubstr("no goal was judged"));
}

TEST(HitRatioTest, BadFlagsAndFilesAreNamedWithTheirReason) {
  const std::string broken = PathOf("broken.txt");
  std::ofstream(broken) << "a 1\nb x\n";
  const struct {
    std::string flags;
    const char* reason;
  } cases[] = {
      {"--trace=" + broken, "broken.txt:2: size 'x' is no number"},
      {"--trace=" + PathOf("absent.u32"), "absent.u32"},
      {"--keys=99", "--keys=99 must be between 100 and"},
      {"--stripes=3", "--stripes=3 must be a power of two"},
      {"--generators=sine", "--generators: 'sine' is none of all, none, zipf"},
      {"--generators=none", "nothing to do"},
      {"file.u32", "only flags are taken"},
  };
  for (const auto& bad : cases) {
    const ProgramOutcome outcome = RunHitRatio(bad.flags);
    EXPECT_EQ(outcome.exit_code, 2) << bad.flags;
    EXPECT_THAT(outcome.output, HasSubstr(bad.reason));
  }
}

TEST(HitRatioTest, UnwritablePageIsAnErrorAndTheGoalsAreStillTold) {
  const ProgramOutcome outcome = RunHitRatio("--generators=loop --html=" + PathOf("no/such/folder.html"));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("cannot write"));
  EXPECT_THAT(outcome.output, HasSubstr("no goal was judged"));
}

}  // namespace
}  // namespace nearcache::hit_ratio
