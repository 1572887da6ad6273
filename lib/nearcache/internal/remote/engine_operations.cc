// The engine's other half: what becomes of operations, and what the links ask of their host.

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/engine_impl.h"
#include "nearcache/internal/remote/resolver.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

// What is handed to a connection at a time. What still waits here can be taken back when its deadline passes; what was
// handed over cannot.
constexpr size_t kUnsentBytesMax = 64 << 10;
// Where counting lone operations ends.
constexpr int kLoneRunEnough = 1 << 20;

// What an operation is, as its errors name it: neither key nor value.
absl::string_view NameOf(const OperationNode& node) {
  const absl::string_view name = CommandName(node.operation.bytes);
  return name.empty() ? "the operation" : name;
}

}  // namespace

// --- The life of an operation

void Engine::Impl::OnOperationTaken(OperationNode* node) {
  node->taken_at = now_;
  wheel_.Arm(node, node->operation.deadline);
  (in_data_ready_ ? ready_front_ : pending_).PushBack(node);
}

void Engine::Impl::OnOperationRefused(OperationNode* node) {
  Complete(node, absl::CancelledError("the engine was shut down"), false);
}

bool Engine::Impl::Refill(Connection* connection) {
  while (!pending_.empty() && !connection->abandoned()) {
    if (connection->unsent_bytes() >= kUnsentBytesMax) return true;
    OperationNode* const node = pending_.PopFront();
    if (node->operation.deadline <= now_) {
      Complete(node, UnsentStatus(*node), node->maybe_executed);
    } else {
      connection->Send(node, now_);
      if (connection->in_flight().size() > 1) lone_run_ = 0;
    }
  }
  return false;
}

void Engine::Impl::CountLone(const OperationNode& answered) {
  if (!answered.foreign || lone_run_ == kLoneRunEnough) return;
  const Connection* const connection = data_->ready_connection();
  if (connection == nullptr || !connection->idle()) return;
  ++lone_run_;
  lent_at_ = now_;
  LendWriter();
}

void Engine::Impl::OnAnswered(OperationNode* node) {
  Release(node);
  if (!node->own) latencies_[static_cast<size_t>(node->operation.command_class)].RecordAlone(now_ - node->taken_at);
  JudgeAnswer(node);
  if (node->tombstone) {
    counters_.late_replies.Add();
    pool_.Return(node);
    return;
  }
  CountLone(*node);
  Finish(node);
}

void Engine::Impl::OnDeadline(OperationNode* node) {
  if (node->in_flight) {
    node->result.status = absl::DeadlineExceededError(
        absl::StrCat(options_.address.ToString(), ": ", NameOf(*node), ": no reply before the deadline"));
    node->result.unknown = true;
    node->result.replies.clear();
    JudgeFailure(node, node->result.status);
    node->tombstone = true;
    return Finish(node);
  }
  pending_.Remove(node);
  Complete(node, UnsentStatus(*node), node->maybe_executed);
}

absl::Status Engine::Impl::UnsentStatus(const OperationNode& node) const {
  const std::string address = options_.address.ToString();
  if (data_->state() == LinkState::kReady) {
    return absl::DeadlineExceededError(
        absl::StrCat(address, ": ", NameOf(node), ": the deadline passed before it could be sent"));
  }
  if (data_->cause().ok()) {
    return absl::UnavailableError(
        absl::StrCat(address, ": ", NameOf(node), ": not connected yet (", LinkStateName(data_->state()), ")"));
  }
  return absl::UnavailableError(absl::StrCat(NameOf(node), ": not connected: ", data_->cause().message()));
}

bool Engine::Impl::MayBeSentAgain(const OperationNode& node) {
  if (closing_ || node.own || node.tombstone) return false;
  if (!node.left_process) return true;  // That is no retry: nobody has seen it yet.
  return node.resends < node.operation.resends_max && SpendRetry();
}

bool Engine::Impl::SpendRetry() {
  const bool allowed = retry_budget_.Spend();
  if (!allowed) counters_.retries_refused.Add();
  return allowed;
}

metrics::HistogramSnapshot Engine::Impl::GetLatencies(CommandClass command_class) const {
  return latencies_[static_cast<size_t>(command_class)].Snapshot();
}

void Engine::Impl::Trace(const OperationNode& node, const OperationResult& result) const {
  OperationTrace trace;
  trace.command = NameOf(node);
  trace.command_class = node.operation.command_class;
  trace.duration = absl::Nanoseconds(std::max<MonotonicNanos>(now_ - node.taken_at, 0));
  trace.outcome = result.status.code();
  trace.unknown = result.unknown;
  if (result.status.ok() && !result.replies.empty() && result.replies[0].is_error()) {
    trace.outcome = ServerErrorToStatus(result.replies[0].text()).code();
  }
  events_->OnOperation(trace);
}

