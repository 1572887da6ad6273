// The part of RedisStore that sends changes: alone, by their scripts, or as groups (change_group.h).

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/change_group.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/redis_store.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

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

CommandClass ClassOf(ChangeKind kind) {
  return Invalidates(kind) ? CommandClass::kInvalidation : CommandClass::kChange;
}

CommandClass ClassOf(absl::Span<const PendingChange> group) {
  const bool stores = std::any_of(group.begin(), group.end(),
                                  [](const PendingChange& change) { return !Invalidates(change.request.kind); });
  return stores ? CommandClass::kChange : CommandClass::kInvalidation;
}

ChangeResult Cancelled() {
  ChangeResult result;
  result.status = absl::CancelledError("the store was shut down");
  return result;
}

}  // namespace

// --- One change by its script

void RedisStore::RunScript(const Script& script, CommandClass command_class, std::vector<std::string> arguments,
                           MonotonicNanos deadline, ResultCallback done) {
  Operation operation;
  operation.command_class = command_class;
  operation.bytes = EncodeScript("EVALSHA", script.digest, arguments);
  operation.reply_types = {ReplyTypeSet::Of(Reply::Type::kArray, Reply::Type::kString)};
  operation.deadline = deadline;
  operation.done = [this, &script, command_class, arguments = std::move(arguments), deadline,
                    done = std::move(done)](OperationResult result) mutable {
    if (!IsScriptUnknown(result)) {
      std::move(done)(std::move(result));
      return;
    }
    // Nothing ran. EVAL runs the text and makes the server remember it.
    scripts_reloaded_.fetch_add(1, std::memory_order_relaxed);
    Operation with_text;
    with_text.command_class = command_class;
    with_text.bytes = EncodeScript("EVAL", script.text, arguments);
    with_text.reply_types = {ReplyTypeSet::Of(Reply::Type::kArray, Reply::Type::kString)};
    with_text.deadline = deadline;
    with_text.done = std::move(done);
    engine_->Submit(std::move(with_text));
  };
  engine_->Submit(std::move(operation));
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
  RunScript(ChangeScript(kind), ClassOf(kind), ScriptArguments(names_, std::move(request), lane_id, std::move(message)),
            deadline,
            [this, kind, lane_id, attempt, maybe_executed, redis_key = std::move(redis_key), again = std::move(again),
             done = std::move(done)](OperationResult result) mutable {
              if (again.has_value() && absl::IsUnavailable(result.status) && result.unknown && engine_->SpendRetry()) {
                delete_retries_.fetch_add(1, std::memory_order_relaxed);
                SendChange(*std::move(again), attempt + 1, /*maybe_executed=*/true, std::move(done));
                return;
              }
              ChangeResult change = ToChangeResult(kind, redis_key, std::move(result), maybe_executed);
              if (WasAnnounced(kind, change)) events_->OnAcknowledged(lane_id);
              std::move(done)(std::move(change));
            });
}

void RedisStore::EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                             absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) {
  RunScript(EnsureEpochScript(), CommandClass::kControl,
            {"3", names_.epoch_key, names_.lane_key, names_.missing_key, epoch.ToBytes()}, deadline,
            [this, done = std::move(done)](OperationResult result) mutable {
              std::move(done)(ParseEnsuredEpoch(names_.epoch_key, result));
            });
}

// --- Several at once

absl::Status RedisStore::AdmitChange(const ChangeRequest& request) {
  if (encoder_ == nullptr) return absl::FailedPreconditionError("the store was not started");
  absl::Status valid = ValidateChange(request);
  if (valid.ok() && !Invalidates(request.kind)) valid = engine_->AdmitCall();
  if (!valid.ok()) return valid;
  if (changes_.fetch_add(1) < limits_.changes_max) return absl::OkStatus();
  changes_.fetch_sub(1);
  changes_rejected_.fetch_add(1, std::memory_order_relaxed);
  return absl::ResourceExhaustedError(absl::StrCat(
      "operations_max, ", limits_.changes_max, ", changes are queued or in flight; try again when some have ended"));
}

void RedisStore::Change(ChangeRequest request, ChangeCallback done) {
  ChangeResult refused;
  refused.status = AdmitChange(request);
  if (!refused.status.ok()) {
    std::move(done)(std::move(refused));
    return;
  }
  PendingChange change{std::move(request), [this, done = std::move(done)](ChangeResult result) mutable {
                         changes_.fetch_sub(1);
                         std::move(done)(std::move(result));
                       }};
  // A change that nothing else is under way with is not worth the way over the loop.
  if (changes_.load() == 1) {
    SendAlone(std::move(change));
  } else {
    Enlist(std::move(change));
  }
}

// Waits for the next turn of the loop, which takes all that came until then.
void RedisStore::Enlist(PendingChange change) {
  const size_t bytes = change.request.value.size() + change.request.redis_key.size();
  ChangeResult refused;
  bool first = false;
  {
    absl::MutexLock lock(&changes_mutex_);
    if (changes_closed_) {
      refused = Cancelled();
    } else if (waiting_bytes_ + bytes > limits_.bytes_max) {
      refused.status = absl::ResourceExhaustedError(
          absl::StrCat("a change of ", bytes, " bytes does not fit: ", waiting_bytes_,
                       " bytes of changes wait to be sent, the limit bytes_max is ", limits_.bytes_max));
      changes_rejected_.fetch_add(1, std::memory_order_relaxed);
    } else {
      first = waiting_changes_.empty();
      waiting_bytes_ += bytes;
      waiting_changes_.push_back(std::move(change));
    }
  }
  if (!refused.status.ok()) {
    std::move(change.done)(std::move(refused));
    return;
  }
  // Refused after Shutdown, which then finds what waits.
  if (first && !engine_->RunAt(0, [this] { SendWaitingChanges(); })) CancelWaitingChanges();
}

