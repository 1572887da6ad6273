// Damaged and hostile frames: whatever is not exactly what a writer made is a miss. A forger may
// know the format, so the second half seals its frames with a right checksum and lies elsewhere.

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/little_endian.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/codec/frame_checksum.h"
#include "zstd.h"

namespace nearcache::internal::codec {
namespace {

constexpr OperationId kEpoch{0x1122334455667788, 9};
constexpr OperationId kId{0xA1B2C3D4E5F60718, 42};
constexpr absl::string_view kKey = "user:42";

class FrameDamageTest : public testing::Test {
 protected:
  std::string Encode(absl::string_view value) { return EncodeFrame(value, {kKey, kEpoch, kId}, &compressor_); }

  DecodedFrame Decode(absl::string_view frame) { return DecodeFrame(Value::Copy(frame), kKey, kEpoch, options_); }

  // A frame as a forger makes it: any payload, any sizes, a right checksum.
  std::string Forge(FrameCodec codec, absl::string_view payload, uint32_t raw_size) {
    std::string frame = Encode("x").substr(0, kFrameHeaderSize);
    frame.append(payload.data(), payload.size());
    frame[kFrameCodecOffset] = static_cast<char>(codec);
    StoreLittleEndian32(&frame[kFrameRawSizeOffset], raw_size);
    StoreLittleEndian32(&frame[kFrameStoredSizeOffset], static_cast<uint32_t>(payload.size()));
    return Seal(frame);
  }

  static std::string Seal(std::string frame) {
    const uint64_t checksum = FrameChecksum(frame, absl::string_view(frame).substr(kFrameHeaderSize));
    StoreLittleEndian64(&frame[kFrameChecksumOffset], checksum);
    return frame;
  }

  // Every kind of frame.
  std::vector<std::string> Samples() {
    std::string text;
    while (text.size() < 1500) absl::StrAppend(&text, "line ", text.size(), " of a value\n");
    return {Encode(""), Encode("hello"), Encode(std::string(300, 'r')), Encode(text), Encode("1234567")};
  }

  const Compressor compressor_{CompressorOptions()};
  DecodeOptions options_ = [this] {
    DecodeOptions options;
    options.compressor = &compressor_;
    options.want_expired_value = true;
    return options;
  }();
};

std::string Zstd(absl::string_view raw, int level = 1) {
  std::string compressed(ZSTD_compressBound(raw.size()), '\0');
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), raw.data(), raw.size(), level));
  return compressed;
}

// --- Accidents.

TEST_F(FrameDamageTest, EveryFlippedBitIsAMiss) {
  for (const std::string& whole : Samples()) {
    ASSERT_EQ(Decode(whole).result, FrameResult::kOk);
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string frame = whole;
      frame[bit / 8] = static_cast<char>(frame[bit / 8] ^ (1 << (bit % 8)));
      const DecodedFrame decoded = Decode(frame);
      EXPECT_NE(decoded.result, FrameResult::kOk) << "byte " << bit / 8 << ", bit " << bit % 8;
      EXPECT_NE(decoded.result, FrameResult::kExpired) << "byte " << bit / 8 << ", bit " << bit % 8;
      EXPECT_TRUE(decoded.value.empty());
    }
  }
}

TEST_F(FrameDamageTest, EveryChangedByteIsAMiss) {
  for (const std::string& whole : {Encode("hello"), Encode("-1200"), Encode("7")}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      for (int delta = 1; delta < 256; ++delta) {
        std::string frame = whole;
        frame[i] = static_cast<char>(frame[i] + delta);
        EXPECT_NE(Decode(frame).result, FrameResult::kOk) << "byte " << i << " plus " << delta;
      }
    }
  }
}

TEST_F(FrameDamageTest, NoFlippedBitRevivesAnExpiredValue) {
  for (const std::string& whole : Samples()) {
    std::string expired = whole;
    expired[kFrameStateOffset] = static_cast<char>(FrameState::kExpired);
    ASSERT_EQ(Decode(expired).result, FrameResult::kExpired);
    for (int bit = 0; bit < 8; ++bit) {
      std::string frame = expired;
      frame[kFrameStateOffset] = static_cast<char>(frame[kFrameStateOffset] ^ (1 << bit));
      EXPECT_EQ(Decode(frame).result, FrameResult::kBadState);
    }
  }
}

