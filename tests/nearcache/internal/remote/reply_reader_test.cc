#include "nearcache/internal/remote/reply_reader.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::HasSubstr;

// A reply as one line of text, types included.
std::string Show(const Reply& reply) {
  const auto show_element = [](std::string* out, const Reply& r) { out->append(Show(r)); };
  switch (reply.type) {
    case Reply::Type::kNil:
      return "nil";
    case Reply::Type::kString:
      return absl::StrCat("'", reply.text(), "'");
    case Reply::Type::kStatus:
      return absl::StrCat("+", reply.text());
    case Reply::Type::kError:
      return absl::StrCat("-", reply.text());
    case Reply::Type::kInteger:
      return absl::StrCat(reply.integer);
    case Reply::Type::kDouble:
      return absl::StrCat(",", reply.number);
    case Reply::Type::kBool:
      return reply.integer != 0 ? "#t" : "#f";
    case Reply::Type::kArray:
      return absl::StrCat("[", absl::StrJoin(reply.elements, " ", show_element), "]");
    case Reply::Type::kPush:
      return absl::StrCat(">[", absl::StrJoin(reply.elements, " ", show_element), "]");
  }
  return "?";
}

// Feeds `bytes` in pieces cut at `cuts` and shows all replies, or the error.
std::string Read(absl::string_view bytes, const std::vector<size_t>& cuts = {},
                 const ReplyLimits& limits = ReplyLimits()) {
  ReplyReader reader(limits);
  std::vector<std::string> shown;
  size_t begin = 0;
  std::vector<size_t> ends = cuts;
  ends.push_back(bytes.size());
  for (const size_t end : ends) {
    const absl::Status fed = reader.Feed(bytes.substr(begin, end - begin));
    if (!fed.ok()) return fed.ToString();
    begin = end;
    while (true) {
      Reply reply;
      const absl::StatusOr<bool> whole = reader.Next(&reply);
      if (!whole.ok()) return whole.status().ToString();
      if (!*whole) break;
      shown.push_back(Show(reply));
    }
  }
  return absl::StrJoin(shown, "; ");
}

constexpr char kEveryType[] =
    "+OK\r\n"
    "-ERR no\r\n"
    ":-42\r\n"
    "$5\r\nhe\r\no\r\n"
    "$0\r\n\r\n"
    "$-1\r\n"
    "*-1\r\n"
    "_\r\n"
    "#t\r\n"
    ",2.5\r\n"
    "(12345678901234567890123\r\n"
    "=7\r\ntxt:abc\r\n"
    "*2\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n"
    "*0\r\n"
    "%2\r\n+k\r\n:1\r\n+l\r\n*1\r\n:2\r\n"
    "~2\r\n:1\r\n:2\r\n"
    ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\np\r\n";

constexpr char kEveryTypeShown[] =
    "+OK; -ERR no; -42; 'he\r\no'; ''; nil; nil; nil; #t; ,2.5; '12345678901234567890123'; 'abc'; "
    "[1 ['a' nil]]; []; [+k 1 +l [2]]; [1 2]; >['message' 'c' 'p']";

TEST(ReplyReaderTest, ReadsEveryType) { EXPECT_EQ(Read(kEveryType), kEveryTypeShown); }

TEST(ReplyReaderTest, ReadsTheSameHoweverTheBytesAreCut) {
  const std::string bytes = kEveryType;
  for (size_t i = 0; i <= bytes.size(); ++i) {
    for (size_t j = i; j <= bytes.size(); j += 1 + (j - i) / 4) {
      ASSERT_EQ(Read(bytes, {i, j}), kEveryTypeShown) << "cut at " << i << " and " << j;
    }
  }
  std::vector<size_t> everywhere;
  for (size_t i = 0; i < bytes.size(); ++i) everywhere.push_back(i);
  EXPECT_EQ(Read(bytes, everywhere), kEveryTypeShown);
}

TEST(ReplyReaderTest, ManyElementsKeepTheirPlaces) {
  std::string bytes = "*1000\r\n";
  std::string shown;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&bytes, "*1\r\n:", i, "\r\n");
    absl::StrAppend(&shown, i == 0 ? "" : " ", "[", i, "]");
  }
  EXPECT_EQ(Read(bytes, {100, 2000, 5000}), "[" + shown + "]");
}

TEST(ReplyReaderTest, ASmallHeaderCannotClaimMuchMemory) {
  ReplyLimits limits;
  limits.bytes_max = 1000;
  limits.elements_max = 10;
  EXPECT_EQ(Read("$1000\r\n", {}, limits), "");  // May still come.
  EXPECT_THAT(Read("$1001\r\n", {}, limits), HasSubstr("reply_bytes_max is 1000"));
  EXPECT_THAT(Read("$9223372036854775807\r\n", {}, limits), HasSubstr("reply_bytes_max"));
  EXPECT_THAT(Read("$99999999999999999999\r\n", {}, limits), HasSubstr("bulk string length"));
  EXPECT_THAT(Read("*11\r\n", {}, limits), HasSubstr("reply_elements_max is 10"));
  EXPECT_THAT(Read("%6\r\n", {}, limits), HasSubstr("reply_elements_max"));
  EXPECT_THAT(Read("*4294967295\r\n", {}, limits), HasSubstr("reply_elements_max"));
  EXPECT_THAT(Read("*9223372036854775807\r\n", {}, limits), HasSubstr("INTERNAL"));
  EXPECT_THAT(Read("%9223372036854775807\r\n", {}, limits), HasSubstr("INTERNAL"));
}

