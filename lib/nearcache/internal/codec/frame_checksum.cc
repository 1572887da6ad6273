#include "nearcache/internal/codec/frame_checksum.h"

#include <cstring>

#include "nearcache/internal/base/frame_layout.h"

// Inlined as in base/hashed_key.cc: most frames are short.
#define XXH_INLINE_ALL
#include "xxhash.h"

namespace nearcache::internal::codec {
namespace {

constexpr size_t kAfterState = kFrameStateOffset + 1;
constexpr size_t kHashedHeaderSize = kFrameChecksumOffset - 1;
static_assert(kFrameChecksumOffset + sizeof(uint64_t) == kFrameHeaderSize, "the checksum ends the header");

}  // namespace

uint64_t FrameChecksum(absl::string_view header, absl::string_view payload) {
  char gathered[256];
  std::memcpy(gathered, header.data(), kFrameStateOffset);
  std::memcpy(gathered + kFrameStateOffset, header.data() + kAfterState, kFrameChecksumOffset - kAfterState);
  if (payload.size() <= sizeof(gathered) - kHashedHeaderSize) {
    // Short frames are gathered and hashed in one go, which is several times faster than the
    // streaming form.
    if (!payload.empty()) std::memcpy(gathered + kHashedHeaderSize, payload.data(), payload.size());
    return XXH3_64bits(gathered, kHashedHeaderSize + payload.size());
  }
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, gathered, kHashedHeaderSize);
  XXH3_64bits_update(&state, payload.data(), payload.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace nearcache::internal::codec
