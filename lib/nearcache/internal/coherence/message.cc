#include "nearcache/internal/coherence/message.h"

#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/little_endian.h"

namespace nearcache::internal::coherence {
namespace {

// Of a change: kind, counter of at most 10 bytes, length of at most 3 bytes (kMessageBytesMax needs
// no more).
constexpr size_t kChangeOverheadMax = 1 + 10 + 3;

MessageKind WireKind(remote::ChangeKind kind) {
  switch (kind) {
    case remote::ChangeKind::kSet:
      return MessageKind::kSet;
    case remote::ChangeKind::kAdd:
      return MessageKind::kAdd;
    case remote::ChangeKind::kReplace:
      return MessageKind::kReplace;
    case remote::ChangeKind::kDelete:
      return MessageKind::kDelete;
    case remote::ChangeKind::kTouch:
      return MessageKind::kTouch;
    case remote::ChangeKind::kPersist:
      return MessageKind::kPersist;
    case remote::ChangeKind::kExpire:
      return MessageKind::kExpire;
    case remote::ChangeKind::kIncrement:
      return MessageKind::kIncrement;
    case remote::ChangeKind::kClear:
      return MessageKind::kClear;
    case remote::ChangeKind::kForgetAll:
      break;  // Has none: see Fits.
  }
  return MessageKind::kSet;
}

void AppendVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Takes a varint off the front. False if it is cut, longer than 64 bits, or not in its shortest
// form.
bool ConsumeVarint(absl::string_view& bytes, uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return false;
    value |= uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return byte != 0 || i == 0;
    }
  }
  return false;
}

uint64_t NonceOf(absl::Span<const remote::Announced> changes) { return changes.empty() ? 0 : changes.front().id.nonce; }

bool Fits(absl::Span<const remote::Announced> changes) {
  if (changes.size() > kMessageChangesMax) return false;
  const uint64_t nonce = NonceOf(changes);
  size_t bytes = kMessageHeaderSize + kMessageChecksumSize;
  for (const remote::Announced& change : changes) {
    if (change.kind == remote::ChangeKind::kForgetAll) return false;
    if (change.key.size() > kMessageBytesMax || change.id.nonce != nonce) return false;
    bytes += kChangeOverheadMax + change.key.size();
  }
  return bytes <= kMessageBytesMax;
}

// A clear must reach every reader, and `everything` does not carry its epoch; but a list that does
// not fit is never made of clears alone, and their entries are small: so they are kept when the
// rest is dropped.
void AppendChanges(absl::Span<const remote::Announced> changes, bool clears_only, std::string& out, uint16_t& count) {
  for (const remote::Announced& change : changes) {
    const MessageKind kind = WireKind(change.kind);
    if (clears_only && (kind != MessageKind::kClear || count == kMessageChangesMax)) continue;
    if (change.id.nonce != NonceOf(changes)) continue;
    out.push_back(static_cast<char>(kind));
    AppendVarint(change.id.counter, out);
    const absl::string_view key = kind == MessageKind::kClear ? absl::string_view() : change.key;
    AppendVarint(key.size(), out);
    out.append(key.data(), key.size());
    ++count;
  }
}

OperationId LoadId(absl::string_view payload, size_t offset) {
  return {LoadLittleEndian64(payload.data() + offset), LoadLittleEndian64(payload.data() + offset + 8)};
}

bool ConsumeChange(absl::string_view& bytes, uint64_t nonce, MessageChange& change) {
  if (bytes.empty()) return false;
  change.kind = static_cast<MessageKind>(bytes.front());
  bytes.remove_prefix(1);
  uint64_t counter = 0;
  uint64_t key_size = 0;
  if (!ConsumeVarint(bytes, counter) || !ConsumeVarint(bytes, key_size)) return false;
  if (key_size > bytes.size()) return false;
  change.id = {nonce, counter};
  change.key = bytes.substr(0, key_size);
  bytes.remove_prefix(key_size);
  return (change.kind == MessageKind::kClear) == change.key.empty();
}

}  // namespace

std::string EncodeMessage(OperationId lane_id, uint32_t key_version, absl::Span<const remote::Announced> changes) {
  // Offsets count from the previous lane id, which is not there yet.
  constexpr size_t kShift = OperationId::kWireSize;
  const bool everything = !Fits(changes);
  std::string message(kMessageHeaderSize - kShift, '\0');
  uint16_t count = 0;
  AppendChanges(changes, everything, message, count);
  message[kMessageVersionOffset - kShift] = static_cast<char>(kMessageVersion);
  message[kMessageFlagsOffset - kShift] = static_cast<char>(everything ? kMessageFlagEverything : 0);
  StoreLittleEndian64(&message[kMessageLaneIdOffset - kShift], lane_id.nonce);
  StoreLittleEndian64(&message[kMessageLaneIdOffset + 8 - kShift], lane_id.counter);
  StoreLittleEndian32(&message[kMessageKeyVersionOffset - kShift], key_version);
  StoreLittleEndian<uint16_t>(&message[kMessageCountOffset - kShift], count);
  StoreLittleEndian64(&message[kMessageNonceOffset - kShift], NonceOf(changes));
  const uint64_t checksum = MessageChecksum(message);
  message.resize(message.size() + kMessageChecksumSize);
  StoreLittleEndian64(&message[message.size() - kMessageChecksumSize], checksum);
  return message;
}

uint64_t MessageChecksum(absl::string_view covered) { return HashBytes(covered, 0); }

absl::optional<Message> DecodeMessage(absl::string_view payload) {
  if (payload.size() < kMessageHeaderSize + kMessageChecksumSize || payload.size() > kMessageBytesMax) {
    return absl::nullopt;
  }
  if (static_cast<uint8_t>(payload[kMessageVersionOffset]) != kMessageVersion) return absl::nullopt;
  const absl::string_view told = payload.substr(0, payload.size() - kMessageChecksumSize);
  if (LoadLittleEndian64(told.data() + told.size()) != MessageChecksum(told.substr(kMessageVersionOffset))) {
    return absl::nullopt;
  }
  const uint8_t flags = static_cast<uint8_t>(payload[kMessageFlagsOffset]);
  if ((flags & ~kMessageKnownFlags) != 0) return absl::nullopt;
  Message message;
  message.previous = LoadId(payload, kMessagePreviousOffset);
  message.lane_id = LoadId(payload, kMessageLaneIdOffset);
  message.key_version = LoadLittleEndian32(payload.data() + kMessageKeyVersionOffset);
  message.everything = (flags & kMessageFlagEverything) != 0;
  const size_t count = LoadLittleEndian<uint16_t>(payload.data() + kMessageCountOffset);
  if (message.lane_id.empty() || count > kMessageChangesMax) return absl::nullopt;
  const uint64_t nonce = LoadLittleEndian64(payload.data() + kMessageNonceOffset);
  absl::string_view rest = told.substr(kMessageHeaderSize);
  for (size_t i = 0; i < count; ++i) {
    MessageChange change;
    if (!ConsumeChange(rest, nonce, change)) return absl::nullopt;
    message.changes.push_back(change);
  }
  if (!rest.empty()) return absl::nullopt;
  return message;
}

absl::optional<OperationId> PeekLaneId(absl::string_view payload) {
  if (payload.size() < kMessageLaneIdOffset + OperationId::kWireSize) return absl::nullopt;
  return LoadId(payload, kMessageLaneIdOffset);
}

}  // namespace nearcache::internal::coherence
