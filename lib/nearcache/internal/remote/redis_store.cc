#include "nearcache/internal/remote/redis_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/command_filter.h"
#include "nearcache/internal/remote/read_replies.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

constexpr int kReadResends = 1;

absl::Status CheckNames(const RedisStoreOptions& options) {
  const absl::string_view names[] = {options.lane_key, options.epoch_key, options.missing_key, options.channel};
  for (const absl::string_view name : names) {
    if (name.empty()) return absl::InvalidArgumentError("lane_key, epoch_key, missing_key and channel must be set");
  }
  if (options.lane_key == options.epoch_key || options.lane_key == options.missing_key ||
      options.epoch_key == options.missing_key) {
    return absl::InvalidArgumentError("lane_key, epoch_key and missing_key must be different");
  }
  if (options.probe_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("probe_timeout must be positive");
  }
  return absl::OkStatus();
}

}  // namespace

RedisStore::ChangeLimits RedisStore::LimitsOf(const EngineOptions& engine) {
  ChangeLimits limits;
  limits.changes_max = engine.operations_max;
  limits.bytes_max = engine.bytes_max;
  limits.group.command_bytes_max = std::min(limits.group.command_bytes_max, engine.bytes_max / 4);
  // A deadline is met give or take a tick.
  limits.group.deadline_spread_nanos = absl::ToInt64Nanoseconds(engine.timer_tick);
  return limits;
}

absl::StatusOr<std::unique_ptr<RedisStore>> RedisStore::Create(RedisStoreOptions options) {
  const absl::Status valid = CheckNames(options);
  if (!valid.ok()) return valid;
  options.engine.channels = {options.channel};
  options.engine.tracking_prefix = options.foreign_prefix;
  options.engine.trace_operations = options.trace_operations;
  const ChangeLimits limits = LimitsOf(options.engine);
  EngineOptions engine_options = std::move(options.engine);
  std::string node = engine_options.address.ToString();
  auto store = std::unique_ptr<RedisStore>(new RedisStore(std::move(options), limits, std::move(node)));
  absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(std::move(engine_options), store.get());
  if (!engine.ok()) return engine.status();
  store->engine_ = *std::move(engine);
  return store;
}

RedisStore::RedisStore(RedisStoreOptions options, const ChangeLimits& limits, std::string node)
    : names_{std::move(options.lane_key), std::move(options.epoch_key), std::move(options.missing_key),
             std::move(options.channel)},
      node_(std::move(node)),
      foreign_prefix_(std::move(options.foreign_prefix)),
      probe_timeout_(options.probe_timeout),
      limits_(limits),
      own_ids_(OperationIdSource::RandomNonce()) {}

RedisStore::~RedisStore() { Shutdown(); }

absl::Status RedisStore::Start(ChannelEvents* events, const AnnouncementEncoder* encoder) {
  if (events_ != nullptr) return absl::FailedPreconditionError("the store was started before");
  events_ = events;
  encoder_ = encoder;
  const MonotonicNanos now = engine_->clock().Now();
  data_changed_at_.store(now, std::memory_order_relaxed);
  {
    absl::MutexLock lock(&mutex_);
    channel_changed_at_ = now;
  }
  return engine_->Start();
}

// --- Reads

