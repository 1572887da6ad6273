// The torture run as its user runs it, short: with faults, with caches that must be caught, and with bad flags.

#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"
#include "tests/support/redis_server.h"

namespace nearcache::bench::torture {
namespace {

using ::nearcache::testing::PathOf;
using ::nearcache::testing::ProgramOutcome;
using ::nearcache::testing::ReadFile;
using ::nearcache::testing::RedisServer;
using ::nearcache::testing::RedisServerOptions;
using ::nearcache::testing::RunProgram;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kLastLine[] =
    "checked_reads=[0-9]+ writes=[0-9]+ faults=[0-9]+ kinds=[0-9]+ violations=[0-9]+ oldest_ms=[0-9.]+ "
    "bound_ms=[0-9]+ hit_share=[0-9.]+%";

struct Outcome : ProgramOutcome {
  std::string last_line;
  std::string history;
};

std::string LastLineOf(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

Outcome RunTorture(absl::string_view environment, absl::string_view flags) {
  const std::string history = PathOf("history.txt");
  std::remove(history.c_str());
  ProgramOutcome outcome = RunProgram(
      absl::StrCat(environment, " bench/coherence_torture/coherence_torture --history=", history, " ", flags));
  std::string last_line = LastLineOf(outcome.output);
  return {std::move(outcome), std::move(last_line), ReadFile(history)};
}

bool HasServer() { return RedisServer::Installed(RedisServerOptions::Product::kRedis); }

TEST(TortureTest, PromiseHoldsWhileThingsBreak) {
  if (!HasServer()) GTEST_SKIP() << "no redis-server on PATH";
  const Outcome outcome = RunTorture("", "--seconds=8 --processes=2");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output << outcome.history;
  EXPECT_THAT(outcome.last_line, MatchesRegex(kLastLine));
  EXPECT_THAT(outcome.last_line, AllOf(HasSubstr(" violations=0 "), HasSubstr(" bound_ms=300 ")));
  EXPECT_EQ(outcome.history, "");
  EXPECT_THAT(outcome.output,
              ContainsRegex("Among them [1-9][0-9,]* were adds, [1-9][0-9,]* increments, [1-9][0-9,]* ends of lives; "
                            "besides [1-9][0-9,]* longer lives, and [1-9][0-9,]* loads, [1-9][0-9,]* of them"));
  for (const char* nothing : {"checked_reads=0 ", " writes=0 ", " faults=0 ", " kinds=0 "}) {
    EXPECT_EQ(outcome.last_line.find(nothing), std::string::npos) << outcome.last_line;
  }
}

// Their leases last three seconds, and for half of that nobody hears anything.
TEST(TortureTest, CachesWithALargerBoundThanIsJudgedAreCaught) {
  if (!HasServer()) GTEST_SKIP() << "no redis-server on PATH";
  const Outcome outcome =
      RunTorture("", "--seconds=8 --processes=2 --bound_ms=100 --opened_bound_ms=3000 --faults=deaf_channel,push_late");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.last_line, MatchesRegex(kLastLine));
  EXPECT_THAT(outcome.history, HasSubstr("x a value older than the bound (C1)"));
  EXPECT_THAT(outcome.history, HasSubstr("at most 100.0 ms are allowed."));
  EXPECT_THAT(outcome.history, HasSubstr("Writes of the key, newest first:"));
  EXPECT_THAT(outcome.history, HasSubstr("deaf_channel"));
}

TEST(TortureTest, WithoutFaultsNothingIsBroken) {
  if (!HasServer()) GTEST_SKIP() << "no redis-server on PATH";
  const Outcome outcome = RunTorture("", "--seconds=3 --processes=1 --faults=none");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output << outcome.history;
  EXPECT_THAT(outcome.last_line, HasSubstr(" faults=0 kinds=0 violations=0 "));
}

TEST(TortureTest, ServerThatIsAskedForMustBeThere) {
  const Outcome outcome = RunTorture("PATH=/nonexistent", "--server=valkey");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("there is no valkey-server on PATH"));
}

TEST(TortureTest, BadFlagsAreNamed) {
  EXPECT_THAT(RunTorture("", "--bound_ms=5").output, HasSubstr("--bound_ms=5 must be between 50 and 60000"));
  EXPECT_EQ(RunTorture("", "--processes=17").exit_code, 2);
  EXPECT_EQ(RunTorture("", "extra").exit_code, 2);
}

TEST(TortureTest, UnknownFaultListsThoseThereAre) {
  if (!HasServer()) GTEST_SKIP() << "no redis-server on PATH";
  const Outcome outcome = RunTorture("", "--faults=flush_all,earthquake");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("'earthquake'"), HasSubstr("push_dropped"), HasSubstr("worker_killed")));
}

}  // namespace
}  // namespace nearcache::bench::torture
