// The checksum of a frame, shared by the encoder and the decoder. Private to the codec.

#ifndef NEARCACHE_INTERNAL_CODEC_FRAME_CHECKSUM_H_
#define NEARCACHE_INTERNAL_CODEC_FRAME_CHECKSUM_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace nearcache::internal::codec {

// XXH3-64 over the header without its state byte and without the checksum field, followed by
// `payload` (empty for an integer frame, see base/frame_layout.h).
//
// REQUIRES: `header` has at least kFrameHeaderSize bytes.
uint64_t FrameChecksum(absl::string_view header, absl::string_view payload);

}  // namespace nearcache::internal::codec

#endif  // NEARCACHE_INTERNAL_CODEC_FRAME_CHECKSUM_H_
