// The comparison as its user runs it, small and short.

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"
#include "tests/support/redis_server.h"

namespace nearcache::remote_peers {
namespace {

using ::nearcache::testing::PathOf;
using ::nearcache::testing::ProgramOutcome;
using ::nearcache::testing::ReadFile;
using ::nearcache::testing::RunProgram;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome : ProgramOutcome {
  std::string json;
};

Outcome RunPeers(const std::string& flags) {
  const std::string json = PathOf("peers.json");
  ProgramOutcome outcome = RunProgram("bench/remote_peers/remote_peers --seconds=0.02 --json=" + json + " " + flags);
  return {std::move(outcome), ReadFile(json)};
}

// Exit code 0 says that each answer in each mode was the right one. Expects nothing of Boost.Redis: a machine may lack
// it.
TEST(RemotePeersTest, RunsEveryModeAndEndsWithGoals) {
  NEARCACHE_REQUIRE_SERVER();
  const Outcome outcome = RunPeers("--rounds=1 --in_flight=1,16");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* mode :
       {"== bt", "== cb", "== x1", "== unpinned", "== batch", "== unix", "== size", "== write", "== lag", "== flood"}) {
    EXPECT_THAT(outcome.output, HasSubstr(mode));
  }
  for (const char* peer : {"nearcache ", "hiredis-loop ", "hiredis-own ", "hiredis-pool ", "hiredis-pool-8 "}) {
    EXPECT_THAT(outcome.output, HasSubstr(peer));
  }
  // Ratios of GETs need an answer in each turn, which turns as short as these do not promise on a busy machine.
  for (const char* goal : {"G9", "G10", "G11", "switches-1", "allocations-1"}) {
    EXPECT_THAT(outcome.output, ContainsRegex(std::string("\ngoal=") + goal +
                                              " against=[^ ]+ value=[0-9.e+-]+ limit=[<=>.0-9]+ ok=(yes|no)"));
  }
  EXPECT_NE(outcome.json.find("\"mode\":\"bt\",\"detail\":\"n=16\",\"contender\":\"nearcache\""), std::string::npos);
  EXPECT_NE(outcome.json.find("\"goals\":[{\"goal\":\"G"), std::string::npos);
}

TEST(RemotePeersTest, RunsWhatWasChosenAlone) {
  NEARCACHE_REQUIRE_SERVER();
  const Outcome outcome = RunPeers("--modes=cb --peers=hiredis-loop --in_flight=4 --rounds=2");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, ContainsRegex("n=4 +nearcache "));
  EXPECT_THAT(outcome.output, HasSubstr("hiredis-loop"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("hiredis-pool")));
  EXPECT_THAT(outcome.output, Not(HasSubstr("== bt")));
}

TEST(RemotePeersTest, BadFlagsAreNamedWithTheirLimits) {
  EXPECT_EQ(RunPeers("--rounds=0").exit_code, 2);
  EXPECT_THAT(RunPeers("--rounds=0").output, HasSubstr("--rounds=0 must be between 1 and 100"));
  EXPECT_THAT(RunPeers("--modes=none").output, HasSubstr("--modes: there is no none"));
  EXPECT_THAT(RunPeers("--in_flight=0").output, HasSubstr("--in_flight: 0 must be between 1 and 4096"));
}

}  // namespace
}  // namespace nearcache::remote_peers
