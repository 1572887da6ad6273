// The part of RedisStore that follows the two links: session, probes, events of the channel.

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/metrics/histogram.h"
#include "nearcache/internal/remote/redis_store.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

// Where an announcement has the previous lane id, a probe has this; its own id follows.
constexpr absl::string_view kProbeMark = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
static_assert(kProbeMark.size() == OperationId::kWireSize, "a probe is as long as two ids");

absl::Status NotYet(absl::string_view what, const absl::Status& cause, absl::Duration since) {
  const std::string why = cause.ok() ? std::string() : absl::StrCat(": ", cause.message());
  return absl::UnavailableError(
      absl::StrCat(what, " for ", absl::FormatDuration(absl::Trunc(since, absl::Milliseconds(1))), why));
}

absl::Status OtherServer() {
  return absl::UnavailableError("another server answers than before; its predecessor's session is over");
}

}  // namespace

void RedisStore::OnReady(LinkRole role, const ServerIdentity& identity) {
  if (role == LinkRole::kData) {
    data_changed_at_.store(engine_->clock().Now(), std::memory_order_relaxed);
    data_ready_.store(true, std::memory_order_release);
    data_down_.store(false, std::memory_order_relaxed);
    PrepareServer();
  }
  Tell(RemoteEvent::Kind::kConnected, role, absl::StrCat("connected to ", node_));
  Perform(session_.OnReady(role, identity.run_id), OtherServer());
}

void RedisStore::OnDown(LinkRole role, const absl::Status& cause) {
  if (role == LinkRole::kData) {
    data_changed_at_.store(engine_->clock().Now(), std::memory_order_relaxed);
    data_ready_.store(false, std::memory_order_release);
    data_down_.store(true, std::memory_order_relaxed);
    transactions_allowed_ = false;
  }
  Tell(RemoteEvent::Kind::kConnectionLost, role, cause.message());
  {
    absl::MutexLock lock(&mutex_);
    last_disconnect_ =
        absl::StrCat(role == LinkRole::kData ? "data connection: " : "invalidation connection: ", cause.message());
  }
  const SessionActions actions = session_.OnDown(role);
  if (role == LinkRole::kChannel && !actions.channel_lost) SetChannelState(false, cause);
  Perform(actions, cause);
}

void RedisStore::OnConnectFailed(LinkRole role, const absl::Status& cause) {
  if (role == LinkRole::kChannel) SetChannelState(false, cause);
  if (role == LinkRole::kData) data_down_.store(true, std::memory_order_relaxed);
  Tell(RemoteEvent::Kind::kConnectFailed, role, cause.message());
}

void RedisStore::OnBreaker(BreakerState state, absl::string_view text) {
  if (observer_ == nullptr) return;
  RemoteEvent event;
  event.kind = RemoteEvent::Kind::kBreakerMoved;
  event.breaker = state;
  event.node = node_;
  event.text = std::string(text);
  observer_->OnRemoteEvent(std::move(event));
}

void RedisStore::Tell(RemoteEvent::Kind kind, LinkRole role, absl::string_view text) {
  if (observer_ == nullptr) return;
  RemoteEvent event;
  event.kind = kind;
  event.invalidation_connection = role == LinkRole::kChannel;
  event.breaker = engine_->GetStats().breaker_state;
  event.node = node_;
  event.text = std::string(text);
  observer_->OnRemoteEvent(std::move(event));
}

void RedisStore::Perform(const SessionActions& actions, const absl::Status& cause) {
  if (actions.session_changed) {
    session_changes_.fetch_add(1, std::memory_order_relaxed);
    events_->OnServerChanged();
  }
  if (actions.channel_lost) {
    SetChannelState(false, cause);
    events_->OnChannelDown(cause);
  }
  if (session_.state() != Session::State::kProbing) probe_ = OperationId();
  if (actions.start_probe) StartProbe();
  if (actions.channel_up) {
    SetChannelState(true, absl::OkStatus());
    events_->OnSubscribed();
  }
  if (actions.reset_link.has_value()) ResetLinkLater(*actions.reset_link, actions.reset_pause);
}

void RedisStore::ResetLinkLater(LinkRole role, absl::Duration pause) {
  const auto reset = [this, role] {
    if (role == LinkRole::kData) {
      engine_->ResetData(OtherServer());
    } else {
      engine_->ResetChannel(OtherServer());
    }
  };
  if (pause <= absl::ZeroDuration()) {
    reset();
    return;
  }
  const int number = session_.connection_number(role);
  engine_->RunAt(AddDuration(engine_->clock().Now(), pause), [this, role, number, reset] {
    if (session_.connection_number(role) == number && session_.state() == Session::State::kDown) reset();
  });
}

// --- Probes

