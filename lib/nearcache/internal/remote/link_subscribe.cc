// The last part of the channel link's handshake: what it wants to hear.
//
// With a prefix to track, each step waits for the answer of the one before: CLIENT ID (RESP2), CLIENT TRACKING,
// SUBSCRIBE. Whatever comes before the link is ready is not passed on.

#include <algorithm>
#include <utility>

#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/link.h"
#include "nearcache/internal/remote/server_error.h"
#include "nearcache/internal/remote/tracking.h"

namespace nearcache::internal::remote {

using Event = LinkEvent::Kind;

void Link::Listen() {
  subscriptions_ = options_.channels;
  if (options_.tracking_prefix.empty()) return Subscribe();
  if (machine_.resp_version() == 3) return Track(0);
  subscriptions_.emplace_back(kInvalidateChannel);
  SendOwn(EncodeCommand({"CLIENT", "ID"}), 1, [this](OperationResult result) {
    if (!result.status.ok()) return;  // The connection is gone, which the machine knows.
    const Reply& id = result.replies[0];
    if (id.type != Reply::Type::kInteger || id.integer <= 0) return RefuseTracking(id);
    Track(id.integer);
  });
}

void Link::Track(int64_t redirect) {
  SendOwn(TrackingCommand(options_.tracking_prefix, redirect), 1, [this](OperationResult result) {
    if (!result.status.ok()) return;
    const Reply& answer = result.replies[0];
    if (answer.type != Reply::Type::kStatus || answer.text() != "OK") return RefuseTracking(answer);
    Subscribe();
  });
}

void Link::RefuseTracking(const Reply& answer) {
  const absl::Status status = TrackingRefusal(answer, identity_);
  Handle(LinkEvent::Failed(Named(status), IsPermanentRefusal(status)));
}

// The confirmations are no replies (RESP3: pushes; RESP2: told apart by their shape), so a PING behind them marks where
// they must have come. An error, which is a reply, takes the PING's place.
void Link::Subscribe() {
  std::vector<absl::string_view> command = {"SUBSCRIBE"};
  command.insert(command.end(), subscriptions_.begin(), subscriptions_.end());
  std::string bytes = EncodeCommand(command);
  AppendCommand(&bytes, {"PING"});
  subscriber_mode_ = true;
  SendOwn(std::move(bytes), 1, [this](OperationResult result) { JudgeSubscription(result); });
}

void Link::JudgeSubscription(const OperationResult& result) {
  if (!result.status.ok()) return;
  const Reply& reply = result.replies[0];
  if (reply.is_error()) {
    absl::Status status = ServerErrorToStatus(reply.text());
    const bool permanent = absl::IsPermissionDenied(status);
    // Which of the channels it was the server does not say.
    if (permanent && subscriptions_.size() > options_.channels.size()) status = TrackingRefusal(reply, identity_);
    return Handle(LinkEvent::Failed(Named(status), permanent));
  }
  if (confirmed_ != subscriptions_.size()) {
    return Handle(LinkEvent::Failed(Named(absl::InternalError("the server did not confirm every subscription"))));
  }
  Handle(LinkEvent::Of(Event::kHandshakeDone));
}

bool Link::IsOurChannel(absl::string_view channel) const {
  return std::find(subscriptions_.begin(), subscriptions_.end(), channel) != subscriptions_.end();
}

}  // namespace nearcache::internal::remote
