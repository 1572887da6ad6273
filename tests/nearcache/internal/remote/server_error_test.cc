#include "nearcache/internal/remote/server_error.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using Code = absl::StatusCode;

struct Case {
  const char* text;
  const char* code;
  Code meaning;
};

constexpr Case kCases[] = {
    {"WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE", Code::kFailedPrecondition},
    {"WRONGTYPE Operation against a key holding the wrong kind of value script: "
     "1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f, on @user_script:12.",
     "WRONGTYPE", Code::kFailedPrecondition},
    {"OOM command not allowed when used memory > 'maxmemory'.", "OOM", Code::kResourceExhausted},
    {"ERR Error running script (call to f_e0e1f9fabfc9d4800c877a703b823ac0578ff8db): @user_script:3: -OOM command "
     "not allowed when used memory > 'maxmemory'.",
     "OOM", Code::kResourceExhausted},
    {"ERR Error running script (call to f_e0e1): @user_script:3: @user_script: 3: -READONLY You can't write",
     "READONLY", Code::kUnavailable},
    {"LOADING Redis is loading the dataset in memory", "LOADING", Code::kUnavailable},
    {"BUSY Redis is busy running a script.", "BUSY", Code::kUnavailable},
    {"MISCONF Redis is configured to save RDB snapshots", "MISCONF", Code::kUnavailable},
    {"READONLY You can't write against a read only replica.", "READONLY", Code::kUnavailable},
    {"NOREPLICAS Not enough good replicas to write.", "NOREPLICAS", Code::kUnavailable},
    {"MASTERDOWN Link with MASTER is down", "MASTERDOWN", Code::kUnavailable},
    {"CLUSTERDOWN Hash slot not served", "CLUSTERDOWN", Code::kUnavailable},
    {"MOVED 3999 127.0.0.1:6381", "MOVED", Code::kUnavailable},
    {"ERR max number of clients reached", "ERR", Code::kUnavailable},
    {"NOPERM this user has no permissions to run the 'get' command", "NOPERM", Code::kPermissionDenied},
    {"ERR ACL failure in script: User app has no permissions to run the 'publish' command script: 1f1f, on "
     "@user_script:3.",
     "ERR", Code::kPermissionDenied},
    {"ERR Error running script (call to f_12): @user_script:1: The user executing the script can't publish to the "
     "channel mentioned in the command",
     "ERR", Code::kPermissionDenied},
    {"DENIED Redis is running in protected mode", "DENIED", Code::kPermissionDenied},
    {"NOAUTH Authentication required.", "NOAUTH", Code::kUnauthenticated},
    {"WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS", Code::kUnauthenticated},
    {"ERR invalid password", "ERR", Code::kUnauthenticated},
    {"ERR AUTH <password> called without any password configured", "ERR", Code::kUnauthenticated},
    {"ERR unknown command 'FOO'", "ERR", Code::kInvalidArgument},
    {"ERR value is not an integer or out of range", "ERR", Code::kInvalidArgument},
    {"", "ERR", Code::kInvalidArgument},
    {"no code at all", "ERR", Code::kInvalidArgument},
    {"ERR Error running script", "ERR", Code::kInvalidArgument},
    {"ERR Error running script (call to f_12): @user_script:", "ERR", Code::kInvalidArgument},
};

TEST(ServerErrorTest, CodesAndMeanings) {
  for (const Case& c : kCases) {
    EXPECT_EQ(ServerErrorCode(c.text), c.code) << c.text;
    EXPECT_EQ(ServerErrorToStatus(c.text).code(), c.meaning) << c.text;
  }
}

TEST(ServerErrorTest, MessagesNameTheKeyAndLeaveThePlaceInTheScriptOut) {
  const absl::Status status =
      ServerErrorToStatus("WRONGTYPE Operation against a key script: 1f1f1f, on @user_script:12.", "ns:1:k\x01");
  EXPECT_EQ(status.message(), "key \"ns:1:k\\x01\": the server answered: WRONGTYPE Operation against a key");
}

TEST(ServerErrorTest, QuotedArgumentsNeverReachTheMessage) {
  for (const char* text : {"ERR unknown command 'AUHT', with args beginning with: 'hunter2' ",
                           "ERR unknown command `AUHT`, with args beginning with: `hunter2`, "}) {
    const absl::Status status = ServerErrorToStatus(text);
    EXPECT_FALSE(absl::StrContains(status.message(), "hunter2")) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "AUHT")) << status;
  }
}

TEST(ServerErrorTest, HostileTextsStayShortAndPrintable) {
  const absl::Status status = ServerErrorToStatus(absl::StrCat("ERR ", std::string(100'000, '\x01')));
  EXPECT_LT(status.message().size(), 1000u);
  for (const char c : status.message()) EXPECT_TRUE(c >= ' ' && c <= '~');
}

TEST(ServerErrorTest, ServersThatMayNotBeWrittenAreLeft) {
  for (const Case& c : kCases) {
    const std::string code = c.code;
    EXPECT_EQ(MeansLeaveServer(c.text), code == "READONLY" || code == "NOREPLICAS" || code == "MASTERDOWN") << c.text;
  }
}

TEST(ServerErrorTest, LongKeysAreCut) {
  EXPECT_EQ(PrintableKey("plain"), "plain");
  EXPECT_EQ(PrintableKey(std::string("a\0:\n\"", 5)), "a\\x00:\\n\\\"");
  EXPECT_EQ(PrintableKey(std::string(1000, 'k')).size(), 131u);
}

}  // namespace
}  // namespace nearcache::internal::remote
