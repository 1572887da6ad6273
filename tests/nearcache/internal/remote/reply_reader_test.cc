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

constexpr char kMessage[] = ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$7\r\npayload\r\n";

TEST(ReplyReaderTest, HandsOutAMessageThatCameWhole) {
  ReplyReader reader(ReplyLimits{});
  const std::string bytes = absl::StrCat(kMessage, "+OK\r\n", kMessage);
  ASSERT_TRUE(reader.Feed(bytes).ok());
  absl::string_view channel;
  absl::string_view payload;
  Reply reply;
  ASSERT_TRUE(reader.NextMessage(&channel, &payload));
  EXPECT_EQ(channel, "ch");
  EXPECT_EQ(payload, "payload");
  EXPECT_FALSE(reader.NextMessage(&channel, &payload));
  ASSERT_TRUE(*reader.Next(&reply));
  EXPECT_EQ(Show(reply), "+OK");
  EXPECT_TRUE(reader.NextMessage(&channel, &payload));
  EXPECT_FALSE(*reader.Next(&reply));
}

TEST(ReplyReaderTest, HandsOutAMessageThatCameInPieces) {
  const std::string bytes = absl::StrCat(kMessage, "$5\r\nhello\r\n", kMessage);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    ReplyReader reader(ReplyLimits{});
    std::string seen;
    for (const absl::string_view piece :
         {absl::string_view(bytes).substr(0, cut), absl::string_view(bytes).substr(cut)}) {
      const std::string fed(piece);  // So that the sanitizers see when an old piece is read.
      ASSERT_TRUE(reader.Feed(fed).ok());
      absl::string_view channel;
      absl::string_view payload;
      Reply reply;
      bool more = true;
      while (more) {
        if (reader.NextMessage(&channel, &payload)) {
          absl::StrAppend(&seen, channel, ":", payload, ";");
        } else if ((more = *reader.Next(&reply))) {
          absl::StrAppend(&seen, Show(reply), ";");
        }
      }
    }
    EXPECT_EQ(seen, "ch:payload;'hello';ch:payload;") << cut;
  }
}

TEST(ReplyReaderTest, WhoAsksForNoMessagesGetsReplies) {
  const std::string bytes = absl::StrCat(kMessage, kMessage);
  const std::string reply = ">['message' 'ch' 'payload']";
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    EXPECT_EQ(Read(bytes, {cut}), absl::StrCat(reply, "; ", reply)) << cut;
  }
}

// Longer than what is carried over, so that the parser puts it together; what follows is scanned again.
TEST(ReplyReaderTest, GoesBackToScanningAfterALongString) {
  const std::string text(40 << 10, 'x');
  const std::string bytes = absl::StrCat("$", text.size(), "\r\n", text, "\r\n", kMessage);
  for (const size_t cut : {size_t{1}, size_t{4}, size_t{9}, size_t{20 << 10}, text.size() + 8, text.size() + 11}) {
    ReplyReader reader(ReplyLimits{});
    absl::string_view channel;
    absl::string_view payload;
    Reply reply;
    ASSERT_TRUE(reader.Feed(absl::string_view(bytes).substr(0, cut)).ok());
    const bool early = *reader.Next(&reply);
    Reply nothing;
    ASSERT_TRUE(!early || !*reader.Next(&nothing));
    ASSERT_TRUE(reader.Feed(absl::string_view(bytes).substr(cut)).ok());
    ASSERT_TRUE(early || *reader.Next(&reply));
    EXPECT_EQ(reply.text(), text);
    EXPECT_TRUE(reader.NextMessage(&channel, &payload)) << cut;
  }
}

TEST(ReplyReaderTest, LimitsHoldForMessagesToo) {
  ReplyLimits limits;
  limits.bytes_max = 8;
  ReplyReader reader(limits);
  absl::string_view channel;
  absl::string_view payload;
  Reply reply;
  ASSERT_TRUE(reader.Feed(kMessage).ok());
  EXPECT_FALSE(reader.NextMessage(&channel, &payload));
  EXPECT_THAT(reader.Next(&reply).status().ToString(), HasSubstr("reply_bytes_max"));
}

// The parser gets the end of a string that was cut, and nothing of what follows.
TEST(ReplyReaderTest, GoesBackToScanningAfterACutString) {
  const std::string bytes = "$5\r\nhello\r\n$5\r\nworld\r\n";
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    for (size_t second_cut = cut; second_cut < bytes.size(); ++second_cut) {
      EXPECT_EQ(Read(bytes, {cut, second_cut}), "'hello'; 'world'") << cut << " " << second_cut;
    }
  }
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
