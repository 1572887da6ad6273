#include "nearcache/internal/remote/scripts.h"

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/sha1.h"
#include "tests/support/redis_server.h"

namespace nearcache::internal::remote {
namespace {

constexpr ChangeKind kAllKinds[] = {
    ChangeKind::kSet,     ChangeKind::kAdd,    ChangeKind::kReplace,   ChangeKind::kDelete, ChangeKind::kTouch,
    ChangeKind::kPersist, ChangeKind::kExpire, ChangeKind::kIncrement, ChangeKind::kClear,  ChangeKind::kForgetAll};

TEST(Sha1Test, KnownDigests) {
  EXPECT_EQ(Sha1Hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Sha1Hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Sha1Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(Sha1Hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

// Every length around the ends of blocks pads differently; the server is the judge.
TEST(ScriptsTest, DigestsAreWhatTheServerCallsTheScripts) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = testing::RedisServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<std::string> texts;
  for (const ChangeKind kind : kAllKinds) {
    EXPECT_EQ(ChangeScript(kind).digest, Sha1Hex(ChangeScript(kind).text));
    texts.push_back(ChangeScript(kind).text);
  }
  texts.push_back(EnsureEpochScript().text);
  texts.push_back(ProbeScript().text);
  for (size_t size = 0; size < 130; ++size) texts.push_back(absl::StrCat("-- ", std::string(size, 'x')));
  for (const std::string& text : texts) {
    const absl::StatusOr<std::string> digest = (*server)->Command({"SCRIPT", "LOAD", text});
    ASSERT_TRUE(digest.ok()) << digest.status() << text;
    EXPECT_EQ(Sha1Hex(text), *digest);
  }
}

TEST(ScriptsTest, EveryKindHasItsOwnScript) {
  std::set<std::string> digests;
  std::set<absl::string_view> names;
  for (const ChangeKind kind : kAllKinds) {
    digests.insert(ChangeScript(kind).digest);
    names.insert(ChangeScript(kind).name);
  }
  EXPECT_EQ(digests.size(), static_cast<size_t>(kChangeKindCount));
  EXPECT_EQ(names.size(), static_cast<size_t>(kChangeKindCount));
}

TEST(ScriptsTest, LivesAreWholeMillisecondsRoundedUp) {
  EXPECT_EQ(TimeToLiveArgument(absl::nullopt), "");
  EXPECT_EQ(TimeToLiveArgument(absl::InfiniteDuration()), "");
  EXPECT_EQ(TimeToLiveArgument(absl::Nanoseconds(1)), "1");
  EXPECT_EQ(TimeToLiveArgument(absl::Milliseconds(1)), "1");
  EXPECT_EQ(TimeToLiveArgument(absl::Microseconds(1001)), "2");
  EXPECT_EQ(TimeToLiveArgument(absl::Seconds(3)), "3000");
  EXPECT_EQ(TimeToLiveArgument(absl::Seconds(std::numeric_limits<int64_t>::max())), "3153600000000");
}

// --- Replies that no script of ours gives, as a broken or hostile server might

Reply Integer(int64_t integer) {
  Reply reply;
  reply.type = Reply::Type::kInteger;
  reply.integer = integer;
  return reply;
}

Reply Text(Reply::Type type, absl::string_view text) {
  Reply reply;
  reply.type = type;
  reply.string = Value::Copy(text);
  return reply;
}

Reply Array(std::vector<Reply> elements) {
  Reply reply;
  reply.type = Reply::Type::kArray;
  reply.elements = std::move(elements);
  return reply;
}

TEST(ScriptsTest, RepliesOfUnknownShapeAreUnknownOutcomes) {
  const std::vector<Reply> hostile = {
      Reply(),
      Integer(1),
      Text(Reply::Type::kString, "1"),
      Text(Reply::Type::kStatus, "OK"),
      Array({}),
      Array({Reply()}),
      Array({Text(Reply::Type::kString, "1")}),
      Array({Integer(5)}),
      Array({Integer(-1)}),
      Array({Integer(std::numeric_limits<int64_t>::max())}),
      Array({Array({Integer(1)})}),
  };
  for (const ChangeKind kind : kAllKinds) {
    for (const Reply& reply : hostile) {
      const ChangeResult result = ParseScriptReply(kind, "k", reply);
      EXPECT_EQ(result.status.code(), absl::StatusCode::kInternal);
      EXPECT_TRUE(result.unknown);
      EXPECT_FALSE(result.applied);
    }
  }
  for (const Reply& second :
       {Reply(), Integer(5), Text(Reply::Type::kString, "five"), Text(Reply::Type::kString, "")}) {
    const ChangeResult result = ParseScriptReply(ChangeKind::kIncrement, "k", Array({Integer(1), second}));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kInternal);
    EXPECT_TRUE(result.unknown);
    EXPECT_FALSE(result.applied);
  }
}

TEST(ScriptsTest, AnEpochOfAnotherLengthCountsAsNone) {
  for (const char* epoch : {"", "short", "seventeen bytes.."}) {
    const ChangeResult result =
        ParseScriptReply(ChangeKind::kSet, "k", Array({Integer(2), Text(Reply::Type::kString, epoch)}));
    EXPECT_EQ(result.status.code(), absl::StatusCode::kAborted);
    EXPECT_TRUE(result.epoch.empty());
    EXPECT_FALSE(result.unknown);
  }
  EXPECT_TRUE(ParseScriptReply(ChangeKind::kSet, "k", Array({Integer(2)})).epoch.empty());
}

}  // namespace
}  // namespace nearcache::internal::remote
