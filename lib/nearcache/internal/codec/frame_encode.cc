#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/little_endian.h"
#include "nearcache/internal/codec/canonical_integer.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/codec/frame_checksum.h"

namespace nearcache::internal::codec {
namespace {

void StoreId(char* bytes, const OperationId& id) {
  StoreLittleEndian64(bytes, id.nonce);
  StoreLittleEndian64(bytes + sizeof(uint64_t), id.counter);
}

// Appends the value in the form that suits it and says which one that is.
FrameCodec AppendPayload(absl::string_view value, const Compressor* compressor, std::string* frame) {
  if (ParseCanonicalInteger(value).has_value()) {
    absl::StrAppend(frame, value, " ", value);
    return FrameCodec::kInteger;
  }
  if (compressor != nullptr && compressor->Compress(value, frame)) return FrameCodec::kZstd;
  frame->append(value.data(), value.size());
  return FrameCodec::kRaw;
}

void SealFrame(std::string* frame) {
  const bool integer = static_cast<FrameCodec>((*frame)[kFrameCodecOffset]) == FrameCodec::kInteger;
  const absl::string_view payload = absl::string_view(*frame).substr(kFrameHeaderSize);
  StoreLittleEndian64(&(*frame)[kFrameChecksumOffset], FrameChecksum(*frame, integer ? absl::string_view() : payload));
}

}  // namespace

std::string EncodeFrame(absl::string_view value, const FrameStamp& stamp, const Compressor* compressor) {
  std::string frame;
  // The size of what may shrink is known only afterwards.
  const bool may_shrink = compressor != nullptr && compressor->Tries(value.size());
  frame.reserve(kFrameHeaderSize + (may_shrink ? 0 : value.size()));
  frame.resize(kFrameHeaderSize);
  const FrameCodec codec = AppendPayload(value, compressor, &frame);
  char* const header = frame.data();
  std::copy(std::begin(kFrameMagic), std::end(kFrameMagic), header + kFrameMagicOffset);
  header[kFrameVersionOffset] = static_cast<char>(kFrameVersion);
  header[kFrameStateOffset] = static_cast<char>(FrameState::kLive);
  header[kFrameCodecOffset] = static_cast<char>(codec);
  StoreId(header + kFrameEpochOffset, stamp.epoch);
  StoreId(header + kFrameOperationIdOffset, stamp.id);
  StoreLittleEndian64(header + kFrameKeyDigestOffset, FrameKeyDigest(stamp.key));
  if (codec != FrameCodec::kInteger) {
    StoreLittleEndian32(header + kFrameRawSizeOffset, static_cast<uint32_t>(value.size()));
    StoreLittleEndian32(header + kFrameStoredSizeOffset, static_cast<uint32_t>(frame.size() - kFrameHeaderSize));
  }
  SealFrame(&frame);
  return frame;
}

void PatchEpoch(OperationId epoch, std::string* frame) {
  StoreId(&(*frame)[kFrameEpochOffset], epoch);
  SealFrame(frame);
}

uint64_t FrameKeyDigest(absl::string_view key) { return HashBytes(key, 0); }

}  // namespace nearcache::internal::codec
