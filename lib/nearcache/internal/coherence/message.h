// The invalidation message: what a script publishes on the lane's channel in the same atomic step
// that changes the keys (mechanisms M1 and M2 of the protocol in lib/DESIGN.md). The bytes, with
// worked examples, are in lib/FORMATS.md.
//
// A message names what changed and never holds a value. It begins with the previous lane id, which
// the script puts in front, the format version and its own lane id, at offsets that no version may
// move: a process that cannot read the rest still cannot mistake it for silence, because it does
// not advance its chain over it (catalogue 62).
//
// A checksum over everything but the previous lane id ends the message. A broken previous lane id
// breaks the chain; anything else that is broken, a key above all, is found here, and the message
// is refused like one that was lost. It guards against accidents and is no signature.
//
// Everything here is a pure function; every byte of a payload is taken for hostile. Work and memory
// are bounded by kMessageBytesMax and kMessageChangesMax.

#ifndef NEARCACHE_INTERNAL_COHERENCE_MESSAGE_H_
#define NEARCACHE_INTERNAL_COHERENCE_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::coherence {

// Bounds of a whole payload, the previous lane id included.
inline constexpr size_t kMessageBytesMax = size_t{64} << 10;
inline constexpr size_t kMessageChangesMax = 256;

inline constexpr uint8_t kMessageVersion = 1;

// Offsets in the payload. Those of the previous lane id, the version and the lane id hold for every
// version.
inline constexpr size_t kMessagePreviousOffset = 0;     // 16 bytes.
inline constexpr size_t kMessageVersionOffset = 16;     // u8.
inline constexpr size_t kMessageFlagsOffset = 17;       // u8.
inline constexpr size_t kMessageLaneIdOffset = 18;      // 16 bytes.
inline constexpr size_t kMessageKeyVersionOffset = 34;  // u32.
inline constexpr size_t kMessageCountOffset = 38;       // u16.
inline constexpr size_t kMessageNonceOffset = 40;       // u64: the nonce of every change's id.
inline constexpr size_t kMessageHeaderSize = 48;
inline constexpr size_t kMessageChecksumSize = 8;  // u64, behind the changes: the end of the payload.

// The message does not list its keys: any key of the namespace may have changed, whatever the key version. It may still
// list clears.
inline constexpr uint8_t kMessageFlagEverything = 0x01;
inline constexpr uint8_t kMessageKnownFlags = kMessageFlagEverything;

// Kinds on the wire. A reader takes a kind that it does not know for a change of the key, so new
// ones need no new version of the format.
enum class MessageKind : uint8_t {
  kSet = 1,
  kAdd = 2,
  kReplace = 3,
  kDelete = 4,
  kTouch = 5,
  kPersist = 6,
  kExpire = 7,
  kIncrement = 8,
  kClear = 9,  // Has no key: a new epoch for all key versions of the namespace, named by the
               // change's id.
};

// One change, as a message tells it. `key` points into the payload.
struct MessageChange {
  MessageKind kind = MessageKind::kSet;
  OperationId id;
  absl::string_view key;

  friend bool operator==(const MessageChange& a, const MessageChange& b) {
    return a.kind == b.kind && a.id == b.id && a.key == b.key;
  }
};

struct Message {
  OperationId previous;  // Empty if the lane register did not exist.
  OperationId lane_id;   // Never empty.
  uint32_t key_version = 0;
  bool everything = false;
  absl::InlinedVector<MessageChange, 4> changes;
};

// The message without the previous lane id, which the script prepends. If the list would break a
// bound, the message says `everything` instead: always right, and never over the bound. The same if
// the ids are not all of one process, and for kForgetAll.
//
// REQUIRES: lane_id is not empty.
std::string EncodeMessage(OperationId lane_id, uint32_t key_version, absl::Span<const remote::Announced> changes);

// XXH3-64 of `covered`: all bytes of a payload between the previous lane id and the checksum.
uint64_t MessageChecksum(absl::string_view covered);

// Nullopt if the payload is malformed, over a bound, of another format version, or if its checksum is not that of its
// bytes. The result
// points into `payload`.
absl::optional<Message> DecodeMessage(absl::string_view payload);

// The lane id of a message of any version; nullopt if the payload is too short to have one. For
// diagnostics: a message that DecodeMessage refuses must not advance the chain.
absl::optional<OperationId> PeekLaneId(absl::string_view payload);

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_MESSAGE_H_
