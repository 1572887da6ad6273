// The logic of one link, without I/O: events in, actions out. The states are listed in link_state.h.
//
// The machine owns one timer, one socket and one reply to "why is it down?"; whoever drives it performs the actions in
// order and reports what came of them as further events. Time is an argument and randomness is seeded, so that every
// story can be told in a test without a server.
//
// Reconnecting: the first attempt after a loss waits for nothing; the n-th one after that for random(0, min(max,
// 20 ms * 2^n)), "full jitter", so that a fleet does not come back in step. A link that breaks again within
// health_timeout after it had become ready has not recovered, and goes on counting. What only a person can mend (a
// wrong password) is tried again at the longest pace. Whatever the reasons, no more than attempts_per_second_max
// attempts begin within any second.
//
// Health: the one question is how old the oldest unanswered command is. Writing does not enter into it.
//
// Not thread-safe.

#ifndef NEARCACHE_INTERNAL_REMOTE_LINK_MACHINE_H_
#define NEARCACHE_INTERNAL_REMOTE_LINK_MACHINE_H_

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/link_state.h"

namespace nearcache::internal::remote {

struct LinkMachineOptions {
  std::string address;  // How messages name the server.
  absl::Duration connect_timeout = absl::Seconds(1);
  absl::Duration health_timeout = absl::Seconds(1);
  absl::Duration backoff_max = absl::Seconds(2);
  int attempts_per_second_max = 10;
  int resp_version = 3;
  uint64_t random_seed = 1;
};

struct LinkEvent {
  enum class Kind {
    kStart,
    kResolved,   // `address_count` addresses, at least one.
    kConnected,  // The socket of the last kConnect.
    kFailed,     // Look-up, socket, handshake or ready connection: `status`, `permanent`.
    kNoHello,    // The handshake must be repeated in RESP2.
    kHandshakeDone,
    kTimer,  // `oldest_sent_at`, `received_at`.
    kReset,  // `status`.
    kClose,  // `status`.
  };
  explicit LinkEvent(Kind event_kind) : kind(event_kind) {}

  Kind kind;
  absl::Status status;
  bool permanent = false;
  int address_count = 0;
  MonotonicNanos oldest_sent_at = kNever;  // When the oldest unanswered command was sent; kNever: all are answered.
  MonotonicNanos received_at = 0;          // When bytes came last.

  static LinkEvent Of(Kind kind) { return LinkEvent(kind); }
  static LinkEvent Resolved(int address_count);
  static LinkEvent Failed(absl::Status status, bool permanent = false);
  static LinkEvent Timer(MonotonicNanos oldest_sent_at, MonotonicNanos received_at);
  static LinkEvent Reset(absl::Status cause);
  static LinkEvent Close(absl::Status cause);
};

struct LinkAction {
  enum class Kind {
    kResolve,     // Look the name up; answer kResolved or kFailed.
    kConnect,     // Open a socket to address `number`; answer kConnected or kFailed.
    kHandshake,   // Send the handshake in RESP `number`; answer kHandshakeDone, kNoHello or kFailed.
    kDisconnect,  // Drop the socket and what is in flight on it, with `status`.
    kArmTimer,    // One kTimer at `when`; replaces the one before. kNever: none.
    kPing,        // Send a PING: nothing came for a while.
    kReportReady,
    kReportDown,           // `status`.
    kReportConnectFailed,  // `status`.
  };
  Kind kind;
  int number = 0;
  MonotonicNanos when = 0;
  absl::Status status;

  friend bool operator==(const LinkAction& a, const LinkAction& b) {
    return a.kind == b.kind && a.number == b.number && a.when == b.when && a.status == b.status;
  }
  friend bool operator!=(const LinkAction& a, const LinkAction& b) { return !(a == b); }
  friend std::ostream& operator<<(std::ostream& out, const LinkAction& action);
};

using LinkActions = absl::InlinedVector<LinkAction, 4>;

class LinkMachine {
 public:
  explicit LinkMachine(const LinkMachineOptions& options);

  // Events that do not fit the state (the late answer to an action that was overtaken) are ignored.
  LinkActions Handle(const LinkEvent& event, MonotonicNanos now);

  LinkState state() const { return state_; }
  // Why the link is not ready, or why it broke last; ok if it never did.
  const absl::Status& cause() const { return cause_; }
  // Of the handshake in progress, or of the ready connection.
  int resp_version() const { return resp_version_; }

 private:
  // Now, or as soon as the limit on attempts allows.
  void BeginAttempt(MonotonicNanos now);
  void OnResolved(int address_count, MonotonicNanos now);
  void Connect(MonotonicNanos now);
  void SendHandshake(int resp_version);
  void OnReady(MonotonicNanos now);
  void OnTimer(const LinkEvent& event, MonotonicNanos now);
  void CheckHealth(const LinkEvent& event, MonotonicNanos now);
  void OnTimeout(MonotonicNanos now);
  void OnFailed(const absl::Status& status, bool permanent, MonotonicNanos now);
  void OnLost(const absl::Status& status, MonotonicNanos now);
  void OnReset(const absl::Status& status, MonotonicNanos now);
  void OnClose(const absl::Status& status);
  void BackOff(bool permanent, MonotonicNanos now);
  bool HasSocket() const;
  LinkAction& Emit(LinkAction::Kind kind);

  const LinkMachineOptions options_;
  std::mt19937_64 random_;
  LinkState state_ = LinkState::kIdle;
  absl::Status cause_;
  int resp_version_ = 0;
  int failures_ = 0;  // Since the link last served for a while.
  int address_count_ = 0;
  int address_index_ = 0;
  MonotonicNanos attempt_ends_ = kNever;
  std::vector<MonotonicNanos> attempts_;  // When the last ones began, a ring.
  size_t next_attempt_ = 0;               // The oldest of them.
  MonotonicNanos ready_since_ = 0;
  LinkActions actions_;  // Of the event being handled.
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_LINK_MACHINE_H_
