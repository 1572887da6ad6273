#include "bench/processes/record.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace nearcache::bench {
namespace {

std::string Record(uint64_t key, uint64_t version) {
  std::string record;
  MakeRecord(key, version, &record);
  return record;
}

TEST(RecordTest, SaysWhatItIs) {
  const RecordIdentity identity = CheckRecord(Record(1234, 56));
  EXPECT_TRUE(identity.intact);
  EXPECT_EQ(identity.key, 1234u);
  EXPECT_EQ(identity.version, 56u);
}

TEST(RecordTest, EveryFlippedBitIsSeen) {
  const std::string record = Record(99, 3);
  for (size_t i = 0; i < record.size() * 8; ++i) {
    std::string flipped = record;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    ASSERT_FALSE(CheckRecord(flipped).intact) << "bit " << i;
  }
}

TEST(RecordTest, EveryCutIsSeen) {
  const std::string record = Record(99, 3);
  for (size_t bytes = 0; bytes < record.size(); ++bytes) {
    ASSERT_FALSE(CheckRecord(record.substr(0, bytes)).intact) << bytes << " bytes";
  }
  EXPECT_FALSE(CheckRecord(record + "x").intact);
}

TEST(RecordTest, MixOfTwoVersionsIsSeen) {
  const std::string older = Record(7, 1);
  const std::string newer = Record(7, 2);
  ASSERT_EQ(older.size(), newer.size());
  const size_t half = older.size() / 2;
  EXPECT_FALSE(CheckRecord(newer.substr(0, half) + older.substr(half)).intact);
}

TEST(RecordTest, PeekReadsTheHeaderOnly) {
  std::string record = Record(5, 6);
  record.back() = '?';
  EXPECT_FALSE(CheckRecord(record).intact);
  EXPECT_TRUE(PeekRecord(record).intact);
  EXPECT_EQ(PeekRecord(record).version, 6u);
  EXPECT_FALSE(PeekRecord("short").intact);
}

TEST(RecordTest, LengthsCoverTheRangeAndDependOnTheKeyAlone) {
  size_t below_400 = 0;
  for (uint64_t key = 0; key < 1000; ++key) {
    const size_t bytes = RecordBytes(key);
    ASSERT_GE(bytes, kRecordBytesMin);
    ASSERT_LE(bytes, kRecordBytesMax);
    ASSERT_EQ(Record(key, 1).size(), bytes);
    ASSERT_EQ(Record(key, 1'000'000).size(), bytes);
    below_400 += bytes < 400;
  }
  EXPECT_NEAR(static_cast<double>(below_400), 373, 60);
}

TEST(RecordTest, TextIsAJsonObjectOfPrintableCharacters) {
  const std::string text = Record(31, 4).substr(32);
  EXPECT_EQ(text.substr(0, 21), "{\"id\":31,\"revision\":4");
  EXPECT_EQ(text.substr(text.size() - 2), "\"}");
  for (const char c : text) EXPECT_TRUE(c >= ' ' && c <= '~');
}

}  // namespace
}  // namespace nearcache::bench
