// Holds every example of lib/FORMATS.md, sections 1 to 3, against the code in both directions. Section 4 is checked by
// the tests of coherence/.

#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/codec/frame.h"
#include "tests/nearcache/internal/codec/format_examples.h"

namespace nearcache::internal::codec {
namespace {

OperationId IdFromText(const std::string& text) {
  OperationId id;
  EXPECT_EQ(text.size(), 32u);
  EXPECT_TRUE(absl::SimpleHexAtoi(text.substr(0, 16), &id.nonce));
  EXPECT_TRUE(absl::SimpleHexAtoi(text.substr(16), &id.counter));
  return id;
}

TEST(FormatsTest, OperationIds) {
  const std::vector<FormatExample> examples = ReadFormatExamples("id");
  ASSERT_EQ(examples.size(), 1u);
  for (const FormatExample& example : examples) {
    const OperationId id = IdFromText(example.fields.at("text"));
    EXPECT_EQ(id.ToBytes(), example.Bytes());
    EXPECT_EQ(OperationId::FromBytes(example.Bytes()), id);
    EXPECT_EQ(id.ToString(), example.fields.at("text"));
  }
}

TEST(FormatsTest, Names) {
  const std::vector<FormatExample> examples = ReadFormatExamples("names");
  ASSERT_EQ(examples.size(), 1u);
  for (const FormatExample& example : examples) {
    int version = -1;
    int database = -1;
    ASSERT_TRUE(absl::SimpleAtoi(example.fields.at("version"), &version));
    ASSERT_TRUE(absl::SimpleAtoi(example.fields.at("database"), &database));
    const KeySpace names(example.fields.at("prefix"), version, database);
    const std::string& key = example.fields.at("key");
    const std::vector<std::pair<std::string, std::string>> expected = {{"data key", names.DataKey(key)},
                                                                       {"lane", names.lane_key()},
                                                                       {"epoch", names.epoch_key()},
                                                                       {"missing", names.missing_key()},
                                                                       {"channel", names.channel()}};
    EXPECT_EQ(example.rows, expected);
    EXPECT_EQ(names.UserKey(example.rows[0].second), key);
    for (size_t i = 1; i < example.rows.size(); ++i) EXPECT_EQ(names.UserKey(example.rows[i].second), absl::nullopt);
  }
}

// `3 times abc` stands for abcabcabc.
std::string ValueOf(const FormatExample& example) {
  const std::string& text = example.fields.at("value");
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  int count = 0;
  if (words.size() != 3 || words[1] != "times" || !absl::SimpleAtoi(words[0], &count)) return text;
  std::string value;
  for (int i = 0; i < count; ++i) value += words[2];
  return value;
}

class FrameExamplesTest : public testing::Test {
 protected:
  void CheckDecoding(const FormatExample& example) {
    DecodeOptions options;
    options.compressor = &compressor_;
    options.want_expired_value = true;
    const OperationId epoch = IdFromText(example.fields.at("epoch"));
    const Value frame = Value::Copy(example.Bytes());
    const DecodedFrame decoded = DecodeFrame(frame, example.fields.at("key"), epoch, options);
    EXPECT_EQ(FrameResultName(decoded.result), example.fields.at("result"));
    if (example.fields.count("value") == 0) return;
    EXPECT_EQ(decoded.value.view(), ValueOf(example));
    EXPECT_EQ(decoded.id, IdFromText(example.fields.at("id")));
  }

  void CheckEncoding(const FormatExample& example) {
    const FrameStamp stamp{example.fields.at("key"), IdFromText(example.fields.at("epoch")),
                           IdFromText(example.fields.at("id"))};
    const std::string expected = example.Bytes();
    std::string frame = EncodeFrame(ValueOf(example), stamp, &compressor_);
    if (example.fields.at("result") == "expired") {
      frame[kFrameStateOffset] = static_cast<char>(FrameState::kExpired);
    }
    if (static_cast<FrameCodec>(expected[kFrameCodecOffset]) != FrameCodec::kZstd) {
      EXPECT_EQ(frame, expected);
      return;
    }
    // Another version of zstd may choose other bytes; what does not depend on them must agree.
    EXPECT_EQ(frame.substr(0, kFrameStoredSizeOffset), expected.substr(0, kFrameStoredSizeOffset));
  }

  const Compressor compressor_{[] {
    CompressorOptions options;
    options.threshold_bytes = 100;
    return options;
  }()};
};

TEST_F(FrameExamplesTest, DecodeToWhatTheySay) {
  std::set<std::string> results;
  for (const FormatExample& example : ReadFormatExamples("frame")) {
    SCOPED_TRACE(absl::StrCat("example of line ", example.line));
    CheckDecoding(example);
    results.insert(example.fields.at("result"));
  }
  EXPECT_THAT(results, testing::UnorderedElementsAre("ok", "expired", "unknown_version"));
}

TEST_F(FrameExamplesTest, EncodeToTheirBytes) {
  std::set<int> codecs;
  for (const FormatExample& example : ReadFormatExamples("frame")) {
    if (example.fields.count("value") == 0) continue;
    SCOPED_TRACE(absl::StrCat("example of line ", example.line));
    CheckEncoding(example);
    codecs.insert(example.Bytes()[kFrameCodecOffset]);
  }
  EXPECT_THAT(codecs, testing::UnorderedElementsAre(0, 1, 2)) << "every codec has an example";
}

}  // namespace
}  // namespace nearcache::internal::codec