TEST_F(FrameDamageTest, EveryCutIsAMiss) {
  for (const std::string& whole : Samples()) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const DecodedFrame decoded = Decode(whole.substr(0, size));
      EXPECT_NE(decoded.result, FrameResult::kOk) << "cut at " << size;
      EXPECT_TRUE(decoded.value.empty());
    }
  }
}

TEST_F(FrameDamageTest, CutsAndAdditionsHaveTheirOwnNames) {
  const std::string whole = Encode("hello");
  EXPECT_EQ(Decode(whole.substr(0, 2)).result, FrameResult::kTruncated);
  EXPECT_EQ(Decode(whole.substr(0, kFrameHeaderSize - 1)).result, FrameResult::kTruncated);
  EXPECT_EQ(Decode(whole.substr(0, kFrameHeaderSize)).result, FrameResult::kTruncated);
  EXPECT_EQ(Decode(whole.substr(0, whole.size() - 1)).result, FrameResult::kTruncated);
  EXPECT_EQ(Decode(whole + "x").result, FrameResult::kBadSize);
  EXPECT_EQ(Decode(whole + whole).result, FrameResult::kBadSize);
}

TEST_F(FrameDamageTest, RandomBytesBehindTheMagicAreAMiss) {
  std::mt19937_64 random(20240722);
  for (int i = 0; i < 100000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    // Half of them get further, to the sizes and the checksum.
    const std::string head = Encode("x").substr(0, i % 2 == 0 ? 2 : 8);
    bytes.replace(0, std::min(bytes.size(), head.size()), head, 0, std::min(bytes.size(), head.size()));
    EXPECT_NE(Decode(bytes).result, FrameResult::kOk);
  }
}

// --- Versions to come.

TEST_F(FrameDamageTest, WhatANewerWriterMightUseIsAnUnknownVersion) {
  const std::string whole = Encode("hello");
  const auto with = [&](size_t offset, char byte) {
    std::string frame = whole;
    frame[offset] = byte;
    return Decode(Seal(frame)).result;
  };
  EXPECT_EQ(with(kFrameVersionOffset, 2), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameVersionOffset, 0), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameCodecOffset, 3), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameFlagsOffset, kFrameFlagTags), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameFlagsOffset, '\x80'), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameDictionaryOffset, 1), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameDictionaryOffset + 1, 1), FrameResult::kUnknownVersion);
  EXPECT_EQ(with(kFrameStateOffset, 2), FrameResult::kBadState);
}

// --- Forgeries: the checksum holds.

TEST_F(FrameDamageTest, ForgeryIsSealedAsAWriterWouldSealIt) {
  EXPECT_EQ(Forge(FrameCodec::kRaw, "hello", 5), Encode("hello"));
  const std::string raw(3000, 'a');
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, Zstd(raw), 3000)).value.view(), raw);
}

TEST_F(FrameDamageTest, SizesThatContradictEachOtherAreRefused) {
  const std::string zstd = Zstd(std::string(3000, 'a'));
  EXPECT_EQ(Decode(Forge(FrameCodec::kRaw, "hello", 4)).result, FrameResult::kBadSize);
  EXPECT_EQ(Decode(Forge(FrameCodec::kRaw, "hello", 6)).result, FrameResult::kBadSize);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd, 0)).result, FrameResult::kBadSize);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd, static_cast<uint32_t>(zstd.size()))).result, FrameResult::kBadSize);
  EXPECT_EQ(Decode(Forge(FrameCodec::kInteger, "5", 0)).result, FrameResult::kBadSize);
}

TEST_F(FrameDamageTest, HugeClaimIsRefusedBeforeAnythingIsAllocated) {
  // 4 GiB claimed: with an allocation this test would not fit into its memory limit under a
  // sanitizer.
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, Zstd("a"), 0xFFFFFFFF)).result, FrameResult::kTooLarge);
  options_.value_bytes_max = 2999;
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, Zstd(std::string(3000, 'a')), 3000)).result, FrameResult::kTooLarge);
}