TEST(ReplyReaderTest, LimitsCountAllPartsOfOneReplyAndStartAnewWithTheNext) {
  ReplyLimits limits;
  limits.bytes_max = 10;
  limits.elements_max = 4;
  const std::string six = "$6\r\nabcdef\r\n";
  EXPECT_EQ(Read(six + six, {}, limits), "'abcdef'; 'abcdef'");
  EXPECT_THAT(Read("*2\r\n" + six + six, {}, limits), HasSubstr("12 bytes"));
  EXPECT_THAT(Read("*2\r\n" + six + "$6\r\n", {}, limits), HasSubstr("12 bytes"));
  EXPECT_EQ(Read("*1\r\n*3\r\n:1\r\n:1\r\n:1\r\n*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n", {}, limits), "[[1 1 1]]; [1 1 1 1]");
  EXPECT_THAT(Read("*2\r\n*3\r\n:1\r\n:1\r\n:1\r\n", {}, limits), HasSubstr("5 elements"));
}

TEST(ReplyReaderTest, DepthIsLimited) {
  ReplyLimits limits;
  limits.depth_max = 3;
  EXPECT_EQ(Read("*1\r\n*1\r\n*1\r\n:7\r\n", {}, limits), "[[[7]]]");
  EXPECT_THAT(Read("*1\r\n*1\r\n*1\r\n*1\r\n", {}, limits), HasSubstr("reply_depth_max, 3"));
  std::string deep;
  for (int i = 0; i < 400'000; ++i) deep += "*1\r\n";
  EXPECT_THAT(Read(deep), HasSubstr("reply_depth_max"));
}

TEST(ReplyReaderTest, LinesThatDoNotEndAreGivenUp) {
  EXPECT_THAT(Read("+" + std::string(100'000, 'x')), HasSubstr("does not end within 65536"));
  EXPECT_THAT(Read(":" + std::string(100, '1')), HasSubstr("does not end within 32"));
  EXPECT_THAT(Read("$" + std::string(100, '1')), HasSubstr("does not end within 32"));
  EXPECT_THAT(Read("*" + std::string(100, '1')), HasSubstr("does not end within 32"));
  EXPECT_EQ(Read("+" + std::string(60'000, 'x') + "\r\n").size(), 60'001u);
}

TEST(ReplyReaderTest, RefusesWhatNoServerSends) {
  const std::string bad[] = {":12a\r\n",
                             ":\r\n",
                             ":99999999999999999999\r\n",
                             "$-2\r\n",
                             "$1x\r\n",
                             "*-2\r\n",
                             "*x\r\n",
                             "#x\r\n",
                             ",abc\r\n",
                             "_x\r\n",
                             "=2\r\nab\r\n",
                             "=7\r\ntxtaabc\r\n",
                             "HTTP/1.1 400 Bad Request\r\n",
                             "\r\n",
                             "$?\r\n",
                             "$3\r\nabcde",
                             "*1\r\n>1\r\n:1\r\n",
                             "|1\r\n+a\r\n:1\r\n:1\r\n"};
  for (const std::string& bytes : bad) {
    EXPECT_THAT(Read(bytes), HasSubstr("INTERNAL")) << bytes;
  }
}

TEST(ReplyReaderTest, IsDeadAfterAnError) {
  ReplyReader reader(ReplyLimits{});
  Reply reply;
  ASSERT_TRUE(reader.Feed(":x\r\n:1\r\n").ok());
  EXPECT_FALSE(reader.Next(&reply).ok());
  EXPECT_FALSE(reader.Next(&reply).ok());
  EXPECT_FALSE(reader.Feed(":1\r\n").ok());
}

TEST(ReplyReaderTest, AValueOutlivesTheReader) {
  Value value;
  {
    ReplyReader reader(ReplyLimits{});
    Reply reply;
    ASSERT_TRUE(reader.Feed("$5\r\nhello\r\n").ok());
    ASSERT_TRUE(*reader.Next(&reply));
    value = reply.string;
  }
  EXPECT_EQ(value.view(), "hello");
}

// Whatever is cut off or flipped, the reader answers and never reads outside its bytes (the sanitizers watch).
TEST(ReplyReaderTest, SurvivesEveryFlippedByte) {
  const std::string bytes = kEveryType;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const char c : {'\0', '\r', '\n', '*', '$', '9', '-', '\xff'}) {
      std::string flipped = bytes;
      flipped[i] = c;
      Read(flipped);
      Read(flipped, {i});
    }
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
