#include "nearcache/internal/remote/redis_store.h"

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

std::string EncodeScript(absl::string_view command, absl::string_view script,
                         const std::vector<std::string>& arguments) {
  std::string bytes;
  size_t size = script.size() + 128;
  for (const std::string& argument : arguments) size += argument.size() + 32;
  bytes.reserve(size);
  CommandWriter writer(&bytes);
  writer.Begin(arguments.size() + 2).Argument(command).Argument(script);
  for (const std::string& argument : arguments) writer.Argument(argument);
  return bytes;
}

bool IsScriptUnknown(const OperationResult& result) {
  return result.status.ok() && result.replies.size() == 1 && result.replies[0].is_error() &&
         ServerErrorCode(result.replies[0].text()) == "NOSCRIPT";
}

// What came of one attempt at a change.
ChangeResult ToChangeResult(ChangeKind kind, absl::string_view redis_key, OperationResult&& result,
                            bool maybe_executed) {
  ChangeResult change;
  if (!result.status.ok()) {
    change.status = std::move(result.status);
    change.unknown = result.unknown;
  } else if (result.replies.size() == 1) {
    change = ParseScriptReply(kind, redis_key, result.replies[0]);
  } else {
    change.status = absl::InternalError("the server gave no reply to a script");
    change.unknown = true;
  }
  if (!change.status.ok()) change.unknown |= maybe_executed;
  return change;
}

