// The soak as its user runs it, so short that each kind of fault comes about once.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"
#include "tests/support/redis_server.h"

namespace nearcache::remote_soak {
namespace {

using ::nearcache::testing::ProgramOutcome;
using ::nearcache::testing::RunProgram;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

ProgramOutcome RunSoak(const std::string& flags) { return RunProgram("bench/remote_soak/remote_soak " + flags); }

TEST(RemoteSoakTest, HoldsAtTheEndWhatItHeldBefore) {
  NEARCACHE_REQUIRE_SERVER();
  const ProgramOutcome outcome = RunSoak("--seconds=15 --rate=300");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, Not(HasSubstr("violation")));
  EXPECT_THAT(outcome.output, ContainsRegex("faults that hit something: kill [0-9]+, stop [0-9]+, client-kill [0-9]+"));
  for (const char* goal : {"memory", "descriptors", "threads"}) {
    EXPECT_THAT(outcome.output, ContainsRegex(std::string("\ngoal=soak-") + goal +
                                              " against=first-minute value=[-0-9.e+]+ limit=<=[0-9.e+]+ ok=yes"));
  }
}

TEST(RemoteSoakTest, BadFlagIsNamedWithItsLimit) {
  const ProgramOutcome outcome = RunSoak("--seconds=2");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("--seconds=2 must be between 3 and 86400"));
}

}  // namespace
}  // namespace nearcache::remote_soak
