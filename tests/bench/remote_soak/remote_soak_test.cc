// The soak as its user runs it, so short that each kind of fault comes about once.

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/redis_server.h"

namespace nearcache::remote_soak {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit_code = -1;
  std::string output;
};

Outcome RunSoak(const std::string& flags) {
  const std::string path = ::testing::TempDir() + "/output.txt";
  const int status = std::system(("bench/remote_soak/remote_soak " + flags + " > " + path + " 2>&1").c_str());
  std::ifstream file(path);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>())};
}

TEST(RemoteSoakTest, HoldsAtTheEndWhatItHeldBefore) {
  NEARCACHE_REQUIRE_SERVER();
  const Outcome outcome = RunSoak("--seconds=15 --rate=300");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, Not(HasSubstr("violation")));
  EXPECT_THAT(outcome.output, ContainsRegex("faults that hit something: kill [0-9]+, stop [0-9]+, client-kill [0-9]+"));
  for (const char* goal : {"memory", "descriptors", "threads"}) {
    EXPECT_THAT(outcome.output, ContainsRegex(std::string("\ngoal=soak-") + goal +
                                              " against=first-minute value=[-0-9.e+]+ limit=<=[0-9.e+]+ ok=yes"));
  }
}

TEST(RemoteSoakTest, BadFlagIsNamedWithItsLimit) {
  const Outcome outcome = RunSoak("--seconds=2");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("--seconds=2 must be between 3 and 86400"));
}

}  // namespace
}  // namespace nearcache::remote_soak
