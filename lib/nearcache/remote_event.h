// What RemoteOptions::on_event hears: connections that come and go, and what the circuit breaker decides; and what
// RemoteOptions::on_operation does: every operation.

#ifndef NEARCACHE_REMOTE_EVENT_H_
#define NEARCACHE_REMOTE_EVENT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nearcache {

// Of the circuit breaker (BreakerOptions).
enum class BreakerState {
  kClosed,    // Calls go to the server.
  kOpen,      // Calls are refused at once.
  kHalfOpen,  // A few calls are let through, to see.
};

inline absl::string_view BreakerStateName(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kOpen:
      return "open";
    case BreakerState::kHalfOpen:
      return "half-open";
  }
  return "?";
}

struct RemoteEvent {
  enum class Kind {
    kConnected,       // A connection is ready to serve.
    kConnectionLost,  // One that was ready is gone.
    kConnectFailed,   // An attempt to connect failed; another follows.
    kBreakerMoved,    // The breaker is in `breaker` now.
  };
  Kind kind = Kind::kConnected;
  // Which of the two connections: that of invalidations, or that of reads and writes.
  bool invalidation_connection = false;
  BreakerState breaker = BreakerState::kClosed;
  // Address of the server.
  std::string node;
  // What happened and why, in words. Never contains a key, a value or a secret.
  std::string text;
};

// One operation of the remote tier that ended, as RemoteOptions::on_operation hears of it. Several calls of a user may
// share one (group commit, GetMany). Never contains a key, a value or a secret.
struct RemoteOperation {
  // The first command's name: GET, EVALSHA, MULTI, …
  std::string command;
  // What it was for: read, change, invalidation, execute, or control (heartbeats, probes). Text of static life.
  absl::string_view command_class;
  std::string node;
  absl::Duration duration;
  absl::StatusCode outcome = absl::StatusCode::kOk;
  // It failed, and may have been executed, or may yet be.
  bool outcome_unknown = false;
};

using OperationListener = std::function<void(const RemoteOperation& operation)>;

using RemoteListener = std::function<void(const RemoteEvent& event)>;

}  // namespace nearcache

#endif  // NEARCACHE_REMOTE_EVENT_H_
