#include "nearcache/internal/remote/command_filter.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using Arguments = std::vector<std::string>;

TEST(CommandFilterTest, RefusesWhatChangesOrBlocksTheConnection) {
  for (const char* name :
       {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "SELECT",
        "MULTI",     "EXEC",       "DISCARD",    "WATCH",       "UNWATCH",      "AUTH",         "HELLO",
        "MONITOR",   "QUIT",       "RESET",      "SYNC",        "PSYNC",        "REPLCONF",     "ASKING",
        "READONLY",  "READWRITE",  "BLPOP",      "BRPOP",       "BRPOPLPUSH",   "BLMOVE",       "BLMPOP",
        "BZPOPMIN",  "BZPOPMAX",   "BZMPOP",     "WAIT",        "WAITAOF",      "CLIENT"}) {
    const absl::Status status = CheckUserCommand(Arguments{name, "argument"});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_TRUE(absl::StrContains(status.message(), name)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "argument ")) << status;
  }
  const std::vector<Arguments> refused = {{},
                                          {""},
                                          {"sElEcT", "1"},
                                          {"CLIENT"},
                                          {"client", "reply", "off"},
                                          {"CLIENT", "TRACKING", "ON"},
                                          {"CLIENT", "SETNAME", "x"},
                                          {"CLIENT", "NO-EVICT", "ON"},
                                          {"CLIENT", "UNHEARD-OF"},
                                          {"SCRIPT", "DEBUG", "YES"},
                                          {"XREAD", "COUNT", "1", "block", "0", "STREAMS", "s", "$"},
                                          {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"}};
  for (const Arguments& arguments : refused) {
    EXPECT_EQ(CheckUserCommand(arguments).code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(CommandFilterTest, LetsEverythingElsePass) {
  const std::vector<Arguments> allowed = {{"GET", "k"},
                                          {"ping"},
                                          {"EVAL", "return 1", "0"},
                                          {"PUBLISH", "SUBSCRIBE", "SELECT"},
                                          {"CLIENT", "ID"},
                                          {"client", "list"},
                                          {"SCRIPT", "LOAD", "return 1"},
                                          {"SCRIPT"},
                                          {"XREAD", "STREAMS", "BLOCK", "0"},
                                          {"XREAD", "COUNT", "1", "STREAMS", "s", "0"},
                                          {"NEW.COMMAND", "of", "a", "module"}};
  for (const Arguments& arguments : allowed) EXPECT_EQ(CheckUserCommand(arguments), absl::OkStatus()) << arguments[0];
}

TEST(CommandFilterTest, AHostileNameIsCutAndEscaped) {
  const absl::Status status = CheckUserCommand(Arguments{"CLIENT", std::string(1000, '\x01')});
  EXPECT_LT(status.message().size(), 300u);
}

}  // namespace
}  // namespace nearcache::internal::remote
