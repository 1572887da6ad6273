// The tour as its user runs it, short: on a real server, with all faults, and with a worker that must be caught.

#include <cstdio>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"
#include "tests/support/redis_server.h"

namespace nearcache::bench::tour {
namespace {

using ::nearcache::testing::PathOf;
using ::nearcache::testing::ProgramOutcome;
using ::nearcache::testing::ReadFile;
using ::nearcache::testing::RunProgram;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome : ProgramOutcome {
  std::string page;
};

Outcome RunTour(const std::string& environment, const std::string& flags) {
  const std::string page = PathOf("tour.html");
  std::remove(page.c_str());
  ProgramOutcome outcome =
      RunProgram(environment + " bench/tour/tour --plain --keys=20000 --html=" + page + " " + flags);
  return {std::move(outcome), ReadFile(page)};
}

TEST(TourTest, EndsWithoutViolationThoughEverythingIsBrokenOnce) {
  NEARCACHE_REQUIRE_SERVER();
  const Outcome outcome = RunTour("", "--seconds=10");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("0 violations in"));
  for (const char* fault : {"kill -9 worker", "cut every connection", "pause worker", "kill -9 the server"}) {
    EXPECT_THAT(outcome.output, HasSubstr(fault));
  }
  EXPECT_THAT(outcome.page, HasSubstr("</html>"));
}

TEST(TourTest, WorkerThatIgnoresInvalidationsIsCaught) {
  NEARCACHE_REQUIRE_SERVER();
  const Outcome outcome = RunTour("", "--seconds=3 --faults=none --bound_ms=200 --inject_stale");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("worker 1: too old"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("worker 0: ")));
}

TEST(TourTest, WithoutAServerItShowsTheLocalTier) {
  const Outcome outcome = RunTour("PATH=/nonexistent", "--seconds=3");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("local tier alone"));
  EXPECT_THAT(outcome.page, HasSubstr("</html>"));
}

TEST(TourTest, ServerThatIsAskedForMustBeThere) {
  const Outcome outcome = RunTour("PATH=/nonexistent", "--server=valkey");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("valkey-server"));
}

TEST(TourTest, BadFlagsAreNamed) {
  const Outcome outcome = RunTour("", "--bound_ms=5");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("--bound_ms=5 must be between 50 and 60000"));
}

}  // namespace
}  // namespace nearcache::bench::tour
