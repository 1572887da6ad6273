#include "nearcache/internal/remote/engine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/engine_impl.h"

namespace nearcache::internal::remote {
namespace {

constexpr int kReplyDepthLimit = 64;  // Replies are freed by recursion.

absl::Status Invalid(absl::string_view option, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(option, " must be ", rule));
}

bool IsClientName(absl::string_view name) {
  for (const char c : name) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

absl::Status ValidateTimes(const EngineOptions& options) {
  if (options.connect_timeout <= absl::ZeroDuration()) {
    return Invalid("connect_timeout", "positive");
  }
  if (options.health_timeout <= absl::ZeroDuration()) return Invalid("health_timeout", "positive");
  if (options.reconnect_backoff_max <= absl::ZeroDuration()) {
    return Invalid("reconnect_backoff_max", "positive");
  }
  if (options.reconnects_per_second_max < 1) return Invalid("reconnects_per_second_max", "at least 1");
  if (options.timer_tick < absl::Milliseconds(1) || options.timer_tick > absl::Milliseconds(10)) {
    return Invalid("timer_tick", "1 ms to 10 ms");
  }
  return absl::OkStatus();
}

absl::Status ValidateLimits(const EngineOptions& options) {
  if (options.operations_max == 0) return Invalid("operations_max", "at least 1");
  if (options.bytes_max == 0) return Invalid("bytes_max", "at least 1");
  if (options.reply_bytes_max == 0) return Invalid("reply_bytes_max", "at least 1");
  // Written so that NaN is refused.
  if (!(options.retry_share >= 0 && options.retry_share <= 1)) return Invalid("retry_share", "0 to 1");
  if (options.retries_max < 0) return Invalid("retries_max", "0 or more");
  if (options.reply_elements_max == 0) return Invalid("reply_elements_max", "at least 1");
  if (options.reply_depth_max < 2 || options.reply_depth_max > kReplyDepthLimit) {
    return Invalid("reply_depth_max", absl::StrCat("2 to ", kReplyDepthLimit));
  }
  return absl::OkStatus();
}

absl::Status ValidateBreaker(const BreakerOptions& breaker) {
  if (breaker.window < absl::Milliseconds(100)) return Invalid("breaker.window", "at least 100 ms");
  if (breaker.calls_min < 1) return Invalid("breaker.calls_min", "at least 1");
  // Written so that NaN is refused.
  if (!(breaker.bad_share > 0 && breaker.bad_share <= 1)) return Invalid("breaker.bad_share", "above 0, to 1");
  if (breaker.slow_call <= absl::ZeroDuration()) return Invalid("breaker.slow_call", "positive");
  if (breaker.open_time <= absl::ZeroDuration()) return Invalid("breaker.open_time", "positive");
  if (breaker.open_time_max < breaker.open_time) return Invalid("breaker.open_time_max", "at least breaker.open_time");
  if (breaker.probes < 1) return Invalid("breaker.probes", "at least 1");
  return absl::OkStatus();
}

absl::Status Validate(const EngineOptions& options) {
  if (absl::Status status = options.address.Validate(); !status.ok()) return status;
  if (absl::Status status = ValidateTimes(options); !status.ok()) return status;
  if (absl::Status status = ValidateLimits(options); !status.ok()) return status;
  if (absl::Status status = ValidateBreaker(options.breaker); !status.ok()) return status;
  if (options.database < 0) return Invalid("database", "0 or more");
  if (options.resp_version != 2 && options.resp_version != 3) {
    return Invalid("resp_version", "2 or 3");
  }
  if (!options.user.empty() && options.password.empty()) {
    return absl::InvalidArgumentError("user is set, but password is empty");
  }
  if (!IsClientName(options.client_name)) {
    return Invalid("client_name", "printable ASCII without spaces");
  }
  if (options.clock == nullptr) return Invalid("clock", "set");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(EngineOptions options, EngineEvents* events) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  return std::unique_ptr<Engine>(new Engine(std::make_unique<Impl>(std::move(options), events, *std::move(loop))));
}

Engine::Draft::Draft(OperationPool* pool, OperationNode* node)
    : pool_(pool), node_(node), operation_(&node->operation) {}

Engine::Draft::Draft(Draft&& other) noexcept
    : pool_(other.pool_), node_(std::exchange(other.node_, nullptr)), operation_(other.operation_) {}

Engine::Draft::~Draft() {
  if (node_ != nullptr) pool_->Return(node_);
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

absl::Status Engine::Start() { return impl_->Start(); }
Engine::Draft Engine::NewDraft() { return Draft(&impl_->pool(), impl_->pool().Take()); }
void Engine::Submit(Operation operation) {
  OperationNode* const node = impl_->pool().Take();
  node->operation = std::move(operation);
  impl_->Submit(node);
}
void Engine::Submit(Draft draft) { impl_->Submit(std::exchange(draft.node_, nullptr)); }
bool Engine::Post(Task task) { return impl_->RunAt(0, std::move(task)); }
bool Engine::RunAt(MonotonicNanos when, Task task) { return impl_->RunAt(when, std::move(task)); }

void Engine::ResetData(const absl::Status& cause) { impl_->Reset(LinkRole::kData, cause); }
void Engine::PingChannel(OperationCallback done) { impl_->PingChannel(std::move(done)); }
void Engine::ResetChannel(const absl::Status& cause) { impl_->Reset(LinkRole::kChannel, cause); }
void Engine::ResetAll(const absl::Status& cause) {
  impl_->Reset(LinkRole::kChannel, cause);
  impl_->Reset(LinkRole::kData, cause);
}

void Engine::Shutdown() { impl_->Shutdown(); }
bool Engine::SpendRetry() { return impl_->SpendRetry(); }
metrics::HistogramSnapshot Engine::GetLatencies(CommandClass command_class) const {
  return impl_->GetLatencies(command_class);
}
absl::Status Engine::AdmitCall() { return impl_->AdmitCall(); }
absl::Status Engine::BreakerStatus() const { return impl_->BreakerStatus(); }
bool Engine::BreakerWouldAdmit() const { return impl_->BreakerWouldAdmit(); }
EngineStats Engine::GetStats() const { return impl_->GetStats(); }
LinkStatus Engine::GetLinkStatus(LinkRole role) const { return impl_->GetLinkStatus(role); }
bool Engine::OnLoopThread() const { return impl_->OnLoopThread(); }
const Clock& Engine::clock() const { return impl_->clock(); }

}  // namespace nearcache::internal::remote