void RedisStore::Read(ReadRequest request, ReadCallback done) {
  if (request.keys.empty() && !request.want_epoch) {
    std::move(done)(ReadReply());
    return;
  }
  if (absl::Status admitted = engine_->AdmitCall(); !admitted.ok()) {
    std::move(done)(std::move(admitted));
    return;
  }
  Operation operation = ReadOperation(request, names_.epoch_key);
  operation.deadline = request.deadline;
  operation.command_class = CommandClass::kRead;
  operation.resends_max = kReadResends;
  operation.done = [request = std::move(request), done = std::move(done)](OperationResult&& result) mutable {
    std::move(done)(ParseRead(request, std::move(result)));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::ReadTimeToLive(std::string redis_key, MonotonicNanos deadline, ReadCallback done) {
  if (absl::Status admitted = engine_->AdmitCall(); !admitted.ok()) {
    std::move(done)(std::move(admitted));
    return;
  }
  Operation operation = TimeToLiveOperation(redis_key, names_.epoch_key);
  operation.deadline = deadline;
  operation.command_class = CommandClass::kRead;
  operation.resends_max = kReadResends;
  operation.done = [redis_key = std::move(redis_key), done = std::move(done)](OperationResult result) mutable {
    std::move(done)(ParseTimeToLive(redis_key, std::move(result)));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::ReadLaneAlone(MonotonicNanos deadline, LaneCallback done) {
  Operation operation = LaneOperation(names_);
  operation.deadline = deadline;
  operation.done = [this, deadline, done = std::move(done)](OperationResult result) mutable {
    LaneReading reading = ParseLane(names_, result);
    if (absl::IsFailedPrecondition(reading.status)) {
      // A stranger put another type there. A missing lane is a gap, which heals; this would never.
      Operation unlink;
      unlink.bytes = EncodeCommand({"UNLINK", names_.lane_key});
      unlink.deadline = deadline;
      unlink.done = [](OperationResult) {};
      engine_->Submit(std::move(unlink));
    }
    std::move(done)(std::move(reading));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::Execute(std::vector<std::string> argv, MonotonicNanos deadline,
                         absl::AnyInvocable<void(absl::StatusOr<Reply>) &&> done) {
  absl::Status allowed = CheckUserCommand(argv);
  if (allowed.ok()) allowed = engine_->AdmitCall();
  if (!allowed.ok()) {
    std::move(done)(allowed);
    return;
  }
  Operation operation;
  CommandWriter writer(&operation.bytes);
  writer.Begin(argv.size());
  for (const std::string& argument : argv) writer.Argument(argument);
  operation.command_class = CommandClass::kExecute;
  operation.deadline = deadline;
  operation.done = [done = std::move(done)](OperationResult result) mutable {
    if (!result.status.ok()) {
      std::move(done)(std::move(result.status));
    } else {
      std::move(done)(std::move(result.replies[0]));
    }
  };
  engine_->Submit(std::move(operation));
}

// --- The loop and its end

void RedisStore::ResetChannel(const absl::Status& cause) { engine_->ResetChannel(cause); }

void RedisStore::ResetSession(const absl::Status& cause) { engine_->ResetAll(cause); }

void RedisStore::RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) {
  engine_->RunAt(when, std::move(task));
}

void RedisStore::Shutdown() {
  if (engine_ == nullptr) return;
  engine_->Shutdown();
  CancelWaitingChanges();
}

StoreStats RedisStore::GetStats() const {
  const EngineStats engine = engine_->GetStats();
  StoreStats stats;
  stats.commands = engine.operations;
  stats.failures = engine.failed;
  stats.timeouts = engine.timeouts;
  stats.rejected = engine.rejected + changes_rejected_.load(std::memory_order_relaxed);
  stats.late_replies = engine.late_replies;
  stats.protocol_errors = engine.protocol_errors;
  stats.connects = engine.connects;
  stats.connect_failures = engine.connect_failures;
  stats.disconnects = engine.disconnects;
  stats.health_failures = engine.health_failures;
  stats.retries = engine.resends + delete_retries_.load(std::memory_order_relaxed);
  stats.retries_refused = engine.retries_refused;
  stats.retry_budget = engine.retry_budget;
  stats.session_changes = session_changes_.load(std::memory_order_relaxed);
  stats.scripts_reloaded = scripts_reloaded_.load(std::memory_order_relaxed);
  stats.foreign_unknown = foreign_unknown_.load(std::memory_order_relaxed);
  stats.bytes_sent = engine.bytes_sent;
  stats.bytes_received = engine.bytes_received;
  stats.batches = engine.writes;
  stats.direct_writes = engine.direct_writes;
  stats.pooled_operations = engine.pooled_operations;
  stats.breaker_opened = engine.breaker_opened;
  stats.breaker_refused = engine.breaker_refused;
  stats.breaker_state = engine.breaker_state;
  stats.change_groups = change_groups_.load(std::memory_order_relaxed);
  stats.grouped_changes = grouped_changes_.load(std::memory_order_relaxed);
  {
    absl::MutexLock lock(&changes_mutex_);
    stats.queued_operations = engine.queued_operations + waiting_changes_.size();
    stats.queued_bytes = engine.queued_bytes + waiting_bytes_;
  }
  stats.connected = data_ready_.load(std::memory_order_relaxed);
  absl::MutexLock lock(&mutex_);
  stats.subscribed = channel_up_;
  return stats;
}

}  // namespace nearcache::internal::remote
