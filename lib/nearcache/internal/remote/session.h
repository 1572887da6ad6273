// One server behind all connections (mechanism M8): a state machine without I/O.
//
// A *session* is one server identity, one invalidation connection and the data connections, all of which met that
// identity in their handshakes. A message is heard for sure only from the server that executes the writes: a subscriber
// left behind on a demoted primary is connected, answers PING, and hears nothing. So the channel counts as *up* only
// while both links are ready, at the same server, and a probe published over the data link came back over the channel.
//
//   down     -> probing  both links became ready at one server
//   probing  -> up       the probe came back
//   probing  -> down     a link went down, or another identity appeared, or the probe got lost
//   up       -> down     the channel link went down, or another identity appeared. Not when the data link goes down:
//   the
//                        channel still hears the server, and whether the next data link reaches the same one is seen
//                        when it is ready
//
// When a link meets another server than its partner, the session ends: the partner is to be reset, at once the first
// time and after a growing pause from then on, so that a proxy that spreads connections over two servers does not make
// the two links chase each other at full speed.
//
// Not thread-safe: belongs to the loop's thread.

#ifndef NEARCACHE_INTERNAL_REMOTE_SESSION_H_
#define NEARCACHE_INTERNAL_REMOTE_SESSION_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "nearcache/internal/remote/engine.h"

namespace nearcache::internal::remote {

// What the owner has to do after an event, in this order.
struct SessionActions {
  bool session_changed = false;         // Another server than before: count it.
  bool channel_lost = false;            // It was up: report it down.
  bool start_probe = false;             // Publish a probe over the data link.
  bool channel_up = false;              // Report it up.
  absl::optional<LinkRole> reset_link;  // Cut this link after `reset_pause`, if it is still the same connection.
  absl::Duration reset_pause;

  friend bool operator==(const SessionActions& a, const SessionActions& b) {
    return a.session_changed == b.session_changed && a.channel_lost == b.channel_lost &&
           a.start_probe == b.start_probe && a.channel_up == b.channel_up && a.reset_link == b.reset_link &&
           a.reset_pause == b.reset_pause;
  }
  friend std::ostream& operator<<(std::ostream& out, const SessionActions& actions);
};

class Session {
 public:
  enum class State { kDown, kProbing, kUp };

  static constexpr absl::Duration kFirstResetPause = absl::Milliseconds(50);
  static constexpr absl::Duration kResetPauseMax = absl::Seconds(2);

  SessionActions OnReady(LinkRole role, absl::string_view run_id);
  SessionActions OnDown(LinkRole role);

  // The probe was heard on the channel. Nothing unless probing.
  SessionActions OnProbeHeard();
  // It was not heard in time: the channel link does not deliver. Nothing unless probing.
  SessionActions OnProbeLost();

  State state() const { return state_; }
  // Counts the connections of a link, so that a delayed action can see whether it still means the same one.
  int connection_number(LinkRole role) const { return link(role).connection_number; }

 private:
  struct Link {
    std::string run_id;  // Empty: not ready.
    int connection_number = 0;
  };

  const Link& link(LinkRole role) const { return role == LinkRole::kData ? data_ : channel_; }
  Link& link(LinkRole role) { return role == LinkRole::kData ? data_ : channel_; }
  bool TakeChannelDown();

  Link data_;
  Link channel_;
  std::string run_id_;  // The session's identity; empty before the first link was ready.
  State state_ = State::kDown;
  int mismatches_ = 0;  // In a row.
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_SESSION_H_