void Engine::Impl::OnLost(OperationList operations, const absl::Status& cause) {
  OperationList again;
  OperationList ended;
  while (OperationNode* const node = operations.PopFront()) {
    node->result.replies.clear();
    node->answered = 0;
    if (!MayBeSentAgain(*node)) {
      ended.PushBack(node);
      continue;
    }
    if (node->left_process) {
      ++node->resends;
      node->maybe_executed = true;
      counters_.resends.Add();
    } else {
      node->sent_at = 0;
    }
    again.PushBack(node);
  }
  pending_.PrependAll(std::move(again));
  const bool told = cause.code() == absl::StatusCode::kInternal || cause.code() == absl::StatusCode::kCancelled;
  const absl::StatusCode code = told ? cause.code() : absl::StatusCode::kUnavailable;
  while (OperationNode* const node = ended.PopFront()) {
    const absl::string_view place = node->left_process ? " was unanswered" : " was waiting";
    Complete(node, absl::Status(code, absl::StrCat(cause.message(), "; ", NameOf(*node), place)),
             node->left_process || node->maybe_executed);
  }
}

void Engine::Impl::Complete(OperationNode* node, absl::Status status, bool unknown) {
  Release(node);
  JudgeFailure(node, status);
  if (node->tombstone) {
    pool_.Return(node);
    return;
  }
  node->result.status = std::move(status);
  node->result.unknown = unknown;
  node->result.replies.clear();
  Finish(node);
}

void Engine::Impl::Finish(OperationNode* node) {
  wheel_.Cancel(node);
  OperationResult& result = node->result;
  result.sent_at = node->sent_at;
  if (!node->own) {
    (result.status.ok() ? counters_.completed : counters_.failed).Add();
    if (result.status.ok()) retry_budget_.OnSuccess();
    if (options_.trace_operations && node->taken_at != 0) Trace(*node, result);
    if (result.status.code() == absl::StatusCode::kDeadlineExceeded) counters_.timeouts.Add();
  }
  // Whatever the callback holds is destroyed with it, before it could be called a second time.
  OperationCallback done = std::move(node->operation.done);
  if (node->tombstone) {
    // It waits for its replies, or is given back in the middle of `done`, by a Reset.
    return std::move(done)(std::exchange(node->result, OperationResult()));
  }
  std::move(done)(std::move(result));
  pool_.Return(node);
}

// Before the completion, so that there is room for what it submits.
void Engine::Impl::Release(const OperationNode* node) {
  if (!node->own) ReleaseBudget(node->operation.bytes.size());
}

// --- What the links ask for

absl::StatusOr<std::unique_ptr<Transport>> Engine::Impl::OpenTransport(const TransportRequest& request) {
  return options_.transport_factory ? options_.transport_factory(request) : OpenPlainTransport(request);
}

void Engine::Impl::Resolve(Link* link) {
  ResolveCallback done = [mailbox = mailbox_, link](ResolvedAddresses addresses) {
    absl::MutexLock lock(&mailbox->mutex);
    if (mailbox->engine == nullptr) return;
    mailbox->engine->RunAt(
        0, [link, addresses = std::move(addresses)]() mutable { link->OnResolved(std::move(addresses)); });
  };
  options_.resolver ? options_.resolver(options_.address, std::move(done))
                    : ResolveDetached(options_.address, std::move(done));
}

OperationNode* Engine::Impl::NewOwnNode(Operation operation) {
  OperationNode* const node = pool_.Take();
  node->operation = std::move(operation);
  node->own = true;
  return node;
}

void Engine::Impl::Bury(std::unique_ptr<Connection> connection) { graveyard_.push_back(std::move(connection)); }

void Engine::Impl::OnStateChanged(const Link& link) {
  absl::MutexLock lock(&status_mutex_);
  LinkStatus& status = status_[static_cast<int>(link.role())];
  status.state = link.state();
  status.cause = link.cause();
  if (link.state() == LinkState::kReady) status.identity = link.identity();
}

void Engine::Impl::OnReady(LinkRole role, const ServerIdentity& identity) {
  counters_.connects.Add();
  if (role == LinkRole::kData) {
    breaker_.OnLinkReady(now_);
    FollowBreaker();
  }
  in_data_ready_ = role == LinkRole::kData;
  events_->OnReady(role, identity);
  in_data_ready_ = false;
  pending_.PrependAll(std::exchange(ready_front_, OperationList()));
}

void Engine::Impl::OnDown(LinkRole role, const absl::Status& cause) {
  counters_.disconnects.Add();
  if (role == LinkRole::kData) breaker_.OnLinkDown();
  events_->OnDown(role, cause);
}

void Engine::Impl::OnConnectFailed(LinkRole role, const absl::Status& cause) {
  counters_.connect_failures.Add();
  events_->OnConnectFailed(role, cause);
}

void Engine::Impl::OnMessage(absl::string_view channel, absl::string_view payload) {
  events_->OnMessage(channel, payload);
}

void Engine::Impl::OnInvalidation(const Reply& keys) { events_->OnInvalidation(keys); }

void Engine::Impl::PingChannel(OperationCallback done) {
  if (channel_ != nullptr && !closing_) return channel_->Ping(std::move(done));
  OperationResult refused;
  refused.status = closing_ ? absl::CancelledError("the engine was shut down")
                            : absl::FailedPreconditionError("there is no channel link");
  std::move(done)(std::move(refused));
}

void Engine::Impl::OnPush(LinkRole role, const Reply& push) { events_->OnPush(role, push); }

}  // namespace nearcache::internal::remote
