#include "bench/coherence_torture/message_shaper.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

constexpr int64_t kNow = 1'000'000'000;

std::string Bulk(absl::string_view payload) { return absl::StrCat("$", payload.size(), "\r\n", payload, "\r\n"); }

// As long as an invalidation message of one short key.
constexpr size_t kMessageBytes = 62;

std::string Push(char fill, size_t bytes = kMessageBytes) {
  return absl::StrCat(">3\r\n", Bulk("message"), Bulk("ch"), Bulk(std::string(bytes, fill)));
}

std::string Frame(char fill) { return Bulk(std::string(200, fill)); }

int BitsThatDiffer(absl::string_view a, absl::string_view b) {
  int bits = 0;
  for (size_t i = 0; i < a.size(); ++i) bits += __builtin_popcount(static_cast<unsigned char>(a[i] ^ b[i]));
  return bits;
}

class MessageShaperTest : public testing::Test {
 protected:
  void Do(FaultAction action, int messages = 1000, int64_t delay_nanos = 0) {
    fault_.fault.action = action;
    fault_.fault.delay_nanos = delay_nanos;
    fault_.messages_left = messages;
    fault_.happened = std::make_shared<std::atomic<int>>(0);
    faults_ = {&fault_};
  }
  void PassPush(absl::string_view bytes, int64_t now_nanos = kNow) {
    shaper_.Pass({bytes, IsPublished(bytes), {}}, faults_, now_nanos, &out_);
  }
  void PassReply(absl::string_view bytes, absl::string_view get_key = {}) {
    shaper_.Pass({bytes, false, get_key}, faults_, kNow, &out_);
  }
  std::string Out() const {
    std::string bytes;
    for (const Parcel& parcel : out_) bytes += parcel.bytes;
    return bytes;
  }
  int happened() const { return fault_.happened->load(); }

  MessageShaper shaper_{7};
  ActiveFault fault_;
  std::vector<ActiveFault*> faults_;
  std::deque<Parcel> out_;
};

TEST_F(MessageShaperTest, WithoutFaultsEverythingPassesAtOnce) {
  PassPush(Push('a'));
  PassReply("+OK\r\n");
  EXPECT_EQ(Out(), Push('a') + "+OK\r\n");
  EXPECT_EQ(out_.front().due_nanos, kNow);
}

TEST_F(MessageShaperTest, DropsAsManyPushesAsAskedForAndNothingElse) {
  Do(FaultAction::kDropMessages, 2);
  PassPush(Push('a'));
  PassPush("+PONG\r\n");
  PassPush(Push('b'));
  PassPush(Push('c'));
  EXPECT_EQ(Out(), "+PONG\r\n" + Push('c'));
  EXPECT_EQ(happened(), 2);
}

TEST_F(MessageShaperTest, RepeatsAPush) {
  Do(FaultAction::kRepeatMessages, 1);
  PassPush(Push('a'));
  PassPush(Push('b'));
  EXPECT_EQ(Out(), Push('a') + Push('a') + Push('b'));
  EXPECT_EQ(happened(), 1);
}

TEST_F(MessageShaperTest, SwapsTwoPushesAndKeepsWhatLiesBetween) {
  Do(FaultAction::kSwapMessages, 1);
  PassPush(Push('a'));
  PassPush("+PONG\r\n");
  EXPECT_EQ(Out(), "");
  PassPush(Push('b'));
  PassPush(Push('c'));
  EXPECT_EQ(Out(), Push('b') + "+PONG\r\n" + Push('a') + Push('c'));
  EXPECT_EQ(happened(), 1);
}

TEST_F(MessageShaperTest, PushWithoutAPartnerGoesOnAfterAWhile) {
  Do(FaultAction::kSwapMessages, 1);
  PassPush(Push('a'));
  ASSERT_GT(shaper_.held_until_nanos(), kNow);
  shaper_.Tick(shaper_.held_until_nanos() - 1, &out_);
  EXPECT_EQ(Out(), "");
  shaper_.Tick(shaper_.held_until_nanos(), &out_);
  EXPECT_EQ(Out(), Push('a'));
  EXPECT_EQ(happened(), 0);
}

