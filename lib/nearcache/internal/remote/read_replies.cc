#include "nearcache/internal/remote/read_replies.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/logical_presence.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

constexpr ReplyTypeSet kBytesOrNil = ReplyTypeSet::Of(Reply::Type::kString, Reply::Type::kNil);
constexpr ReplyTypeSet kInteger = ReplyTypeSet::Of(Reply::Type::kInteger);

void AddCommand(Operation& operation, std::initializer_list<absl::string_view> arguments, ReplyTypeSet types) {
  AppendCommand(&operation.bytes, arguments);
  operation.reply_types.push_back(types);
  operation.reply_count = static_cast<int>(operation.reply_types.size());
}

bool IsWrongType(const Reply& reply) { return reply.is_error() && ServerErrorCode(reply.text()) == "WRONGTYPE"; }

absl::Status ErrorOf(const Reply& reply, absl::string_view redis_key) {
  return reply.is_error() ? ServerErrorToStatus(reply.text(), redis_key) : absl::OkStatus();
}

// Empty unless the key holds exactly one id.
absl::StatusOr<OperationId> ParseId(const Reply& reply, absl::string_view redis_key) {
  if (reply.is_error() && !IsWrongType(reply)) return ErrorOf(reply, redis_key);
  if (reply.type != Reply::Type::kString) return OperationId();
  return OperationId::FromBytes(reply.text()).value_or(OperationId());
}

absl::Status MissingReplies() { return absl::InternalError("the server gave fewer replies than commands"); }

// PTTL: -1 no expiry, -2 no key.
absl::optional<absl::Duration> ParseLife(const Reply& reply) {
  if (reply.integer == -1) return absl::nullopt;
  return absl::Milliseconds(reply.integer < 0 ? 0 : reply.integer);
}

absl::StatusOr<Fetched> ParseValue(Reply&& bytes, const Reply& life, absl::string_view redis_key) {
  Fetched fetched;
  if (IsWrongType(bytes)) {
    fetched.state = Fetched::State::kWrongType;
    return fetched;
  }
  for (const Reply* reply : {const_cast<const Reply*>(&bytes), &life}) {
    const absl::Status error = ErrorOf(*reply, redis_key);
    if (!error.ok()) return error;
  }
  if (bytes.type != Reply::Type::kString) return fetched;
  fetched.state = Fetched::State::kFound;
  fetched.bytes = std::move(bytes.string);
  fetched.time_to_live = ParseLife(life);
  return fetched;
}

}  // namespace

Operation ReadOperation(const ReadRequest& request, absl::string_view epoch_key) {
  Operation operation;
  size_t bytes = epoch_key.size() + 64;
  for (const std::string& key : request.keys) bytes += 2 * key.size() + 64;
  operation.bytes.reserve(bytes);
  if (request.want_epoch) AddCommand(operation, {"GET", epoch_key}, kBytesOrNil);
  for (const std::string& key : request.keys) {
    AddCommand(operation, {"GET", key}, kBytesOrNil);
    AddCommand(operation, {"PTTL", key}, kInteger);
  }
  return operation;
}

Operation TimeToLiveOperation(absl::string_view redis_key, absl::string_view epoch_key) {
  static_assert(kFrameHeaderSize == 64, "GETRANGE takes the offset of the last byte");
  Operation operation;
  AddCommand(operation, {"GET", epoch_key}, kBytesOrNil);
  AddCommand(operation, {"GETRANGE", redis_key, "0", "63"}, kBytesOrNil);
  AddCommand(operation, {"PTTL", redis_key}, kInteger);
  return operation;
}

Operation LaneOperation(const ScriptNames& names) {
  Operation operation;
  AddCommand(operation, {"UNLINK", names.missing_key}, kInteger);
  AddCommand(operation, {"GET", names.epoch_key}, kBytesOrNil);
  AddCommand(operation, {"GET", names.lane_key}, kBytesOrNil);
  return operation;
}

absl::StatusOr<ReadReply> ParseRead(const ReadRequest& request, OperationResult&& result) {
  if (!result.status.ok()) return result.status;
  const size_t first = request.want_epoch ? 1 : 0;
  if (result.replies.size() != first + 2 * request.keys.size()) return MissingReplies();
  ReadReply read;
  if (request.want_epoch) {
    const absl::StatusOr<OperationId> epoch = ParseId(result.replies[0], "epoch");
    if (!epoch.ok()) return epoch.status();
    read.epoch = *epoch;
  }
  read.values.reserve(request.keys.size());
  for (size_t i = 0; i < request.keys.size(); ++i) {
    const size_t at = first + 2 * i;
    absl::StatusOr<Fetched> value = ParseValue(std::move(result.replies[at]), result.replies[at + 1], request.keys[i]);
    if (!value.ok()) return value.status();
    read.values.push_back(*std::move(value));
  }
  return read;
}

absl::StatusOr<ReadReply> ParseTimeToLive(absl::string_view redis_key, OperationResult&& result) {
  if (!result.status.ok()) return result.status;
  if (result.replies.size() != 3) return MissingReplies();
  const absl::StatusOr<OperationId> epoch = ParseId(result.replies[0], "epoch");
  if (!epoch.ok()) return epoch.status();
  absl::StatusOr<Fetched> value = ParseValue(std::move(result.replies[1]), result.replies[2], redis_key);
  if (!value.ok()) return value.status();
  const bool gone = result.replies[2].integer == -2;
  if (value->state == Fetched::State::kFound && (gone || !IsLogicallyPresent(value->bytes.view(), *epoch))) {
    *value = Fetched();
  }
  ReadReply read;
  read.epoch = *epoch;
  read.values.push_back(*std::move(value));
  return read;
}

LaneReading ParseLane(const ScriptNames& names, const OperationResult& result) {
  LaneReading reading;
  reading.sent_at = result.sent_at;
  reading.status = result.status;
  if (!reading.status.ok()) return reading;
  if (result.replies.size() != 3) {
    reading.status = MissingReplies();
    return reading;
  }
  const absl::string_view key_names[] = {names.missing_key, names.epoch_key, names.lane_key};
  for (int i = 0; i < 3; ++i) {
    const Reply& reply = result.replies[i];
    if (!reply.is_error() || (i == 1 && IsWrongType(reply))) continue;
    reading.status = ErrorOf(reply, key_names[i]);
    reading.leave_server = MeansLeaveServer(reply.text());
    return reading;
  }
  reading.epoch = ParseId(result.replies[1], names.epoch_key).value_or(OperationId());
  reading.lane = ParseId(result.replies[2], names.lane_key).value_or(OperationId());
  return reading;
}

}  // namespace nearcache::internal::remote
