// Where the fields of a frame lie: the envelope that surrounds every value in Redis (mechanism
// M14). The whole format, with worked examples, is in lib/FORMATS.md; codec/frame.h makes and
// checks frames.
//
// The offsets are here, below the codec, because the scripts that run on the server look at four
// fields without decoding the rest (remote/scripts.h): the magic, the state, the codec and the
// epoch. Offsets count from 0; a Lua string index is the offset plus 1. All integers are
// little-endian.
//
// The state byte alone may change in place on the server; it is outside the checksum, because a script cannot compute
// XXH3. No single bit turns one state into the other. For the same reason the checksum of an integer frame covers its
// header alone, with both sizes zero: a new integer frame is the header the writer sent, followed by the new number,
// written twice, so that damage to it shows all the same.

#ifndef NEARCACHE_INTERNAL_BASE_FRAME_LAYOUT_H_
#define NEARCACHE_INTERNAL_BASE_FRAME_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace nearcache::internal {

inline constexpr size_t kFrameMagicOffset = 0;       // 2 bytes.
inline constexpr size_t kFrameVersionOffset = 2;     // u8.
inline constexpr size_t kFrameStateOffset = 3;       // u8, FrameState.
inline constexpr size_t kFrameCodecOffset = 4;       // u8, FrameCodec.
inline constexpr size_t kFrameFlagsOffset = 5;       // u8, bits below.
inline constexpr size_t kFrameDictionaryOffset = 6;  // u16, 0: none.
inline constexpr size_t kFrameEpochOffset = 8;       // OperationId of the namespace's epoch.
inline constexpr size_t kFrameEpochSize = 16;
inline constexpr size_t kFrameOperationIdOffset = 24;  // OperationId of the write.
inline constexpr size_t kFrameOperationIdSize = 16;
inline constexpr size_t kFrameKeyDigestOffset = 40;   // u64, XXH3-64 of the user's key, seed 0.
inline constexpr size_t kFrameRawSizeOffset = 48;     // u32, of the value; integer frame: 0.
inline constexpr size_t kFrameStoredSizeOffset = 52;  // u32, of the payload; integer frame: 0.
inline constexpr size_t kFrameChecksumOffset = 56;    // u64, XXH3-64 of header and payload.
inline constexpr size_t kFrameHeaderSize = 64;        // The payload follows and ends with the frame.

// No UTF-8 text, number, pickle or compressed stream begins with these two bytes: C4 opens a
// two-byte character, whose second byte would be 80 to BF.
inline constexpr char kFrameMagic[2] = {'\xC4', '\x4E'};
inline constexpr uint8_t kFrameVersion = 1;

enum class FrameState : uint8_t {
  kLive = 0,
  kExpired = 0xFF,  // Logically expired: absent, except for who asked for a stale value.
};

enum class FrameCodec : uint8_t {
  kRaw = 0,      // The payload is the value.
  kZstd = 1,     // The payload is one zstd frame.
  kInteger = 2,  // The payload is a canonical int64 in ASCII digits, a space, and the same digits again.
};

// Flags. A reader that meets a bit it does not know treats the frame as one of an unknown version:
// a miss.
inline constexpr uint8_t kFrameFlagTags = 0x01;  // Reserved: a section of tags between header and payload.
inline constexpr uint8_t kFrameKnownFlags = 0x00;

// The longest number of an integer frame: "-9223372036854775808"; the payload holds it twice, with a space between.
inline constexpr size_t kFrameIntegerSizeMax = 20;
inline constexpr size_t kFrameIntegerPayloadSizeMax = 2 * kFrameIntegerSizeMax + 1;

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_FRAME_LAYOUT_H_
