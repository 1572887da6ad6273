#include "nearcache/internal/codec/frame.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/codec/frame_counters.h"

namespace nearcache::internal::codec {
namespace {

constexpr OperationId kEpoch{0x1122334455667788, 9};
constexpr OperationId kOtherEpoch{0x1122334455667788, 10};
constexpr OperationId kId{0xA1B2C3D4E5F60718, 42};
constexpr absl::string_view kKey = "user:42";

// Text that compresses well, never an integer.
std::string Compressible(size_t size) {
  std::string text;
  while (text.size() < size) absl::StrAppend(&text, "{\"id\":", text.size() % 97, ",\"name\":\"near cache\"}");
  text.resize(size);
  return text;
}

// Bytes without any pattern.
std::string Incompressible(size_t size) {
  std::string bytes;
  uint64_t state = 88172645463325252u;
  while (bytes.size() < size) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    bytes.push_back(static_cast<char>(state));
  }
  return bytes;
}

class FrameTest : public testing::Test {
 protected:
  std::string Encode(absl::string_view value) { return EncodeFrame(value, {kKey, kEpoch, kId}, &compressor_); }

  DecodedFrame Decode(absl::string_view frame) { return Decode(Value::Copy(frame)); }
  DecodedFrame Decode(const Value& frame) { return DecodeFrame(frame, kKey, kEpoch, options_); }

  static FrameCodec CodecOf(absl::string_view frame) { return static_cast<FrameCodec>(frame[kFrameCodecOffset]); }

