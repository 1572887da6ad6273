// The invalidation message: round trips, the examples of lib/FORMATS.md, and bytes that mean harm.

#include "nearcache/internal/coherence/message.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/little_endian.h"
#include "tests/nearcache/internal/codec/format_examples.h"

namespace nearcache::internal::coherence {
namespace {

using remote::Announced;
using remote::ChangeKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr OperationId kPrevious{7, 99};
constexpr OperationId kLane{7, 100};

std::string Payload(const std::string& body, OperationId previous = kPrevious) { return previous.ToBytes() + body; }

// `told` with the checksum of its bytes: what a hostile writer would send.
std::string Sealed(std::string told) {
  const uint64_t checksum = MessageChecksum(absl::string_view(told).substr(kMessageVersionOffset));
  told.resize(told.size() + kMessageChecksumSize);
  StoreLittleEndian64(&told[told.size() - kMessageChecksumSize], checksum);
  return told;
}

std::string Resealed(const std::string& payload) {
  return Sealed(payload.substr(0, payload.size() - kMessageChecksumSize));
}

std::string OneKey(absl::string_view key = "user:42") {
  const Announced change{ChangeKind::kSet, {8, 300}, key};
  return Payload(EncodeMessage(kLane, 5, {&change, 1}));
}

TEST(MessageTest, EveryKindSurvivesTheRoundTrip) {
  const std::string binary("\0\xff\n{}", 5);
  const std::vector<Announced> changes = {
      {ChangeKind::kSet, {8, 1}, "a"},       {ChangeKind::kAdd, {8, 127}, "b"},
      {ChangeKind::kReplace, {8, 128}, "c"}, {ChangeKind::kDelete, {8, ~uint64_t{0}}, binary},
      {ChangeKind::kTouch, {8, 5}, "e"},     {ChangeKind::kPersist, {8, 6}, "f"},
      {ChangeKind::kExpire, {8, 7}, "g"},    {ChangeKind::kIncrement, {8, 8}, "h"},
      {ChangeKind::kClear, {8, 9}, ""},
  };
  const std::string payload = Payload(EncodeMessage(kLane, 5, changes));
  const absl::optional<Message> message = DecodeMessage(payload);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->previous, kPrevious);
  EXPECT_EQ(message->lane_id, kLane);
  EXPECT_EQ(message->key_version, 5u);
  EXPECT_FALSE(message->everything);
  EXPECT_THAT(
      message->changes,
      ElementsAre(MessageChange{MessageKind::kSet, {8, 1}, "a"}, MessageChange{MessageKind::kAdd, {8, 127}, "b"},
                  MessageChange{MessageKind::kReplace, {8, 128}, "c"},
                  MessageChange{MessageKind::kDelete, {8, ~uint64_t{0}}, binary},
                  MessageChange{MessageKind::kTouch, {8, 5}, "e"}, MessageChange{MessageKind::kPersist, {8, 6}, "f"},
                  MessageChange{MessageKind::kExpire, {8, 7}, "g"}, MessageChange{MessageKind::kIncrement, {8, 8}, "h"},
                  MessageChange{MessageKind::kClear, {8, 9}, ""}));
}

TEST(MessageTest, AMessageWithoutChangesStillMovesTheLane) {
  const std::string payload = Payload(EncodeMessage(kLane, 5, {}), OperationId());
  const absl::optional<Message> message = DecodeMessage(payload);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->previous.empty());
  EXPECT_EQ(message->lane_id, kLane);
  EXPECT_THAT(message->changes, IsEmpty());
}

TEST(MessageTest, AsManyChangesAsTheBoundAreListed) {
  std::vector<Announced> changes(kMessageChangesMax, {ChangeKind::kSet, {8, 1}, "k"});
  const std::string payload = Payload(EncodeMessage(kLane, 5, changes));
  const absl::optional<Message> message = DecodeMessage(payload);
  ASSERT_TRUE(message.has_value());
  EXPECT_FALSE(message->everything);
  EXPECT_THAT(message->changes, SizeIs(kMessageChangesMax));
}

TEST(MessageTest, OneChangeTooManyBecomesEverythingAndKeepsTheClears) {
  std::vector<Announced> changes(kMessageChangesMax, {ChangeKind::kSet, {8, 1}, "k"});
  changes.push_back({ChangeKind::kClear, {8, 2}, ""});
  const std::string payload = Payload(EncodeMessage(kLane, 5, changes));
  const absl::optional<Message> message = DecodeMessage(payload);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->everything);
  EXPECT_THAT(message->changes, ElementsAre(MessageChange{MessageKind::kClear, {8, 2}, ""}));
}

TEST(MessageTest, NoKeyIsTooLongToBeAnnounced) {
  for (const size_t size : {size_t{1} << 10, size_t{65000}, kMessageBytesMax, size_t{1} << 20}) {
    const std::string key(size, 'k');
    const std::string payload = OneKey(key);
    EXPECT_LE(payload.size(), kMessageBytesMax);
    const absl::optional<Message> message = DecodeMessage(payload);
    ASSERT_TRUE(message.has_value()) << size;
    if (!message->everything) {
      EXPECT_EQ(message->changes[0].key, key);
    }
    EXPECT_EQ(message->everything, size > 65400) << size;
  }
}

