// The names of the engine's two links and of the states a link can be in.

#ifndef NEARCACHE_INTERNAL_REMOTE_LINK_STATE_H_
#define NEARCACHE_INTERNAL_REMOTE_LINK_STATE_H_

#include <ostream>

#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {

enum class LinkRole { kData, kChannel };

// Link states, and what moves a link (link_machine.h):
//   idle        -> resolving    Start
//   resolving   -> connecting   the name has addresses
//   connecting  -> connecting   this address failed, the name has another one
//   connecting  -> handshaking  the socket is connected
//   handshaking -> handshaking  the server does not know HELLO: the same again in RESP2
//   handshaking -> ready        it answered as it should; the channel link: and confirmed the subscriptions
//   ready       -> resolving    lost after a while of service: the first new attempt waits for nothing
//   any of them -> backing off  the attempt failed or timed out, or the link was lost soon after it had become ready
//   backing off -> resolving    the back-off is over, or somebody asked for a Reset
//   any         -> closed       Close; for good
enum class LinkState { kIdle, kResolving, kConnecting, kHandshaking, kReady, kBackingOff, kClosed };

inline absl::string_view LinkRoleName(LinkRole role) { return role == LinkRole::kData ? "data" : "channel"; }

inline absl::string_view LinkStateName(LinkState state) {
  switch (state) {
    case LinkState::kIdle:
      return "idle";
    case LinkState::kResolving:
      return "resolving";
    case LinkState::kConnecting:
      return "connecting";
    case LinkState::kHandshaking:
      return "handshaking";
    case LinkState::kReady:
      return "ready";
    case LinkState::kBackingOff:
      return "backing off";
    case LinkState::kClosed:
      return "closed";
  }
  return "?";
}

inline std::ostream& operator<<(std::ostream& out, LinkRole role) { return out << LinkRoleName(role); }
inline std::ostream& operator<<(std::ostream& out, LinkState state) { return out << LinkStateName(state); }

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_LINK_STATE_H_
