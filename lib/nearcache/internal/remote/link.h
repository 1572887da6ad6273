// One link of the engine: a LinkMachine that decides, and the connection on which its decisions are carried out.
//
// The data link takes operations from its host whenever it is ready; the channel link subscribes and hands messages
// out.
//
// Loop's thread alone.

#ifndef NEARCACHE_INTERNAL_REMOTE_LINK_H_
#define NEARCACHE_INTERNAL_REMOTE_LINK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/address.h"
#include "nearcache/internal/remote/connection.h"
#include "nearcache/internal/remote/engine_counters.h"
#include "nearcache/internal/remote/event_loop.h"
#include "nearcache/internal/remote/handshake.h"
#include "nearcache/internal/remote/link_machine.h"
#include "nearcache/internal/remote/link_state.h"
#include "nearcache/internal/remote/operation_node.h"
#include "nearcache/internal/remote/pubsub.h"
#include "nearcache/internal/remote/resolver.h"
#include "nearcache/internal/remote/server_identity.h"
#include "nearcache/internal/remote/timer_wheel.h"

namespace nearcache::internal::remote {

struct LinkOptions {
  LinkRole role = LinkRole::kData;
  Address address;
  absl::Duration user_timeout;
  HandshakeOptions handshake;
  LinkMachineOptions machine;
  ReplyLimits limits;
  // Channel link only.
  std::vector<std::string> channels;
  std::string tracking_prefix;  // Empty: nothing is tracked.
};

class Link;

// The engine, as a link sees it.
class LinkHost {
 public:
  virtual MonotonicNanos now() const = 0;  // When this turn of the loop began, took submissions, or read last.
  virtual void UpdateNow() = 0;
  virtual EventLoop& loop() = 0;
  virtual TimerWheel& wheel() = 0;
  virtual EngineCounters& counters() = 0;
  virtual char* read_buffer() = 0;  // Connection::kReadBytes.

  virtual absl::StatusOr<std::unique_ptr<Transport>> OpenTransport(const TransportRequest&) = 0;
  // Looks the name up elsewhere and calls link->OnResolved on the loop's thread.
  virtual void Resolve(Link* link) = 0;
  // A node for a command of the link's own.
  virtual OperationNode* NewOwnNode(Operation operation) = 0;

  // Moves waiting operations to `connection`, up to a reasonable amount. True if some still wait.
  virtual bool Refill(Connection* connection) = 0;
  // From here on the data connection is this thread's again, and knows what another one wrote to it.
  virtual void TakeWriterBack() = 0;
  // Whether Refill has anything to move.
  virtual bool HasPending() const = 0;
  // Takes what other threads submitted meanwhile.
  virtual void TakeSubmissions() = 0;
  // Wakes the callers whose operations were answered.
  virtual void WakeCallers() = 0;
  virtual void OnAnswered(OperationNode* node) = 0;
  virtual void OnLost(OperationList operations, const absl::Status& cause) = 0;
  // `connection` may be on the call stack: it is deleted at the end of the turn.
  virtual void Bury(std::unique_ptr<Connection> connection) = 0;

  virtual void OnStateChanged(const Link& link) = 0;
  virtual void OnReady(LinkRole role, const ServerIdentity& identity) = 0;
  virtual void OnDown(LinkRole role, const absl::Status& cause) = 0;
  virtual void OnConnectFailed(LinkRole role, const absl::Status& cause) = 0;
  virtual void OnMessage(absl::string_view channel, absl::string_view payload) = 0;
  // The tracked keys that changed; nil: a database was flushed.
  virtual void OnInvalidation(const Reply& keys) = 0;
  virtual void OnPush(LinkRole role, const Reply& push) = 0;

 protected:
  virtual ~LinkHost() = default;
};

class Link final : public IoHandler, public Timer, public Connection::Owner {
 public:
  Link(LinkOptions options, LinkHost* host);
  // REQUIRES: closed, or never started.
  ~Link() override = default;

  void Start() { Handle(LinkEvent::Of(LinkEvent::Kind::kStart)); }
  void Reset(const absl::Status& cause) { Handle(LinkEvent::Reset(cause)); }
  void Close(const absl::Status& cause) { Handle(LinkEvent::Close(cause)); }

  // Sends what is ready to be sent.
  void Flush();
  // Goes on reading where a turn's allowance ended, if no event will tell that there is more.
  void ContinueReading();
  bool wants_turn() const { return read_again_; }

  void OnResolved(ResolvedAddresses addresses);

  // Asks the server for a sign of life; kUnavailable at once unless the link is ready.
  void Ping(OperationCallback done);

  // The connection if operations may be sent on it, else null.
  Connection* ready_connection() const { return machine_.state() == LinkState::kReady ? connection_.get() : nullptr; }

  LinkRole role() const { return options_.role; }
  LinkState state() const { return machine_.state(); }
  const absl::Status& cause() const { return machine_.cause(); }
  const ServerIdentity& identity() const { return identity_; }

 private:
  // IoHandler, Timer, Connection::Owner.
  void OnIo(bool readable, bool writable) override;
  void OnTimer() override;
  absl::Status OnReply(Reply&& reply) override;
  absl::Status OnPushedMessage(absl::string_view channel, absl::string_view payload) override;
  void OnAnswered(OperationNode* node) override { host_->OnAnswered(node); }

  // Runs the machine and performs what it says; events that arise meanwhile wait their turn.
  void Handle(LinkEvent event);
  void Perform(const LinkAction& action);
  void Resolve();
  void Connect(int address_index);
  void FinishConnect();
  void SendHandshake(int resp_version);
  void Judge(const OperationResult& result);
  // link_subscribe.cc
  void Listen();
  void Track(int64_t redirect);
  void RefuseTracking(const Reply& answer);
  void Subscribe();
  void JudgeSubscription(const OperationResult& result);
  void Disconnect();
  void SendOwn(std::string bytes, int reply_count, OperationCallback done);

  bool carries_operations() const { return options_.role == LinkRole::kData; }
  // Before anything is done with the connection.
  void OwnConnection() {
    if (carries_operations()) host_->TakeWriterBack();
  }
  void ReadTurn();
  void OnBroken(const absl::Status& status);
  absl::Status HandshakeFailure(const absl::Status& status, bool* permanent) const;
  void OnOwnMessage(absl::string_view channel, absl::string_view payload);
  absl::Status OnSubscriberArray(Reply&& reply);
  absl::Status OnPubSub(const PubSubFrame& frame, const Reply& reply);
  bool IsOurChannel(absl::string_view channel) const;
  absl::Status Named(const absl::Status& status) const;

  const LinkOptions options_;
  LinkHost* const host_;
  LinkMachine machine_;
  std::deque<LinkEvent> events_;
  bool handling_ = false;
  bool checking_health_ = false;  // What goes down now failed its check.
  std::unique_ptr<Connection> connection_;
  EventLoop::Token token_ = 0;
  bool connected_ = false;  // Bytes may flow on connection_.
  bool read_again_ = false;
  bool unread_ = false;     // The last turn ended with bytes left to read.
  bool resolving_ = false;  // A look-up is under way; there is never more than one.
  std::vector<Address> addresses_;
  std::unique_ptr<Handshake> handshake_;
  ServerIdentity identity_;
  bool subscriber_mode_ = false;            // SUBSCRIBE was sent on connection_.
  std::vector<std::string> subscriptions_;  // Asked for on connection_.
  size_t confirmed_ = 0;                    // Of them, confirmed.
  OperationList lost_;                      // Of the connection that was dropped, until its loss was reported.
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_LINK_H_
