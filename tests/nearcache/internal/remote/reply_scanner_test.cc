#include "nearcache/internal/remote/reply_scanner.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using Kind = ScannedReply::Kind;

std::string Show(absl::string_view buffer) {
  const ScannedReply reply = ScanReply(buffer);
  if (reply.kind == Kind::kOther) return "other";
  if (reply.kind == Kind::kUnfinished) return absl::StrCat("at least ", reply.size);
  const std::string size = absl::StrCat(" of ", reply.size);
  switch (reply.type) {
    case Reply::Type::kNil:
      return "nil" + size;
    case Reply::Type::kInteger:
      return absl::StrCat(reply.integer, size);
    case Reply::Type::kStatus:
      return absl::StrCat("+", reply.text, size);
    case Reply::Type::kPush:
      return absl::StrCat(reply.channel, " says '", reply.text, "'", size);
    default:
      return absl::StrCat("'", reply.text, "'", size);
  }
}

TEST(ReplyScannerTest, TakesWholeReplies) {
  EXPECT_EQ(Show("$5\r\nhello\r\n+OK\r\n"), "'hello' of 11");
  EXPECT_EQ(Show("$0\r\n\r\n"), "'' of 6");
  EXPECT_EQ(Show("$2\r\n\r\n\r\n"), "'\r\n' of 8");
  EXPECT_EQ(Show("$-1\r\n:1\r\n"), "nil of 5");
  EXPECT_EQ(Show(":0\r\n"), "0 of 4");
  EXPECT_EQ(Show(":-2\r\n$"), "-2 of 5");
  EXPECT_EQ(Show(":999999999999999999\r\n"), "999999999999999999 of 21");
  EXPECT_EQ(Show("+OK\r\n"), "+OK of 5");
  EXPECT_EQ(Show("+\r\n"), "+ of 3");
  EXPECT_EQ(Show(">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$7\r\npayload\r\n>3"), "ch says 'payload' of 38");
}

TEST(ReplyScannerTest, SaysHowMuchOfAStringIsMissing) {
  EXPECT_EQ(Show("$"), "at least 2");
  EXPECT_EQ(Show("$5\r"), "at least 4");
  EXPECT_EQ(Show("$5\r\n"), "at least 11");
  EXPECT_EQ(Show("$5\r\nhello\r"), "at least 11");
  EXPECT_EQ(Show("$-1"), "at least 4");
  EXPECT_EQ(Show("$900000000000000000\r\n"), "at least 900000000000000023");
}

// Grown by as much as the scanner asks for, each time, every reply becomes whole and takes not a byte too much.
TEST(ReplyScannerTest, AsksForNoMoreThanThereWillBe) {
  for (const absl::string_view whole :
       {"$5\r\nhello\r\n", "$0\r\n\r\n", "$-1\r\n", ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$7\r\npayload\r\n"}) {
    size_t size = 1;
    while (size < whole.size()) {
      const ScannedReply reply = ScanReply(whole.substr(0, size));
      ASSERT_EQ(reply.kind, Kind::kUnfinished) << whole.substr(0, size);
      ASSERT_GT(reply.size, size);
      size = reply.size;
    }
    EXPECT_EQ(size, whole.size());
    EXPECT_EQ(ScanReply(whole).size, size);
  }
}

TEST(ReplyScannerTest, LeavesWhatIsMalformedToTheGeneralParser) {
  for (const absl::string_view buffer : {"$05\r\nhello\r\n",
                                         "$+5\r\nhello\r\n",
                                         "$5\rXhello\r\n",
                                         "$-2\r\n",
                                         "$5\r\nhelloXX",
                                         "$5\r\nhello\rX",
                                         "$\r\n\r\n",
                                         "$5x",
                                         "$-1\rX",
                                         ":-0\r\n",
                                         ":01\r\n",
                                         ":-\r\n",
                                         ":1x\r\n",
                                         ":\r\n",
                                         ":1000000000000000000\r\n",
                                         "+O\nK\r\n",
                                         "+O\rK\r\n",
                                         ">3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\np\r\n",
                                         ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n:1\r\n",
                                         ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$-1\r\n",
                                         ">3\r\n$7\r\nmessage\r\n:2\r\n$1\r\np\r\n"}) {
    EXPECT_EQ(Show(buffer), "other") << buffer;
  }
}

TEST(ReplyScannerTest, LeavesOtherTypesToTheGeneralParser) {
  for (const absl::string_view buffer :
       {"", ":1", "+OK\r", "-ERR no\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1\r\n", ">1\r\n:1\r\n",
        "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\np\r\n", ">4\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\np\r\n",
        ">3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n"}) {
    EXPECT_EQ(Show(buffer), "other") << buffer;
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