TEST(MessageTest, IdsOfSeveralProcessesBecomeEverything) {
  const std::vector<Announced> changes = {{ChangeKind::kSet, {8, 1}, "a"}, {ChangeKind::kSet, {9, 1}, "b"}};
  const std::string payload = Payload(EncodeMessage(kLane, 5, changes));
  const absl::optional<Message> message = DecodeMessage(payload);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->everything);
}

TEST(MessageTest, EveryTruncationIsRefused) {
  const std::string payload = OneKey();
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(DecodeMessage(absl::string_view(payload).substr(0, size)).has_value()) << size;
    if (size < kMessageVersionOffset || size > payload.size() - kMessageChecksumSize - 1) continue;
    EXPECT_FALSE(DecodeMessage(Sealed(payload.substr(0, size))).has_value()) << size;
  }
  EXPECT_FALSE(DecodeMessage(payload + "x").has_value());
  const std::string told = payload.substr(0, payload.size() - kMessageChecksumSize);
  EXPECT_FALSE(DecodeMessage(Sealed(told + "x")).has_value()) << "a byte left over";
}

// What the server puts in front has no checksum: there the chain breaks.
TEST(MessageTest, EveryFlippedBitIsFoundByTheChecksumOrBreaksTheChain) {
  const std::string payload = OneKey();
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::string flipped = payload;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const absl::optional<Message> message = DecodeMessage(flipped);
    EXPECT_EQ(message.has_value(), bit / 8 < kMessageVersionOffset) << bit;
    if (!message.has_value()) continue;
    EXPECT_NE(message->previous, kPrevious) << bit;
    EXPECT_EQ(message->lane_id, kLane);
  }
}

TEST(MessageTest, BytesOfTwoMessagesDoNotMakeAThird) {
  const std::string one = OneKey("user:42");
  const std::string other = OneKey("user:43");
  ASSERT_EQ(one.size(), other.size());
  for (size_t size = kMessageVersionOffset; size < one.size(); ++size) {
    const std::string mixed = one.substr(0, size) + other.substr(size);
    if (mixed == one || mixed == other) continue;
    EXPECT_FALSE(DecodeMessage(mixed).has_value()) << size;
  }
}

TEST(MessageTest, AnUnknownVersionIsRefusedButItsLaneIdCanBeRead) {
  std::string payload = OneKey();
  for (const char version : {'\0', '\2', '\xff'}) {
    payload[kMessageVersionOffset] = version;
    EXPECT_FALSE(DecodeMessage(Resealed(payload)).has_value());
    EXPECT_EQ(PeekLaneId(payload), kLane);
  }
  EXPECT_EQ(PeekLaneId(payload.substr(0, 33)), absl::nullopt);
}

TEST(MessageTest, AnUnknownFlagIsRefused) {
  for (int bit = 1; bit < 8; ++bit) {
    std::string payload = OneKey();
    payload[kMessageFlagsOffset] = static_cast<char>(1 << bit);
    EXPECT_FALSE(DecodeMessage(Resealed(payload)).has_value()) << bit;
  }
}

TEST(MessageTest, AnUnknownKindIsAChangeOfItsKey) {
  std::string payload = OneKey();
  payload[kMessageHeaderSize] = '\x77';
  payload = Resealed(payload);
  const absl::optional<Message> message = DecodeMessage(payload);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->changes[0].key, "user:42");
}

TEST(MessageTest, OnlyAClearHasNoKey) {
  std::string payload = OneKey();
  payload[kMessageHeaderSize] = static_cast<char>(MessageKind::kClear);
  EXPECT_FALSE(DecodeMessage(Resealed(payload)).has_value()) << "a clear with a key";
  EXPECT_FALSE(DecodeMessage(OneKey("")).has_value()) << "a set without one";
}

TEST(MessageTest, AnEmptyLaneIdIsRefused) {
  const Announced change{ChangeKind::kSet, {8, 300}, "k"};
  EXPECT_FALSE(DecodeMessage(Payload(EncodeMessage(OperationId(), 5, {&change, 1}))).has_value());
}

TEST(MessageTest, ACountThatPromisesMoreIsRefusedWithoutAllocating) {
  std::string payload = OneKey();
  for (const uint16_t count : {uint16_t{0}, uint16_t{2}, uint16_t{257}, uint16_t{65535}}) {
    StoreLittleEndian<uint16_t>(&payload[kMessageCountOffset], count);
    EXPECT_FALSE(DecodeMessage(Resealed(payload)).has_value()) << count;
  }
}

