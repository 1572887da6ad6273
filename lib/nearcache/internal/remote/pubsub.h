// What a frame on a subscribed connection says: a push in RESP3, a plain array in RESP2.
//
// Mechanism M15: type, arity and element types are checked before anything is used; a frame that claims to be ours and
// is not shaped like it is malformed, and the connection that sent it is not to be trusted.

#ifndef NEARCACHE_INTERNAL_REMOTE_PUBSUB_H_
#define NEARCACHE_INTERNAL_REMOTE_PUBSUB_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/reply.h"

namespace nearcache::internal::remote {

struct PubSubFrame {
  enum class Kind {
    kMessage,       // `channel`, `payload`.
    kSubscribed,    // `channel`, `count`: subscriptions of this connection now.
    kUnsubscribed,  // `channel` (empty: all of them), `count`.
    kInvalidation,  // `keys`: the tracked keys that changed, an array of strings; nil: a database was flushed.
    kPong,          // RESP2's answer to PING while subscribed.
    kOther,         // A well-formed frame of a kind that is not pub/sub of ours.
    kMalformed,
  };
  Kind kind = Kind::kMalformed;
  absl::string_view channel;  // Views into the reply.
  absl::string_view payload;
  int64_t count = 0;
  const Reply* keys = nullptr;
};

// REQUIRES: `reply` is a kPush or a kArray.
PubSubFrame ParsePubSub(const Reply& reply);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_PUBSUB_H_
