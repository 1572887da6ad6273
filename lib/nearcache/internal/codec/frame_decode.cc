#include <new>

#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/little_endian.h"
#include "nearcache/internal/base/ref_counted.h"
#include "nearcache/internal/codec/canonical_integer.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/codec/frame_checksum.h"

namespace nearcache::internal::codec {
namespace {

static_assert(static_cast<int>(FrameResult::kTooLarge) + 1 == kFrameResultCount, "kTooLarge is the last one");

OperationId LoadId(const char* bytes) {
  return {LoadLittleEndian64(bytes), LoadLittleEndian64(bytes + sizeof(uint64_t))};
}

// The header, read but not believed.
struct Header {
  FrameState state;
  FrameCodec codec;
  OperationId epoch;
  OperationId id;
  uint64_t key_digest;
  uint32_t raw_size;
  uint32_t stored_size;
  uint64_t checksum;
};

Header ReadHeader(const char* bytes) {
  Header header;
  header.state = static_cast<FrameState>(bytes[kFrameStateOffset]);
  header.codec = static_cast<FrameCodec>(bytes[kFrameCodecOffset]);
  header.epoch = LoadId(bytes + kFrameEpochOffset);
  header.id = LoadId(bytes + kFrameOperationIdOffset);
  header.key_digest = LoadLittleEndian64(bytes + kFrameKeyDigestOffset);
  header.raw_size = LoadLittleEndian32(bytes + kFrameRawSizeOffset);
  header.stored_size = LoadLittleEndian32(bytes + kFrameStoredSizeOffset);
  header.checksum = LoadLittleEndian64(bytes + kFrameChecksumOffset);
  return header;
}

// Whether these bytes are a frame of a kind that this reader can judge at all.
FrameResult CheckKind(absl::string_view frame) {
  const absl::string_view magic(kFrameMagic, sizeof(kFrameMagic));
  if (frame.substr(0, magic.size()) != magic) return FrameResult::kForeign;
  if (frame.size() < kFrameHeaderSize) return FrameResult::kTruncated;
  const auto byte = [&](size_t offset) { return static_cast<uint8_t>(frame[offset]); };
  const bool known = byte(kFrameVersionOffset) == kFrameVersion &&
                     byte(kFrameCodecOffset) <= static_cast<uint8_t>(FrameCodec::kInteger) &&
                     (byte(kFrameFlagsOffset) & ~kFrameKnownFlags) == 0 &&
                     LoadLittleEndian<uint16_t>(&frame[kFrameDictionaryOffset]) == 0;
  return known ? FrameResult::kOk : FrameResult::kUnknownVersion;
}

FrameResult CheckSizes(const Header& header, size_t payload_size) {
  if (header.codec == FrameCodec::kInteger) {
    const bool fits = header.raw_size == 0 && header.stored_size == 0 && payload_size <= kFrameIntegerPayloadSizeMax;
    return fits ? FrameResult::kOk : FrameResult::kBadSize;
  }
  if (payload_size < header.stored_size) return FrameResult::kTruncated;
  if (payload_size > header.stored_size) return FrameResult::kBadSize;
  // What does not shrink is stored raw, so a zstd frame is always the smaller one.
  const bool consistent =
      header.codec == FrameCodec::kRaw ? header.raw_size == header.stored_size : header.raw_size > header.stored_size;
  return consistent ? FrameResult::kOk : FrameResult::kBadSize;
}

// Whether the frame is what its writer made.
FrameResult CheckIntegrity(absl::string_view frame, const Header& header) {
  const absl::string_view payload = frame.substr(kFrameHeaderSize);
  const FrameResult sizes = CheckSizes(header, payload.size());
  if (sizes != FrameResult::kOk) return sizes;
  const bool integer = header.codec == FrameCodec::kInteger;
  if (FrameChecksum(frame, integer ? absl::string_view() : payload) != header.checksum) {
    return FrameResult::kBadChecksum;
  }
  if (header.state != FrameState::kLive && header.state != FrameState::kExpired) return FrameResult::kBadState;
  if (integer && !IntegerPayloadDigits(payload).has_value()) return FrameResult::kBadPayload;
  return FrameResult::kOk;
}

// Whether an intact frame answers this question.
FrameResult CheckPlace(const Header& header, absl::string_view key, OperationId epoch) {
  if (header.key_digest != FrameKeyDigest(key)) return FrameResult::kWrongKey;
  if (header.epoch != epoch) return FrameResult::kCleared;
  return header.state == FrameState::kExpired ? FrameResult::kExpired : FrameResult::kOk;
}

void DestroyBlock(RefCounted* block) noexcept {
  block->~RefCounted();
  ::operator delete(block);
}

// Decompresses into one allocation: the counted header, then the value.
bool Decompress(absl::string_view payload, size_t raw_size, const Compressor& compressor, Value* value) {
  char* const memory = static_cast<char*>(::operator new(sizeof(RefCounted) + raw_size));
  static const RefCounted::Kind kind = RefCounted::Kind::Of(DestroyBlock);
  auto* const block = new (memory) RefCounted(kind);
  char* const raw = memory + sizeof(RefCounted);
  *value = Value::FromBlock(block, absl::string_view(raw, raw_size));
  if (compressor.Decompress(payload, raw, raw_size)) return true;
  *value = Value();
  return false;
}

FrameResult ReadValue(const Value& frame, const Header& header, const DecodeOptions& options, Value* value) {
  size_t payload_size = frame.size() - kFrameHeaderSize;
  if (header.codec == FrameCodec::kInteger) payload_size /= 2;  // The number's first copy.
  const size_t raw_size = header.codec == FrameCodec::kZstd ? header.raw_size : payload_size;
  if (raw_size > options.value_bytes_max) return FrameResult::kTooLarge;
  if (header.codec != FrameCodec::kZstd) {
    *value = frame.Slice(kFrameHeaderSize, payload_size);
    return FrameResult::kOk;
  }
  const absl::string_view payload = frame.view().substr(kFrameHeaderSize);
  return Decompress(payload, raw_size, *options.compressor, value) ? FrameResult::kOk : FrameResult::kBadPayload;
}

}  // namespace

DecodedFrame DecodeFrame(const Value& frame, absl::string_view key, OperationId epoch, const DecodeOptions& options) {
  DecodedFrame decoded;
  decoded.result = CheckKind(frame.view());
  if (decoded.result != FrameResult::kOk) return decoded;
  const Header header = ReadHeader(frame.view().data());
  decoded.result = CheckIntegrity(frame.view(), header);
  if (decoded.result != FrameResult::kOk) return decoded;
  decoded.result = CheckPlace(header, key, epoch);
  if (decoded.result == FrameResult::kWrongKey) return decoded;
  decoded.id = header.id;
  const bool wanted =
      decoded.result == FrameResult::kOk || (decoded.result == FrameResult::kExpired && options.want_expired_value);
  if (!wanted) return decoded;
  const FrameResult read = ReadValue(frame, header, options, &decoded.value);
  if (read != FrameResult::kOk) {
    decoded.result = read;
    decoded.id = OperationId();
  }
  return decoded;
}

absl::string_view FrameResultName(FrameResult result) {
  static constexpr absl::string_view kNames[kFrameResultCount] = {
      "ok",       "expired",      "cleared",   "foreign",     "unknown_version", "truncated",
      "bad_size", "bad_checksum", "bad_state", "bad_payload", "wrong_key",       "too_large"};
  return kNames[static_cast<int>(result)];
}

}  // namespace nearcache::internal::codec