TEST(MessageTest, VarintsThatOverrunOrAreNotShortestAreRefused) {
  const std::string header = OneKey().substr(0, kMessageHeaderSize);
  const std::string set(1, static_cast<char>(MessageKind::kSet));
  EXPECT_TRUE(DecodeMessage(Sealed(header + set + "\x01\x01k")).has_value());
  const std::vector<std::string> hostile = {
      set + std::string("\x81\x00\x01k", 4),                  // 1 in two bytes.
      set + std::string(10, '\xff') + "\x01\x01k",            // More than 64 bits.
      set + std::string(9, '\xff') + "\x02\x01k",             // The 65th bit.
      set + "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01k",  // A key of 2^64 - 1 bytes.
      set + "\x01\x02k",                                      // A key of one byte more.
      set + "\x01" + std::string(3, '\x80'),                  // A varint without end.
  };
  for (const std::string& changes : hostile) {
    EXPECT_FALSE(DecodeMessage(Sealed(header + changes)).has_value());
  }
}

TEST(MessageTest, APayloadOverTheBoundIsRefused) {
  const std::string key(kMessageBytesMax - kMessageHeaderSize - kMessageChecksumSize - 5, 'k');
  const std::string header = OneKey().substr(0, kMessageHeaderSize);
  // 65475 bytes of key, as a varint of three bytes.
  std::string told = header + "\x01\x01\xc3\xff\x03" + key;
  ASSERT_EQ(Sealed(told).size(), kMessageBytesMax);
  EXPECT_TRUE(DecodeMessage(Sealed(told)).has_value());
  told[kMessageHeaderSize + 2] = '\xc4';
  EXPECT_FALSE(DecodeMessage(Sealed(told + "k")).has_value());
}

TEST(MessageTest, RandomBytesNeverDoMoreThanBeRefused) {
  std::mt19937_64 random(20240601);
  const std::string good = OneKey();
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string payload;
    if (i % 2 == 0) {
      payload.resize(random() % 200);
      for (char& byte : payload) byte = static_cast<char>(random());
    } else {
      payload = good;
      for (int flips = 0; flips <= i % 4; ++flips) {
        payload[random() % payload.size()] ^= static_cast<char>(1 << random() % 8);
      }
    }
    if (payload.size() > kMessageChecksumSize + kMessageVersionOffset) payload = Resealed(payload);
    const absl::optional<Message> message = DecodeMessage(payload);
    if (!message.has_value()) continue;
    ++accepted;
    // What was accepted lies inside the payload and can be told again.
    EXPECT_LE(message->changes.size(), kMessageChangesMax);
    for (const MessageChange& change : message->changes) {
      EXPECT_GE(change.key.data(), payload.data());
      EXPECT_LE(change.key.data() + change.key.size(), payload.data() + payload.size());
    }
  }
  // With a checksum of its own a flipped bit in an id or key makes another valid message.
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 50'000);
}

// --- The examples of lib/FORMATS.md, section 4

OperationId IdFromText(absl::string_view text) {
  OperationId id;
  EXPECT_EQ(text.size(), 32u) << text;
  EXPECT_TRUE(absl::SimpleHexAtoi(text.substr(0, 16), &id.nonce));
  EXPECT_TRUE(absl::SimpleHexAtoi(text.substr(16), &id.counter));
  return id;
}

ChangeKind KindFromText(absl::string_view text) {
  if (text == "set") return ChangeKind::kSet;
  if (text == "delete") return ChangeKind::kDelete;
  if (text == "increment") return ChangeKind::kIncrement;
  EXPECT_EQ(text, "clear");
  return ChangeKind::kClear;
}

TEST(MessageTest, TheExamplesOfTheFormatDescriptionAreRight) {
  const std::vector<codec::FormatExample> examples = codec::ReadFormatExamples("message");
  ASSERT_THAT(examples, SizeIs(2));
  for (const codec::FormatExample& example : examples) {
    std::vector<std::vector<std::string>> words;
    std::vector<Announced> changes;
    for (int i = 1; example.fields.count(absl::StrCat("change ", i)) > 0; ++i) {
      words.push_back(absl::StrSplit(example.fields.at(absl::StrCat("change ", i)), ' '));
    }
    for (const std::vector<std::string>& word : words) {
      changes.push_back(
          {KindFromText(word[0]), IdFromText(word[1]), word.size() > 2 ? absl::string_view(word[2]) : ""});
    }
    uint32_t key_version = 0;
    ASSERT_TRUE(absl::SimpleAtoi(example.fields.at("key version"), &key_version));
    const OperationId lane = IdFromText(example.fields.at("lane"));
    const OperationId previous = IdFromText(example.fields.at("previous"));
    EXPECT_EQ(Payload(EncodeMessage(lane, key_version, changes), previous), example.Bytes());
    const std::string bytes = example.Bytes();
    const absl::optional<Message> message = DecodeMessage(bytes);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->previous, previous);
    EXPECT_EQ(message->lane_id, lane);
    ASSERT_THAT(message->changes, SizeIs(changes.size()));
    for (size_t i = 0; i < changes.size(); ++i) {
      EXPECT_EQ(message->changes[i].id, changes[i].id);
      EXPECT_EQ(message->changes[i].key, changes[i].key);
    }
  }
}

}  // namespace
}  // namespace nearcache::internal::coherence