std::vector<PendingChange> RedisStore::TakeWaitingChanges() {
  absl::MutexLock lock(&changes_mutex_);
  waiting_bytes_ = 0;
  return std::exchange(waiting_changes_, {});
}

void RedisStore::CancelWaitingChanges() {
  {
    absl::MutexLock lock(&changes_mutex_);
    changes_closed_ = true;
  }
  for (PendingChange& change : TakeWaitingChanges()) std::move(change.done)(Cancelled());
}

void RedisStore::SendWaitingChanges() {
  std::vector<PendingChange> changes = TakeWaitingChanges();
  if (!transactions_allowed_) {
    for (PendingChange& change : changes) SendAlone(std::move(change));
    return;
  }
  for (ChangeGroup& group : PlanGroups(std::move(changes), limits_.group)) {
    if (group.size() == 1) {
      SendAlone(std::move(group[0]));
    } else {
      SendGroup(std::move(group));
    }
  }
}

void RedisStore::SendAlone(PendingChange change) {
  SendChange(std::move(change.request), /*attempt=*/1, /*maybe_executed=*/false, std::move(change.done));
}

void RedisStore::SendGroup(ChangeGroup group) {
  change_groups_.fetch_add(1, std::memory_order_relaxed);
  grouped_changes_.fetch_add(group.size(), std::memory_order_relaxed);
  // Of its own: were it one member's, and that member sent again alone, one lane id would be announced twice.
  const OperationId lane_id = own_ids_.Next();
  const std::string message = (*encoder_)(lane_id, GroupAnnouncement(group));
  Operation operation = GroupOperation(names_, group, lane_id, message);
  operation.command_class = ClassOf(group);
  operation.done = [this, lane_id, group = std::move(group)](OperationResult result) mutable {
    if (TransactionRefused(result)) transactions_allowed_ = false;
    if (GroupWasAnnounced(result)) events_->OnAcknowledged(lane_id);
    std::vector<GroupVerdict> verdicts = JudgeGroup(group, std::move(result));
    for (size_t i = 0; i < group.size(); ++i) Follow(std::move(group[i]), std::move(verdicts[i]));
  };
  engine_->Submit(std::move(operation));
}

void RedisStore::Follow(PendingChange change, GroupVerdict verdict) {
  switch (verdict.next) {
    case GroupVerdict::Next::kDone:
      std::move(change.done)(std::move(verdict.result));
      return;
    case GroupVerdict::Next::kAlone:
      SendAlone(std::move(change));
      return;
    case GroupVerdict::Next::kAgain:
      if (!engine_->SpendRetry()) {
        std::move(change.done)(std::move(verdict.result));
        return;
      }
      delete_retries_.fetch_add(1, std::memory_order_relaxed);
      SendChange(std::move(change.request), /*attempt=*/2, /*maybe_executed=*/true, std::move(change.done));
      return;
    case GroupVerdict::Next::kTakeAway:
      TakeAway(std::move(change), std::move(verdict.result));
      return;
  }
}

// The key may have changed without notice: a delete gives notice, and leaves nothing that could have been missed.
void RedisStore::TakeAway(PendingChange change, ChangeResult outcome) {
  const bool is_delete = change.request.kind == ChangeKind::kDelete;
  ChangeRequest remove;
  remove.kind = ChangeKind::kDelete;
  remove.key = std::move(change.request.key);
  remove.redis_key = std::move(change.request.redis_key);
  remove.id = change.request.id;
  remove.deadline = change.request.deadline;
  SendChange(std::move(remove), /*attempt=*/2, /*maybe_executed=*/true,
             [is_delete, outcome = std::move(outcome), done = std::move(change.done)](ChangeResult removed) mutable {
               std::move(done)(is_delete ? std::move(removed) : std::move(outcome));
             });
}

// A user without the right to begin or end transactions must not find out in the middle of one. Scripts are loaded
// ahead, so that two changes of one key do not change places because the first one's script was unknown; where that is
// not allowed they are loaded when they are needed.
void RedisStore::PrepareServer() {
  Operation operation;
  operation.bytes = EncodeCommand({"MULTI"}) + EncodeCommand({"EXEC"});
  operation.reply_count = 2;
  for (int kind = 0; kind < kChangeKindCount; ++kind) {
    AppendCommand(&operation.bytes, {"SCRIPT", "LOAD", ChangeScript(static_cast<ChangeKind>(kind)).text});
    ++operation.reply_count;
  }
  operation.deadline = AddDuration(engine_->clock().Now(), probe_timeout_);
  operation.done = [this](OperationResult result) {
    transactions_allowed_ = result.status.ok() && !result.replies[0].is_error() && !result.replies[1].is_error();
  };
  engine_->Submit(std::move(operation));
}

}  // namespace nearcache::internal::remote
