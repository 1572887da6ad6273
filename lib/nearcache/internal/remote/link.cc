#include "nearcache/internal/remote/link.h"

#include <utility>

#include "absl/base/attributes.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

using Event = LinkEvent::Kind;
using Action = LinkAction::Kind;

// After this many reads others get their turn.
constexpr int kReadsPerTurn = 8;
// With more than this still to come the server will not run dry, and reading on at once saves system calls.
constexpr uint64_t kOwedBytesEnough = 16 << 10;

// A TLS server answers plain text with an alert record: 0x15, version 3.x.
bool LooksLikeTls(absl::string_view greeting) { return absl::StartsWith(greeting, "\x15\x03"); }

absl::Status PushInResp2() { return absl::InternalError("the server sent a push frame in RESP2"); }

}  // namespace

Link::Link(LinkOptions options, LinkHost* host)
    : options_(std::move(options)), host_(host), machine_(options_.machine) {}

absl::Status Link::Named(const absl::Status& status) const {
  return absl::Status(status.code(), absl::StrCat(options_.machine.address, ": ", status.message()));
}

// --- Driving the machine

void Link::Handle(LinkEvent event) {
  events_.push_back(std::move(event));
  if (handling_) return;
  handling_ = true;
  while (!events_.empty()) {
    const LinkEvent next = std::move(events_.front());
    events_.pop_front();
    const LinkActions actions = machine_.Handle(next, host_->now());
    if (actions.empty()) continue;
    host_->OnStateChanged(*this);
    for (const LinkAction& action : actions) Perform(action);
    if (!lost_.empty()) host_->OnLost(std::exchange(lost_, OperationList()), machine_.cause());
  }
  handling_ = false;
}

void Link::Perform(const LinkAction& action) {
  switch (action.kind) {
    case Action::kResolve:
      return Resolve();
    case Action::kConnect:
      return Connect(action.number);
    case Action::kHandshake:
      return SendHandshake(action.number);
    case Action::kDisconnect:
      return Disconnect();
    case Action::kArmTimer:
      return host_->wheel().Arm(this, action.when);
    case Action::kPing:
      return Ping([](OperationResult) {});
    case Action::kReportReady:
      return host_->OnReady(options_.role, identity_);
    case Action::kReportDown:
      if (checking_health_) host_->counters().health_failures.Add();
      return host_->OnDown(options_.role, action.status);
    case Action::kReportConnectFailed:
      return host_->OnConnectFailed(options_.role, action.status);
  }
}

void Link::OnTimer() {
  if (connection_ == nullptr) return Handle(LinkEvent::Timer(kNever, 0));
  OwnConnection();
  // Replies that lie in the socket are not missing: this process was held up, not the server.
  const MonotonicNanos oldest = unread_ ? host_->now() : connection_->oldest_sent_at();
  checking_health_ = machine_.state() == LinkState::kReady;
  Handle(LinkEvent::Timer(oldest, connection_->received_at()));
  checking_health_ = false;
}

// --- Connecting

void Link::Resolve() {
  if (IsNumeric(options_.address)) {
    addresses_ = {options_.address};
    return Handle(LinkEvent::Resolved(1));
  }
  if (resolving_) return;
  resolving_ = true;
  host_->Resolve(this);
}

void Link::OnResolved(ResolvedAddresses addresses) {
  resolving_ = false;
  if (machine_.state() != LinkState::kResolving) return;
  if (!addresses.ok()) return Handle(LinkEvent::Failed(Named(addresses.status())));
  addresses_ = *std::move(addresses);
  Handle(LinkEvent::Resolved(static_cast<int>(addresses_.size())));
}

void Link::Connect(int address_index) {
  TransportRequest request;
  request.address = addresses_[static_cast<size_t>(address_index)];
  request.server_name = options_.address.host;
  request.user_timeout = options_.user_timeout;
  absl::StatusOr<std::unique_ptr<Transport>> transport = host_->OpenTransport(request);
  if (!transport.ok()) return Handle(LinkEvent::Failed(Named(transport.status())));
  const absl::StatusOr<EventLoop::Token> token =
      host_->loop().Watch((*transport)->descriptor(), /*writable=*/true, this);
  if (!token.ok()) return Handle(LinkEvent::Failed(Named(token.status())));
  token_ = *token;
  connected_ = false;
  connection_ = std::make_unique<Connection>(*std::move(transport), options_.limits, &host_->counters(), this);
}

