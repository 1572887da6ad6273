// The comparison as its user runs it, small and short.

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"

namespace nearcache::local_peers {
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
  ProgramOutcome outcome = RunProgram("bench/local_peers/local_peers --quick --json=" + json + " " + flags);
  return {std::move(outcome), ReadFile(json)};
}

// Expects nothing of the peers: a machine may have none.
TEST(LocalPeersTest, RunsEveryLoadAndEndsWithGoals) {
  const Outcome outcome = RunPeers("");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* load :
       {"== all", "== tenth", "== hundredth", "== tiny", "== hot", "== small", "== large", "== memory", "== pauses"}) {
    EXPECT_THAT(outcome.output, HasSubstr(load));
  }
  for (const char* candidate : {"nearcache ", "nearcache-api ", "one-mutex ", "absl-64 "}) {
    EXPECT_THAT(outcome.output, HasSubstr(candidate));
  }
  for (const char* goal : {"L2", "L5", "L6", "L7", "L10", "L12", "L13", "L14", "L19", "L20", "L21"}) {
    EXPECT_THAT(outcome.output, ContainsRegex(std::string("\ngoal=") + goal +
                                              " against=[^ ]+ value=[0-9.e+-]+ limit=[<=>.0-9]+ ok=(yes|no) "
                                              "floor=[<=>.0-9]+ above_floor=(yes|no)"));
  }
  // Not by a matcher, which would print the whole of it.
  EXPECT_NE(outcome.json.find("\"activity\":\"visit-2t\",\"candidate\":\"nearcache\""), std::string::npos);
  EXPECT_NE(outcome.json.find("\"goals\":[{\"goal\":\"L"), std::string::npos);
}

TEST(LocalPeersTest, RunsWhatWasChosenAlone) {
  const Outcome outcome = RunPeers("--loads=hot --candidates=absl-64 --rounds=1");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("== hot"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("== all")));
  EXPECT_THAT(outcome.output, HasSubstr("nearcache "));
  EXPECT_THAT(outcome.output, Not(HasSubstr("one-mutex ")));
}

TEST(LocalPeersTest, BadFlagIsNamedWithItsLimit) {
  const Outcome outcome = RunPeers("--rounds=0");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("--rounds=0 must be between 1 and 100"));
}

}  // namespace
}  // namespace nearcache::local_peers