absl::StatusOr<OperationId> ParseEnsuredEpoch(absl::string_view epoch_key, const OperationResult& result) {
  if (!result.status.ok()) return result.status;
  const Reply& reply = result.replies[0];
  if (reply.is_error()) return ServerErrorToStatus(reply.text(), epoch_key);
  const absl::optional<OperationId> epoch = OperationId::FromBytes(reply.text());
  if (!epoch.has_value()) return absl::InternalError("the server answered with an epoch of another length");
  return *epoch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RedisStore>> RedisStore::Create(RedisStoreOptions options) {
  const absl::Status valid = CheckNames(options);
  if (!valid.ok()) return valid;
  options.engine.channels = {options.channel};
  EngineOptions engine_options = std::move(options.engine);
  auto store = std::unique_ptr<RedisStore>(new RedisStore(std::move(options)));
  absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(std::move(engine_options), store.get());
  if (!engine.ok()) return engine.status();
  store->engine_ = *std::move(engine);
  return store;
}

RedisStore::RedisStore(RedisStoreOptions options)
    : names_{std::move(options.lane_key), std::move(options.epoch_key), std::move(options.missing_key),
             std::move(options.channel)},
      probe_timeout_(options.probe_timeout),
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
  Operation operation = ReadOperation(request, names_.epoch_key);
  operation.deadline = request.deadline;
  operation.resends_max = kReadResends;
  operation.done = [request = std::move(request), done = std::move(done)](OperationResult result) mutable {
    std::move(done)(ParseRead(request, std::move(result)));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::ReadTimeToLive(std::string redis_key, MonotonicNanos deadline, ReadCallback done) {
  Operation operation = TimeToLiveOperation(redis_key, names_.epoch_key);
  operation.deadline = deadline;
  operation.resends_max = kReadResends;
  operation.done = [redis_key = std::move(redis_key), done = std::move(done)](OperationResult result) mutable {
    std::move(done)(ParseTimeToLive(redis_key, std::move(result)));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::ReadLane(MonotonicNanos deadline, LaneCallback done) {
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
  const absl::Status allowed = CheckUserCommand(argv);
  if (!allowed.ok()) {
    std::move(done)(allowed);
    return;
  }
  Operation operation;
  CommandWriter writer(&operation.bytes);
  writer.Begin(argv.size());
  for (const std::string& argument : argv) writer.Argument(argument);
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

// --- Changes

void RedisStore::RunScript(const Script& script, std::vector<std::string> arguments, MonotonicNanos deadline,
                           ResultCallback done) {
  Operation operation;
  operation.bytes = EncodeScript("EVALSHA", script.digest, arguments);
  operation.reply_types = {ReplyTypeSet::Of(Reply::Type::kArray, Reply::Type::kString)};
  operation.deadline = deadline;
  operation.done = [this, &script, arguments = std::move(arguments), deadline,
                    done = std::move(done)](OperationResult result) mutable {
    if (!IsScriptUnknown(result)) {
      std::move(done)(std::move(result));
      return;
    }
    // Nothing ran. EVAL runs the text and makes the server remember it.
    scripts_reloaded_.fetch_add(1, std::memory_order_relaxed);
    Operation with_text;
    with_text.bytes = EncodeScript("EVAL", script.text, arguments);
    with_text.reply_types = {ReplyTypeSet::Of(Reply::Type::kArray, Reply::Type::kString)};
    with_text.deadline = deadline;
    with_text.done = std::move(done);
    engine_->Submit(std::move(with_text));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::Change(ChangeRequest request, ChangeCallback done) {
  ChangeResult refused;
  refused.status =
      encoder_ == nullptr ? absl::FailedPreconditionError("the store was not started") : ValidateChange(request);
  if (!refused.status.ok()) {
    std::move(done)(std::move(refused));
    return;
  }
  SendChange(std::move(request), /*attempt=*/1, /*maybe_executed=*/false, std::move(done));
}

void RedisStore::SendChange(ChangeRequest request, int attempt, bool maybe_executed, ChangeCallback done) {
  const ChangeKind kind = request.kind;
  const MonotonicNanos deadline = request.deadline;
  const OperationId lane_id = attempt == 1 ? request.id : own_ids_.Next();
  const Announced announced = {kind, request.id, request.key};
  std::string message = (*encoder_)(lane_id, absl::MakeConstSpan(&announced, 1));
  absl::optional<ChangeRequest> again;
  if (kind == ChangeKind::kDelete && attempt < kDeleteAttempts) again = request;
  std::string redis_key = request.redis_key;
  RunScript(ChangeScript(kind), ScriptArguments(names_, std::move(request), lane_id, std::move(message)), deadline,
            [this, kind, attempt, maybe_executed, redis_key = std::move(redis_key), again = std::move(again),
             done = std::move(done)](OperationResult result) mutable {
              if (again.has_value() && absl::IsUnavailable(result.status) && result.unknown) {
                SendChange(*std::move(again), attempt + 1, /*maybe_executed=*/true, std::move(done));
                return;
              }
              std::move(done)(ToChangeResult(kind, redis_key, std::move(result), maybe_executed));
            });
}

void RedisStore::EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                             absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) {
  RunScript(EnsureEpochScript(), {"3", names_.epoch_key, names_.lane_key, names_.missing_key, epoch.ToBytes()},
            deadline, [this, done = std::move(done)](OperationResult result) mutable {
              std::move(done)(ParseEnsuredEpoch(names_.epoch_key, result));
            });
}

// --- The loop and its end

void RedisStore::ResetChannel(const absl::Status& cause) { engine_->ResetChannel(cause); }

void RedisStore::ResetSession(const absl::Status& cause) { engine_->ResetAll(cause); }

void RedisStore::RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) {
  engine_->RunAt(when, std::move(task));
}

void RedisStore::Shutdown() {
  if (engine_ != nullptr) engine_->Shutdown();
}

StoreStats RedisStore::GetStats() const {
  const EngineStats engine = engine_->GetStats();
  StoreStats stats;
  stats.commands = engine.operations;
  stats.failures = engine.failed;
  stats.timeouts = engine.timeouts;
  stats.rejected = engine.rejected;
  stats.late_replies = engine.late_replies;
  stats.protocol_errors = engine.protocol_errors;
  stats.connects = engine.connects;
  stats.connect_failures = engine.connect_failures;
  stats.disconnects = engine.disconnects;
  stats.session_changes = session_changes_.load(std::memory_order_relaxed);
  stats.scripts_reloaded = scripts_reloaded_.load(std::memory_order_relaxed);
  stats.bytes_sent = engine.bytes_sent;
  stats.bytes_received = engine.bytes_received;
  stats.batches = engine.writes;
  stats.queued_operations = engine.queued_operations;
  stats.queued_bytes = engine.queued_bytes;
  stats.connected = data_ready_.load(std::memory_order_relaxed);
  absl::MutexLock lock(&mutex_);
  stats.subscribed = channel_up_;
  return stats;
}

}  // namespace nearcache::internal::remote