void Link::FinishConnect() {
  const IoResult result = connection_->transport().FinishConnect();
  switch (result.kind) {
    case IoResult::Kind::kWantRead:
      return host_->loop().Change(token_, /*writable=*/false);
    case IoResult::Kind::kWantWrite:
      return host_->loop().Change(token_, /*writable=*/true);
    case IoResult::Kind::kClosed:
      return Handle(LinkEvent::Failed(Named(absl::UnavailableError("the server closed the connection"))));
    case IoResult::Kind::kFailed:
      return Handle(LinkEvent::Failed(Named(result.status)));
    case IoResult::Kind::kDone:
      connected_ = true;
      return Handle(LinkEvent::Of(Event::kConnected));
  }
}

void Link::Disconnect() {
  if (connection_ == nullptr) return;
  OwnConnection();
  host_->loop().Unwatch(token_);
  lost_ = connection_->Abandon();
  host_->Bury(std::move(connection_));
  connected_ = false;
  read_again_ = unread_ = false;
  subscriber_mode_ = false;
  confirmed_ = 0;
  handshake_.reset();
}

// --- Handshake

void Link::SendOwn(std::string bytes, int reply_count, OperationCallback done) {
  Operation operation;
  operation.bytes = std::move(bytes);
  operation.reply_count = reply_count;
  operation.done = std::move(done);
  OwnConnection();
  connection_->Send(host_->NewOwnNode(std::move(operation)), host_->now());
  Flush();
}

void Link::SendHandshake(int resp_version) {
  handshake_ = std::make_unique<Handshake>(options_.handshake, resp_version);
  SendOwn(handshake_->bytes(), handshake_->reply_count(), [this](OperationResult result) { Judge(result); });
}

void Link::Judge(const OperationResult& result) {
  if (!result.status.ok()) return;  // The connection is gone, which the machine knows.
  HandshakeOutcome outcome = handshake_->Judge(result.replies);
  switch (outcome.kind) {
    case HandshakeOutcome::Kind::kNoHello:
      return Handle(LinkEvent::Of(Event::kNoHello));
    case HandshakeOutcome::Kind::kRefused:
      return Handle(LinkEvent::Failed(std::move(outcome.status), outcome.permanent));
    case HandshakeOutcome::Kind::kAccepted:
      identity_ = std::move(outcome.identity);
      if (options_.role == LinkRole::kChannel) return Listen();
      return Handle(LinkEvent::Of(Event::kHandshakeDone));
  }
}

void Link::Ping(OperationCallback done) {
  if (machine_.state() == LinkState::kReady) return SendOwn(EncodeCommand({"PING"}), 1, std::move(done));
  OperationResult refused;
  refused.status = absl::UnavailableError(absl::StrCat(options_.machine.address, ": PING: the link is not ready"));
  std::move(done)(std::move(refused));
}

// --- Moving bytes

void Link::OnIo(bool readable, bool writable) {
  if (connection_ == nullptr) return;
  if (!connected_) return FinishConnect();
  if (readable) ReadTurn();
  if (writable && connection_ != nullptr) Flush();
}

void Link::Flush() {
  const bool carries = carries_operations();
  bool more = connection_ != nullptr && (connection_->unsent_bytes() > 0 || (carries && host_->HasPending()));
  if (more) OwnConnection();
  while (more && connection_ != nullptr && connected_) {
    Connection* const connection = connection_.get();
    more = carries && machine_.state() == LinkState::kReady && host_->Refill(connection);
    if (connection_.get() != connection) return;
    const absl::StatusOr<bool> blocked = connection->Flush();
    if (!blocked.ok()) return OnBroken(blocked.status());
    host_->loop().Change(token_, *blocked);
    if (*blocked) return;
  }
}

void Link::ContinueReading() {
  if (read_again_) ReadTurn();
}

void Link::ReadTurn() {
  read_again_ = unread_ = false;
  Connection* const connection = connection_.get();
  for (int i = 0; i < kReadsPerTurn; ++i) {
    OwnConnection();
    if (i > 0) host_->UpdateNow();  // Latencies are told by it.
    const absl::StatusOr<bool> more = connection->ReadOnce(host_->read_buffer(), host_->now());
    if (connection_.get() != connection) return;  // A completion had it dropped.
    if (!more.ok()) return OnBroken(more.status());
    host_->WakeCallers();
    if (!*more) return;
    if (connection->OwedBytes() > kOwedBytesEnough) continue;
    host_->TakeSubmissions();
    Flush();
    if (connection_.get() != connection) return;
  }
  unread_ = true;
  read_again_ = connection->transport().HasBufferedInput();
}

