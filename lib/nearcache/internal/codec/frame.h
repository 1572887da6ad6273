// The frame: the envelope around every value in Redis (mechanism M14). It says who wrote the value,
// for which key and under which epoch of the namespace, and lets any reader tell a value from
// anything else that may lie at the key. The bytes are described in lib/FORMATS.md, with examples;
// the offsets are in base/frame_layout.h.
//
// Every byte that comes back from the server is treated as hostile. Whatever is not exactly a frame
// of a version this reader knows, for the key it asked for, is a miss with a reason, never a value
// and never a crash; no size is believed before it was compared with the limit and with the bytes
// that are really there.
//
// The checksum finds accidents (a flipped bit, a cut, a value of another key). It is no signature:
// who may write to the namespace may forge a frame.
//
// Thread-safe: functions without state, and a Compressor that is thread-safe.

#ifndef NEARCACHE_INTERNAL_CODEC_FRAME_H_
#define NEARCACHE_INTERNAL_CODEC_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/codec/compressor.h"
#include "nearcache/value.h"

namespace nearcache::internal::codec {

// What binds a value to its place.
struct FrameStamp {
  absl::string_view key;  // The user's key, without prefix and version. Only its digest travels.
  OperationId epoch;      // Of the namespace, as the writer knows it.
  OperationId id;         // Of the write.
};

// The frame of `value`: an integer frame if its bytes are a canonical int64, so that Increment
// works on it; compressed if `compressor` is given and it pays; else the bytes as they are. One
// allocation of the size of the result, two for a value that was large enough to try compressing
// it.
//
// REQUIRES: value.size() < 2^32 - 1
std::string EncodeFrame(absl::string_view value, const FrameStamp& stamp, const Compressor* compressor);

// Gives `frame` another epoch, for a write that has to be sent again after the namespace was
// cleared. Compresses nothing; reads the payload once for the checksum.
//
// REQUIRES: `frame` was made by EncodeFrame.
void PatchEpoch(OperationId epoch, std::string* frame);

// How a look at a frame ended. All but kOk are misses.
enum class FrameResult : uint8_t {
  kOk,
  kExpired,         // Intact, but marked as expired: for who asked for stale values only.
  kCleared,         // Intact, of another epoch: written before the last Clear, or the server lost the
                    // epoch.
  kForeign,         // Does not begin with the magic: not written by this library.
  kUnknownVersion,  // A version, codec, flag or dictionary that this reader does not know.
  kTruncated,       // Shorter than its header, or than the header says.
  kBadSize,         // Longer than the header says, or the sizes contradict each other or the codec.
  kBadChecksum,
  kBadState,    // A state byte that does not exist.
  kBadPayload,  // The checksum holds, yet the payload does not decode: a forgery or a writer's
                // mistake.
  kWrongKey,    // Intact, but of another key.
  kTooLarge,    // The value would be larger than the limit. Nothing was allocated.
};
inline constexpr int kFrameResultCount = 12;

// A name for logs and counters, in lower case with underscores.
absl::string_view FrameResultName(FrameResult result);
inline std::ostream& operator<<(std::ostream& out, FrameResult result) { return out << FrameResultName(result); }

struct DecodeOptions {
  // Largest value that is accepted.
  size_t value_bytes_max = size_t{8} << 20;
  // Whether kExpired comes with the value.
  bool want_expired_value = false;
  // Not null.
  const Compressor* compressor = nullptr;
};

struct DecodedFrame {
  FrameResult result = FrameResult::kForeign;
  // Set for kOk, and for kExpired if wanted. An uncompressed value shares the block of the frame; a
  // compressed one has its own.
  Value value;
  // Of the write. Set for kOk, kExpired and kCleared; otherwise empty: nobody knows who wrote this.
  OperationId id;
};

// Checks `frame` and takes the value out of it. `key` is the user's key that was asked for, `epoch`
// the namespace's current epoch.
//
// Cost: one pass over the frame (about 8 GB/s from 1 KiB on, 50 ns for 128 bytes), plus decompression; an allocation
// only for the latter.
DecodedFrame DecodeFrame(const Value& frame, absl::string_view key, OperationId epoch, const DecodeOptions& options);

// The digest of a key as a frame carries it.
uint64_t FrameKeyDigest(absl::string_view key);

}  // namespace nearcache::internal::codec

#endif  // NEARCACHE_INTERNAL_CODEC_FRAME_H_
