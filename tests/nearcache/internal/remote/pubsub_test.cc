#include "nearcache/internal/remote/pubsub.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using Kind = PubSubFrame::Kind;

Reply String(absl::string_view text) {
  Reply reply;
  reply.type = Reply::Type::kString;
  reply.string = Value::Copy(text);
  return reply;
}

Reply Integer(int64_t value) {
  Reply reply;
  reply.type = Reply::Type::kInteger;
  reply.integer = value;
  return reply;
}

Reply Push(std::vector<Reply> elements) {
  Reply reply;
  reply.type = Reply::Type::kPush;
  reply.elements = std::move(elements);
  return reply;
}

TEST(PubSubTest, ReadsAMessage) {
  const Reply reply = Push({String("message"), String("lane"), String("payload")});
  const PubSubFrame frame = ParsePubSub(reply);
  EXPECT_EQ(frame.kind, Kind::kMessage);
  EXPECT_EQ(frame.channel, "lane");
  EXPECT_EQ(frame.payload, "payload");
}

TEST(PubSubTest, ReadsConfirmations) {
  const Reply subscribed = Push({String("subscribe"), String("lane"), Integer(1)});
  EXPECT_EQ(ParsePubSub(subscribed).kind, Kind::kSubscribed);
  EXPECT_EQ(ParsePubSub(subscribed).count, 1);
  const Reply unsubscribed = Push({String("unsubscribe"), Reply(), Integer(0)});
  EXPECT_EQ(ParsePubSub(unsubscribed).kind, Kind::kUnsubscribed);
  EXPECT_EQ(ParsePubSub(Push({String("pong"), String("")})).kind, Kind::kPong);
}

Reply Array(std::vector<Reply> elements) {
  Reply reply = Push(std::move(elements));
  reply.type = Reply::Type::kArray;
  return reply;
}

TEST(PubSubTest, ReadsTrackedKeysInBothProtocols) {
  const Reply keys = Array({String("a"), String("b")});
  const Reply push = Push({String("invalidate"), keys});
  const Reply message = Array({String("message"), String("__redis__:invalidate"), keys});
  for (const Reply* const reply : {&push, &message}) {
    const PubSubFrame frame = ParsePubSub(*reply);
    ASSERT_EQ(frame.kind, Kind::kInvalidation);
    ASSERT_EQ(frame.keys->elements.size(), 2u);
    EXPECT_EQ(frame.keys->elements[1].text(), "b");
  }
  const Reply flushed = Push({String("invalidate"), Reply()});
  const Reply flushed_message = Array({String("message"), String("__redis__:invalidate"), Reply()});
  for (const Reply* const reply : {&flushed, &flushed_message}) {
    const PubSubFrame frame = ParsePubSub(*reply);
    ASSERT_EQ(frame.kind, Kind::kInvalidation);
    EXPECT_TRUE(frame.keys->is_nil());
  }
}

// Anybody may publish there.
TEST(PubSubTest, AMessageThatSomebodyPublishedOnTheInvalidateChannelIsAMessage) {
  EXPECT_EQ(ParsePubSub(Array({String("message"), String("__redis__:invalidate"), String("k")})).kind, Kind::kMessage);
}

TEST(PubSubTest, LeavesOtherKindsToOthers) { EXPECT_EQ(ParsePubSub(Push({String("smessage")})).kind, Kind::kOther); }

// The frames on which hiredis' async.c reads past the end of its array, or aborts.
TEST(PubSubTest, FramesThatAreNotShapedAsTheyClaimAreMalformed) {
  const Reply frames[] = {
      Push({}),
      Push({Integer(1)}),
      Push({Reply()}),
      Push({String("subscribe")}),
      Push({String("message")}),
      Push({String("message"), String("lane")}),
      Push({String("message"), String("lane"), Integer(1)}),
      Push({String("message"), Reply(), String("payload")}),
      Push({String("message"), String("lane"), String("payload"), String("more")}),
      Push({String("message"), String("lane"), Push({})}),
      Push({String("subscribe"), String("lane"), String("1")}),
      Push({String("subscribe"), Reply(), Integer(1)}),
      Push({String("unsubscribe"), Integer(1), Integer(1)}),
      Push({String("pong")}),
      Push({String("invalidate")}),
      Push({String("invalidate"), String("k")}),
      Push({String("invalidate"), Integer(1)}),
      Push({String("invalidate"), Array({String("k"), Integer(1)})}),
      Push({String("invalidate"), Array({Reply()})}),
      Push({String("invalidate"), Array({}), Reply()}),
      Push({String("message"), String("__redis__:invalidate"), Array({Integer(1)})}),
  };
  for (const Reply& frame : frames) EXPECT_EQ(ParsePubSub(frame).kind, Kind::kMalformed);
}

}  // namespace
}  // namespace nearcache::internal::remote