  const Compressor compressor_{CompressorOptions()};
  DecodeOptions options_ = [this] {
    DecodeOptions options;
    options.compressor = &compressor_;
    return options;
  }();
};

TEST_F(FrameTest, GivesBackWhatWasPutIn) {
  const std::vector<std::string> values = {"",
                                           "x",
                                           "hello",
                                           std::string("\0\xff\n", 3),
                                           std::string(kFrameHeaderSize, '\xC4'),
                                           Compressible(1023),
                                           Compressible(1024),
                                           Compressible(100000),
                                           Incompressible(200),
                                           Incompressible(201),
                                           Incompressible(202),
                                           Incompressible(5000),
                                           "7",
                                           "-12",
                                           "007"};
  for (const std::string& value : values) {
    const DecodedFrame decoded = Decode(Encode(value));
    EXPECT_EQ(decoded.result, FrameResult::kOk) << value.size();
    EXPECT_EQ(decoded.value.view(), value);
    EXPECT_EQ(decoded.id, kId);
  }
}

TEST_F(FrameTest, ChoosesTheCodecByTheValue) {
  EXPECT_EQ(CodecOf(Encode("plain")), FrameCodec::kRaw);
  EXPECT_EQ(CodecOf(Encode("")), FrameCodec::kRaw);
  EXPECT_EQ(CodecOf(Encode("12")), FrameCodec::kInteger);
  EXPECT_EQ(CodecOf(Encode("-9223372036854775808")), FrameCodec::kInteger);
  EXPECT_EQ(CodecOf(Encode("012")), FrameCodec::kRaw);
  EXPECT_EQ(CodecOf(Encode("9223372036854775808")), FrameCodec::kRaw);
  EXPECT_EQ(CodecOf(Encode(Compressible(1023))), FrameCodec::kRaw) << "below the threshold";
  EXPECT_EQ(CodecOf(Encode(Compressible(1024))), FrameCodec::kZstd);
  EXPECT_EQ(CodecOf(Encode(Incompressible(4096))), FrameCodec::kRaw) << "would not shrink";
  EXPECT_EQ(CodecOf(EncodeFrame(Compressible(4096), {kKey, kEpoch, kId}, nullptr)), FrameCodec::kRaw);
}

TEST_F(FrameTest, FrameIsHeaderAndPayloadAndNothingElse) {
  EXPECT_EQ(Encode("hello").size(), kFrameHeaderSize + 5);
  EXPECT_EQ(Encode("").size(), kFrameHeaderSize);
  const std::string compressed = Encode(Compressible(10000));
  EXPECT_LT(compressed.size(), 2000u);
  EXPECT_LE(compressed.capacity(), 2 * compressed.size()) << "queues count what is really allocated";
}

TEST_F(FrameTest, UncompressedValueSharesTheBlockOfTheFrame) {
  for (const absl::string_view value : {"hello", "12345"}) {
    absl::optional<Value> frame = Value::Copy(Encode(value));
    const DecodedFrame decoded = Decode(*frame);
    ASSERT_EQ(decoded.result, FrameResult::kOk);
    EXPECT_EQ(decoded.value.view().data(), frame->view().data() + kFrameHeaderSize);
    frame.reset();
    EXPECT_EQ(decoded.value.view(), value) << "the value keeps the block alive";
  }
}

TEST_F(FrameTest, FrameOfAnotherEpochIsCleared) {
  const Value frame = Value::Copy(Encode("hello"));
  const DecodedFrame decoded = DecodeFrame(frame, kKey, kOtherEpoch, options_);
  EXPECT_EQ(decoded.result, FrameResult::kCleared);
  EXPECT_TRUE(decoded.value.empty());
  EXPECT_EQ(decoded.id, kId) << "who wrote it is known, and an event on the key";
}

TEST_F(FrameTest, PatchEpochMakesTheFrameThatWouldHaveBeenEncoded) {
  for (const std::string& value : {std::string("hello"), std::string("12"), Compressible(5000), Incompressible(5000)}) {
    std::string patched = Encode(value);
    PatchEpoch(kOtherEpoch, &patched);
    EXPECT_EQ(patched, EncodeFrame(value, {kKey, kOtherEpoch, kId}, &compressor_));
    EXPECT_EQ(Decode(patched).result, FrameResult::kCleared);
  }
}

TEST_F(FrameTest, ExpiredFrameIsAMissUnlessStaleValuesAreWanted) {
  for (const std::string& value : {std::string("hello"), std::string("12"), Compressible(5000)}) {
    std::string frame = Encode(value);
    frame[kFrameStateOffset] = static_cast<char>(FrameState::kExpired);
    EXPECT_EQ(Decode(frame).result, FrameResult::kExpired);
    EXPECT_TRUE(Decode(frame).value.empty());
    options_.want_expired_value = true;
    EXPECT_EQ(Decode(frame).result, FrameResult::kExpired);
    EXPECT_EQ(Decode(frame).value.view(), value);
    options_.want_expired_value = false;
  }
}

TEST_F(FrameTest, ExpiredFrameOfAnotherEpochIsCleared) {
  std::string frame = Encode("hello");
  frame[kFrameStateOffset] = static_cast<char>(FrameState::kExpired);
  options_.want_expired_value = true;
  const DecodedFrame decoded = DecodeFrame(Value::Copy(frame), kKey, kOtherEpoch, options_);
  EXPECT_EQ(decoded.result, FrameResult::kCleared);
  EXPECT_TRUE(decoded.value.empty());
}

TEST_F(FrameTest, FrameOfAnotherKeyIsNoAnswer) {
  const Value frame = Value::Copy(Encode("hello"));
  for (const absl::string_view key : {"user:43", "user:4", "", "user:42 "}) {
    const DecodedFrame decoded = DecodeFrame(frame, key, kEpoch, options_);
    EXPECT_EQ(decoded.result, FrameResult::kWrongKey);
    EXPECT_TRUE(decoded.value.empty());
    EXPECT_TRUE(decoded.id.empty());
  }
}

TEST_F(FrameTest, IntegerFrameTakesNewDigitsAsAScriptWritesThem) {
  const std::string header = Encode("5").substr(0, kFrameHeaderSize);
  for (const absl::string_view digits : {"0", "-1", "6", "9223372036854775807", "-9223372036854775808"}) {
    const DecodedFrame decoded = Decode(absl::StrCat(header, digits, " ", digits));
    EXPECT_EQ(decoded.result, FrameResult::kOk);
    EXPECT_EQ(decoded.value.view(), digits);
  }
}

TEST_F(FrameTest, IntegerFrameHoldsOneCanonicalNumberOnly) {
  const std::string header = Encode("5").substr(0, kFrameHeaderSize);
  for (const absl::string_view digits : {"", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "1\n", "abc",
                                         "9223372036854775808", "-9223372036854775809", "99999999999999999999"}) {
    EXPECT_EQ(Decode(absl::StrCat(header, digits, " ", digits)).result, FrameResult::kBadPayload) << digits;
  }
  for (const absl::string_view payload : {"5", "5 6", "55", "5 5 ", " 5 5", "5\t5"}) {
    EXPECT_EQ(Decode(absl::StrCat(header, payload)).result, FrameResult::kBadPayload) << payload;
  }
  EXPECT_EQ(Decode(absl::StrCat(header, std::string(42, '1'))).result, FrameResult::kBadSize);
}

TEST_F(FrameTest, ValueLargerThanTheLimitIsRefused) {
  options_.value_bytes_max = 4000;
  EXPECT_EQ(Decode(Encode(Compressible(4000))).result, FrameResult::kOk);
  EXPECT_EQ(Decode(Encode(Compressible(4001))).result, FrameResult::kTooLarge);
  EXPECT_EQ(Decode(Encode(Incompressible(4000))).result, FrameResult::kOk);
  EXPECT_EQ(Decode(Encode(Incompressible(4001))).result, FrameResult::kTooLarge);
  options_.value_bytes_max = 2;
  EXPECT_EQ(Decode(Encode("123")).result, FrameResult::kTooLarge);
}

TEST_F(FrameTest, BytesOfStrangersAreForeign) {
  for (const absl::string_view bytes :
       {"", "1", "hello world", "\x80\x04\x95", "{\"json\":1}", "\xC4", "\xC5\x4E", "\xC4\x8E"}) {
    EXPECT_EQ(Decode(bytes).result, FrameResult::kForeign) << bytes;
  }
}

TEST(FrameKeyDigestTest, DoesNotDependOnTheProcess) {
  // From the reference implementation, so that every process and every version agrees.
  EXPECT_EQ(FrameKeyDigest(""), 0x2D06800538D394C2u);
}

TEST(FrameCountersTest, SortsResultsIntoTheSumsThatAreShown) {
  FrameCounters counters;
  for (int i = 0; i < kFrameResultCount; ++i) counters.Count(static_cast<FrameResult>(i));
  counters.Count(FrameResult::kCleared);
  EXPECT_EQ(counters.Of(FrameResult::kOk), 1u);
  EXPECT_EQ(counters.Foreign(), 2u);
  EXPECT_EQ(counters.Cleared(), 2u);
  EXPECT_EQ(counters.Corrupt(), 7u);
}

TEST(FrameResultTest, EveryResultHasItsOwnName) {
  std::vector<std::string> names;
  for (int i = 0; i < kFrameResultCount; ++i) names.emplace_back(FrameResultName(static_cast<FrameResult>(i)));
  EXPECT_THAT(names, testing::Each(testing::Not(testing::IsEmpty())));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace nearcache::internal::codec
