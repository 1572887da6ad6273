// The tour as its user runs it, short: on a real server, with all faults, and with a worker that must be caught.

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::tour {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit_code = -1;
  std::string output;
  std::string page;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

Outcome RunTour(const std::string& environment, const std::string& flags) {
  const std::string folder = testing::TempDir();
  const std::string page = folder + "/tour.html";
  std::remove(page.c_str());
  const std::string command = environment + " bench/tour/tour --plain --keys=20000 --html=" + page + " " + flags +
                              " > " + folder + "/output.txt 2>&1";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(folder + "/output.txt"), ReadFile(page)};
}

bool HasServer() { return std::system("command -v redis-server valkey-server > /dev/null") == 0; }

TEST(TourTest, EndsWithoutViolationThoughEverythingIsBrokenOnce) {
  if (!HasServer()) GTEST_SKIP() << "no redis-server and no valkey-server on PATH";
  const Outcome outcome = RunTour("", "--seconds=10");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("0 violations in"));
  for (const char* fault : {"kill -9 worker", "cut every connection", "pause worker", "kill -9 the server"}) {
    EXPECT_THAT(outcome.output, HasSubstr(fault));
  }
  EXPECT_THAT(outcome.page, HasSubstr("</html>"));
}

TEST(TourTest, WorkerThatIgnoresInvalidationsIsCaught) {
  if (!HasServer()) GTEST_SKIP() << "no redis-server and no valkey-server on PATH";
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