TEST_F(FrameDamageTest, BombIsStoppedByTheSizeInTheHeader) {
  const std::string bomb = Zstd(std::string(size_t{64} << 20, '\0'));
  ASSERT_LT(bomb.size(), 10000u);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, bomb, 100000)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, bomb, 64 << 20)).result, FrameResult::kTooLarge);
}

TEST_F(FrameDamageTest, LyingContentSizeIsRefused) {
  const std::string zstd = Zstd(std::string(3000, 'a'));
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd, 2999)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd, 3001)).result, FrameResult::kBadPayload);
}

TEST_F(FrameDamageTest, OnlyOneZstdFrameIsAccepted) {
  const std::string zstd = Zstd(std::string(3000, 'a'));
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd + zstd, 6000)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd + zstd, 3000)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd + "x", 3000)).result, FrameResult::kBadPayload);
  const std::string skippable("\x50\x2A\x4D\x18\x00\x00\x00\x00", 8);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, skippable + zstd, 3000)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd + skippable, 3000)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, skippable, 3000)).result, FrameResult::kBadPayload);
}

TEST_F(FrameDamageTest, PayloadThatIsNoZstdFrameIsRefused) {
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, "", 10)).result, FrameResult::kBadPayload);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, "hello", 10)).result, FrameResult::kBadPayload);
  const std::string zstd = Zstd(std::string(3000, 'a'));
  for (size_t size = 0; size < zstd.size(); ++size) {
    EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, zstd.substr(0, size), 3000)).result, FrameResult::kBadPayload) << size;
  }
}

TEST_F(FrameDamageTest, EveryFlippedBitOfAForgedZstdPayloadEndsWell) {
  const std::string zstd = Zstd(Samples()[3]);
  const auto raw_size = static_cast<uint32_t>(Samples()[3].size());
  for (size_t bit = 0; bit < zstd.size() * 8; ++bit) {
    std::string damaged = zstd;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const DecodedFrame decoded = Decode(Forge(FrameCodec::kZstd, damaged, raw_size));
    // A forger may make any value; what matters is that nothing but a value of the claimed size
    // comes out.
    if (decoded.result == FrameResult::kOk) {
      EXPECT_EQ(decoded.value.size(), raw_size);
    }
  }
}

TEST_F(FrameDamageTest, DictionaryInTheZstdHeaderIsRefused) {
  // Magic, descriptor: single segment, 1 byte of dictionary id, content size of 1 byte; then an RLE
  // block of 100.
  const std::string with("\x28\xB5\x2F\xFD\x21\x07\x64\x23\x03\x00\x61", 11);
  const std::string without("\x28\xB5\x2F\xFD\x20\x64\x23\x03\x00\x61", 10);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, without, 100)).value.view(), std::string(100, 'a'));
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, with, 100)).result, FrameResult::kBadPayload);
}

TEST_F(FrameDamageTest, HugeWindowIsRefused) {
  // Magic, descriptor: no single segment, content size of 2 bytes (256 less); window; an RLE block
  // of 300.
  const auto frame = [](char window) {
    return std::string("\x28\xB5\x2F\xFD\x40", 5) + window + std::string("\x2C\x00\x63\x09\x00\x61", 6);
  };
  constexpr char kWindow8MiB = (23 - 10) << 3;
  constexpr char kWindow16MiB = (24 - 10) << 3;
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, frame(kWindow8MiB), 300)).value.view(), std::string(300, 'a'));
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, frame(kWindow16MiB), 300)).result, FrameResult::kBadPayload);
}

TEST_F(FrameDamageTest, UnknownContentSizeIsRefused) {
  // As above, without a content size.
  const std::string frame = std::string("\x28\xB5\x2F\xFD\x00\x58\x63\x09\x00\x61", 10);
  EXPECT_EQ(Decode(Forge(FrameCodec::kZstd, frame, 300)).result, FrameResult::kBadPayload);
}

}  // namespace
}  // namespace nearcache::internal::codec
