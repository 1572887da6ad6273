#include "nearcache/internal/remote/pubsub.h"

#include <algorithm>
#include <vector>

#include "nearcache/internal/remote/tracking.h"

namespace nearcache::internal::remote {
namespace {

using Kind = PubSubFrame::Kind;

bool IsString(const Reply& reply) { return reply.type == Reply::Type::kString; }

PubSubFrame Message(const std::vector<Reply>& parts) {
  PubSubFrame frame;
  if (parts.size() != 3 || !IsString(parts[1]) || !IsString(parts[2])) return frame;
  frame.kind = Kind::kMessage;
  frame.channel = parts[1].text();
  frame.payload = parts[2].text();
  return frame;
}

PubSubFrame Invalidation(const Reply& keys) {
  PubSubFrame frame;
  const bool list =
      keys.type == Reply::Type::kArray && std::all_of(keys.elements.begin(), keys.elements.end(), IsString);
  if (!list && !keys.is_nil()) return frame;
  frame.kind = Kind::kInvalidation;
  frame.keys = &keys;
  return frame;
}

PubSubFrame Confirmation(Kind kind, const std::vector<Reply>& parts) {
  PubSubFrame frame;
  if (parts.size() != 3 || parts[2].type != Reply::Type::kInteger) return frame;
  // UNSUBSCRIBE from nothing names no channel.
  const bool names_none = kind == Kind::kUnsubscribed && parts[1].is_nil();
  if (!names_none && !IsString(parts[1])) return frame;
  frame.kind = kind;
  frame.channel = parts[1].text();
  frame.count = parts[2].integer;
  return frame;
}

PubSubFrame Pong(const std::vector<Reply>& parts) {
  PubSubFrame frame;
  if (parts.size() == 2 && IsString(parts[1])) frame.kind = Kind::kPong;
  return frame;
}

}  // namespace

PubSubFrame ParsePubSub(const Reply& reply) {
  const std::vector<Reply>& parts = reply.elements;
  if (parts.empty() || !IsString(parts[0])) return {};
  const absl::string_view name = parts[0].text();
  if (name == "message") {
    // RESP2 tells of tracked keys by a message whose payload is no string.
    const bool tracked = parts.size() == 3 && parts[1].text() == kInvalidateChannel && !IsString(parts[2]);
    return tracked ? Invalidation(parts[2]) : Message(parts);
  }
  if (name == "invalidate") return parts.size() == 2 ? Invalidation(parts[1]) : PubSubFrame();
  if (name == "subscribe") return Confirmation(Kind::kSubscribed, parts);
  if (name == "unsubscribe") return Confirmation(Kind::kUnsubscribed, parts);
  if (name == "pong") return Pong(parts);
  PubSubFrame other;
  other.kind = Kind::kOther;
  return other;
}

}  // namespace nearcache::internal::remote
