#include "bench/coherence_torture/resp_splitter.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<std::string> Split(const std::vector<absl::string_view>& pieces) {
  RespSplitter splitter;
  std::vector<std::string> messages;
  for (const absl::string_view piece : pieces) {
    splitter.Append(piece);
    for (absl::string_view message; splitter.Next(&message);) messages.emplace_back(message);
  }
  return messages;
}

const char* const kMessages[] = {
    "+OK\r\n",
    "-ERR no\r\n",
    ":12\r\n",
    "$5\r\nhe\r\no\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "_\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\n",
    ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$3\r\nabc\r\n",
    "%2\r\n+a\r\n*2\r\n:1\r\n:2\r\n+b\r\n$1\r\nx\r\n",
    "|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n",
    "=6\r\ntxt:ab\r\n",
};

TEST(RespSplitterTest, EveryTypeInOneStreamCutAnywhere) {
  const std::vector<std::string> expected(std::begin(kMessages), std::end(kMessages));
  std::string stream;
  for (const std::string& message : expected) stream += message;
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    const absl::string_view whole = stream;
    ASSERT_THAT(Split({whole.substr(0, cut), whole.substr(cut)}), ElementsAreArray(expected)) << "cut at " << cut;
  }
}

TEST(RespSplitterTest, ByteByByte) {
  const std::string stream = absl::StrCat(kMessages[8], kMessages[9]);
  std::vector<absl::string_view> bytes;
  for (size_t i = 0; i < stream.size(); ++i) bytes.push_back(absl::string_view(stream).substr(i, 1));
  EXPECT_THAT(Split(bytes), ElementsAre(kMessages[8], kMessages[9]));
}

TEST(RespSplitterTest, HalfAMessageIsTheRest) {
  RespSplitter splitter;
  splitter.Append("+OK\r\n$5\r\nhel");
  absl::string_view message;
  ASSERT_TRUE(splitter.Next(&message));
  EXPECT_FALSE(splitter.Next(&message));
  EXPECT_EQ(splitter.rest(), "$5\r\nhel");
}

TEST(RespSplitterTest, StreamThatIsNotRespPassesAsItIs) {
  EXPECT_THAT(Split({"*nonsense\r\nxyz", "more"}), ElementsAre("*nonsense\r\nxyz", "more"));
}

TEST(RespSplitterTest, CommandsAndPayloadsAreFoundWhereTheyLie) {
  const RespCommand get = ReadCommand("*2\r\n$3\r\nGET\r\n$5\r\nab\r\nc\r\n");
  EXPECT_EQ(get.name, "GET");
  EXPECT_EQ(get.first_argument, "ab\r\nc");
  EXPECT_EQ(ReadCommand("*1\r\n$4\r\nPING\r\n").first_argument, "");
  EXPECT_EQ(ReadCommand("+OK\r\n").name, "");
  EXPECT_EQ(BulkPayload("$3\r\nabc\r\n"), "abc");
  EXPECT_EQ(BulkPayload("$-1\r\n"), "");
  EXPECT_EQ(BulkPayload(":1\r\n"), "");
  EXPECT_EQ(LastBulk(kMessages[9]), "abc");
  EXPECT_EQ(LastBulk("+OK\r\n"), "");
}

}  // namespace
}  // namespace nearcache::bench::torture