void Link::OnBroken(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInternal) host_->counters().protocol_errors.Add();
  bool permanent = false;
  absl::Status cause = Named(status);
  if (machine_.state() == LinkState::kHandshaking) cause = HandshakeFailure(status, &permanent);
  Handle(LinkEvent::Failed(std::move(cause), permanent));
}

// A server that refuses a client says so and hangs up, before all replies have come.
absl::Status Link::HandshakeFailure(const absl::Status& status, bool* permanent) const {
  if (absl::StartsWith(connection_->greeting(), "HTTP/")) {
    return Named(absl::InternalError("answers as an HTTP server, not as a Redis server"));
  }
  if (LooksLikeTls(connection_->greeting())) {
    return Named(absl::InternalError("answers in TLS, not as a plain Redis server: this is a TLS port"));
  }
  if (status.code() == absl::StatusCode::kInternal) {
    return Named(absl::InternalError(absl::StrCat("does not answer as a Redis server would: ", status.message())));
  }
  const OperationNode* const node = connection_->in_flight().front();
  if (node == nullptr || node->result.replies.empty() || handshake_ == nullptr || subscriber_mode_) {
    return Named(absl::Status(status.code(), absl::StrCat("during the handshake: ", status.message())));
  }
  HandshakeOutcome outcome = handshake_->Judge(node->result.replies);
  if (outcome.kind != HandshakeOutcome::Kind::kRefused) return Named(status);
  *permanent = outcome.permanent;
  return outcome.status;
}

// --- Frames

absl::Status Link::OnReply(Reply&& reply) {
  const bool resp3 = machine_.resp_version() == 3;
  if (reply.type == Reply::Type::kPush) {
    if (!resp3) return PushInResp2();
    return OnPubSub(ParsePubSub(reply), reply);
  }
  if (subscriber_mode_ && !resp3 && reply.type == Reply::Type::kArray) {
    return OnSubscriberArray(std::move(reply));
  }
  return connection_->TakeReply(std::move(reply));
}

absl::Status Link::OnPushedMessage(absl::string_view channel, absl::string_view payload) {
  if (machine_.resp_version() != 3) return PushInResp2();
  if (subscriber_mode_ && IsOurChannel(channel)) OnOwnMessage(channel, payload);
  return absl::OkStatus();
}

// Before the link is ready nobody counts on messages yet: whoever does reads the lane afterwards.
void Link::OnOwnMessage(absl::string_view channel, absl::string_view payload) {
  if (machine_.state() == LinkState::kReady) host_->OnMessage(channel, payload);
}

absl::Status Link::OnSubscriberArray(Reply&& reply) {
  const PubSubFrame frame = ParsePubSub(reply);
  if (frame.kind == PubSubFrame::Kind::kPong) return connection_->TakeReply(std::move(reply));
  if (frame.kind == PubSubFrame::Kind::kOther) {
    return absl::InternalError("the server sent an array of an unknown kind to a subscriber");
  }
  return OnPubSub(frame, reply);
}

absl::Status Link::OnPubSub(const PubSubFrame& frame, const Reply& reply) {
  const bool ours = subscriber_mode_ && IsOurChannel(frame.channel);
  switch (frame.kind) {
    case PubSubFrame::Kind::kMalformed:
      return absl::InternalError("the server sent a malformed push frame");
    case PubSubFrame::Kind::kMessage:
      if (ours) OnOwnMessage(frame.channel, frame.payload);
      return absl::OkStatus();
    case PubSubFrame::Kind::kSubscribed:
      if (ours) ++confirmed_;
      return absl::OkStatus();
    case PubSubFrame::Kind::kUnsubscribed:
      if (!ours) return absl::OkStatus();
      return absl::UnavailableError("the server ended a subscription");
    case PubSubFrame::Kind::kInvalidation:
      if (!options_.tracking_prefix.empty()) {
        if (machine_.state() == LinkState::kReady) host_->OnInvalidation(*frame.keys);
        return absl::OkStatus();
      }
      ABSL_FALLTHROUGH_INTENDED;
    case PubSubFrame::Kind::kPong:
    case PubSubFrame::Kind::kOther:
      host_->counters().pushes_ignored.Add();
      host_->OnPush(options_.role, reply);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace nearcache::internal::remote