void RedisStore::StartProbe() {
  probe_ = own_ids_.Next();
  probe_announced_ = false;
  const MonotonicNanos deadline = AddDuration(engine_->clock().Now(), probe_timeout_);
  std::vector<std::string> arguments = {"3", names_.lane_key, names_.epoch_key, names_.missing_key};
  if (!foreign_prefix_.empty()) {
    arguments[0] = "4";
    arguments.push_back(foreign_prefix_);
  }
  for (std::string each : {std::string(), names_.channel, absl::StrCat(kProbeMark, probe_.ToBytes())}) {
    arguments.push_back(std::move(each));
  }
  RunScript(ProbeScript(), CommandClass::kControl, std::move(arguments), deadline,
            [this, probe = probe_](OperationResult result) { OnProbeAnswered(probe, result); });
}

void RedisStore::OnProbeAnswered(OperationId probe, const OperationResult& result) {
  if (probe != probe_) return;
  absl::Status refused = result.status;
  if (refused.ok() && result.replies[0].is_error()) {
    refused = ServerErrorToStatus(result.replies[0].text(), names_.channel);
  }
  if (!refused.ok()) SetChannelState(false, refused);
  engine_->RunAt(AddDuration(engine_->clock().Now(), probe_timeout_), [this, probe, refused] {
    if (probe != probe_) return;
    if (!refused.ok()) {
      StartProbe();
      return;
    }
    const absl::Status lost = absl::UnavailableError(
        probe_announced_ ? "coherence.foreign_writers: CLIENT TRACKING was accepted, but the server reports no changes"
                         : "what is published on the channel does not come back");
    SetChannelState(false, lost);
    if (session_.OnProbeLost().reset_link.has_value()) engine_->ResetChannel(lost);
  });
}

void RedisStore::OnMessage(absl::string_view channel, absl::string_view payload) {
  if (channel != names_.channel) return;
  if (absl::StartsWith(payload, kProbeMark)) {
    const bool own = !probe_.empty() && payload.substr(kProbeMark.size()) == probe_.ToBytes();
    if (own) HearProbe();
    return;
  }
  if (session_.state() == Session::State::kUp) events_->OnMessage(payload);
}

// --- What is told about it

void RedisStore::SetChannelState(bool up, const absl::Status& cause) {
  absl::MutexLock lock(&mutex_);
  if (channel_up_ != up) channel_changed_at_ = engine_->clock().Now();
  channel_up_ = up;
  channel_cause_ = cause;
}

std::vector<NodeStats> RedisStore::GetNodeStats() const {
  const StoreStats store = GetStats();
  NodeStats node;
  node.address = node_;
  node.connected = store.connected;
  node.subscribed = store.subscribed;
  node.breaker_state = store.breaker_state;
  node.queued_operations = store.queued_operations;
  node.queued_bytes = store.queued_bytes;
  for (int i = 0; i < kCommandClasses; ++i) {
    node.latencies[static_cast<size_t>(i)] = engine_->GetLatencies(static_cast<CommandClass>(i));
  }
  {
    absl::MutexLock lock(&mutex_);
    node.last_disconnect = last_disconnect_;
  }
  return {std::move(node)};
}

void RedisStore::OnOperation(const OperationTrace& trace) {
  if (observer_ == nullptr) return;
  RemoteOperation operation;
  operation.command = std::string(trace.command);
  operation.command_class = CommandClassName(trace.command_class);
  operation.node = node_;
  operation.duration = trace.duration;
  operation.outcome = trace.outcome;
  operation.outcome_unknown = trace.unknown;
  observer_->OnRemoteOperation(std::move(operation));
}

absl::Status RedisStore::LinkStatus() const {
  const MonotonicNanos now = engine_->clock().Now();
  if (!data_ready_.load(std::memory_order_acquire)) {
    const MonotonicNanos since = data_changed_at_.load(std::memory_order_relaxed);
    return NotYet("no connection to the server", engine_->GetLinkStatus(LinkRole::kData).cause,
                  absl::Nanoseconds(now - since));
  }
  {
    absl::MutexLock lock(&mutex_);
    if (!channel_up_) {
      return NotYet("no invalidation channel", channel_cause_, absl::Nanoseconds(now - channel_changed_at_));
    }
  }
  const EngineStats engine = engine_->GetStats();
  if (engine.breaker_state == BreakerState::kClosed) return QueueStatus(engine);
  return NotYet("calls are refused", engine_->BreakerStatus(), absl::Nanoseconds(now - engine.breaker_closed_until));
}

absl::Status RedisStore::QueueStatus(const EngineStats& engine) const {
  if (engine.crowded_since == 0) return absl::OkStatus();
  const absl::Duration since = absl::Nanoseconds(engine_->clock().Now() - engine.crowded_since);
  return absl::ResourceExhaustedError(absl::StrCat(
      node_, ": the queue has been nearly full for ", absl::FormatDuration(absl::Trunc(since, absl::Milliseconds(1))),
      ": ", engine.queued_operations, " operations (operations_max is ", limits_.changes_max, ") and ",
      engine.queued_bytes, " bytes (queued_bytes_max is ", limits_.bytes_max, ") are queued or in flight"));
}

}  // namespace nearcache::internal::remote