TEST_F(MessageShaperTest, CorruptsOneBitAnywhereInThePayloadOfAPush) {
  Do(FaultAction::kCorruptMessages, 10'000);
  const std::string push = Push('a');
  const size_t payload = push.find(std::string(kMessageBytes, 'a'));
  std::set<size_t> places;
  for (int i = 0; i < 2000; ++i) {
    out_.clear();
    PassPush(push);
    ASSERT_EQ(Out().size(), push.size());
    ASSERT_EQ(BitsThatDiffer(Out(), push), 1);
    for (size_t at = 0; at < push.size(); ++at) {
      if (Out()[at] != push[at]) places.insert(at);
    }
  }
  EXPECT_EQ(places.size(), kMessageBytes);
  EXPECT_EQ(*places.begin(), payload);
  EXPECT_EQ(*places.rbegin(), payload + kMessageBytes - 1);
}

TEST_F(MessageShaperTest, LeavesProbesWhole) {
  Do(FaultAction::kCorruptMessages);
  PassPush(Push('\xff', 32));
  EXPECT_EQ(Out(), Push('\xff', 32));
  EXPECT_EQ(happened(), 0);
}

TEST_F(MessageShaperTest, CorruptsOneBitOfAValueButNoOtherReply) {
  Do(FaultAction::kCorruptValues);
  PassReply("+OK\r\n");
  PassReply(Bulk("lane-id"), "lane");
  PassReply(Frame('x'));
  EXPECT_EQ(Out(), "+OK\r\n" + Bulk("lane-id") + Frame('x')) << "neither short values nor replies to other commands";
  out_.clear();
  PassReply(Frame('x'), "k");
  EXPECT_EQ(BitsThatDiffer(Out(), Frame('x')), 1);
  EXPECT_EQ(Out().substr(0, 6), Frame('x').substr(0, 6));
  EXPECT_EQ(happened(), 1);
}

TEST_F(MessageShaperTest, ExchangesValuesOfDifferentKeysAndKeepsEveryOtherReplyInItsPlace) {
  Do(FaultAction::kExchangeValues, 1);
  PassReply(Frame('x'), "k");
  PassReply(":5\r\n");
  PassReply(Frame('y'), "k");
  PassReply("$-1\r\n", "gone");
  PassReply(Frame('z'), "m");
  EXPECT_EQ(Out(), Frame('z') + ":5\r\n" + Frame('y') + "$-1\r\n" + Frame('x'));
  EXPECT_EQ(happened(), 1);
}

TEST_F(MessageShaperTest, DelaysEverythingAndKeepsTheOrder) {
  Do(FaultAction::kDelay, 1, 500);
  PassReply("+1\r\n");
  PassReply("+2\r\n");
  ASSERT_EQ(out_.size(), 1u);
  EXPECT_EQ(Out(), "+1\r\n+2\r\n");
  EXPECT_EQ(out_.front().due_nanos, kNow + 500) << "the second one waits behind the first";
}

TEST_F(MessageShaperTest, CutsInTheMiddleOfAMessage) {
  Do(FaultAction::kCutInside, 1);
  PassReply("$6\r\nabcdef\r\n");
  EXPECT_EQ(Out(), "$6\r\nab");
  EXPECT_TRUE(out_.back().cut);
}

TEST(IsPublishedTest, InBothVersionsOfTheProtocol) {
  EXPECT_TRUE(IsPublished(Push('a')));
  EXPECT_TRUE(IsPublished("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n"));
  EXPECT_FALSE(IsPublished(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
  EXPECT_FALSE(IsPublished("+OK\r\n"));
}

}  // namespace
}  // namespace nearcache::bench::torture
