#include "nearcache/testing/fake_keyspace.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/remote/logical_presence.h"

namespace nearcache::internal::remote {
namespace {

constexpr absl::string_view kWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr absl::string_view kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";

Reply ScriptAnswer(ScriptReply code) {
  Reply reply;
  reply.type = Reply::Type::kArray;
  reply.elements.push_back(IntegerReply(static_cast<int64_t>(code)));
  return reply;
}

Reply ScriptAnswer(ScriptReply code, Reply second) {
  Reply reply = ScriptAnswer(code);
  reply.elements.push_back(std::move(second));
  return reply;
}

bool StoresFrame(ChangeKind kind) {
  return kind == ChangeKind::kSet || kind == ChangeKind::kAdd || kind == ChangeKind::kReplace ||
         kind == ChangeKind::kIncrement;
}

bool NeedsLive(ChangeKind kind) {
  return kind == ChangeKind::kReplace || kind == ChangeKind::kTouch || kind == ChangeKind::kPersist ||
         kind == ChangeKind::kExpire;
}

MonotonicNanos EndOfLife(const absl::optional<absl::Duration>& time_to_live, MonotonicNanos now) {
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(TimeToLiveArgument(time_to_live), &milliseconds)) return kNever;
  return AddDuration(now, absl::Milliseconds(milliseconds));
}

// The number of an integer frame's payload, which holds it twice, in the one spelling that it would be printed in.
bool ParseIntegerPayload(absl::string_view payload, int64_t* number) {
  const absl::string_view digits = payload.substr(0, payload.size() / 2);
  return absl::SimpleAtoi(digits, number) && absl::StrCat(*number, " ", *number) == payload;
}

}  // namespace

Reply ErrorReply(absl::string_view text) {
  Reply reply;
  reply.type = Reply::Type::kError;
  reply.string = Value::Copy(text);
  return reply;
}

Reply StringReply(absl::string_view text) {
  Reply reply;
  reply.type = Reply::Type::kString;
  reply.string = Value::Copy(text);
  return reply;
}

Reply IntegerReply(int64_t integer) {
  Reply reply;
  reply.type = Reply::Type::kInteger;
  reply.integer = integer;
  return reply;
}

const FakeKeyspace::Entry* FakeKeyspace::Find(absl::string_view key, MonotonicNanos now) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.expires_at <= now) return nullptr;
  return &found->second;
}

OperationId FakeKeyspace::FindId(absl::string_view key, MonotonicNanos now) const {
  const Entry* const entry = Find(key, now);
  if (entry == nullptr || entry->other_type) return OperationId();
  return OperationId::FromBytes(entry->bytes).value_or(OperationId());
}

Fetched FakeKeyspace::Fetch(absl::string_view key, MonotonicNanos now) const {
  Fetched fetched;
  const Entry* const entry = Find(key, now);
  if (entry == nullptr) return fetched;
  fetched.state = entry->other_type ? Fetched::State::kWrongType : Fetched::State::kFound;
  if (entry->other_type) return fetched;
  fetched.bytes = Value::Copy(entry->bytes);
  if (entry->expires_at != kNever) {
    fetched.time_to_live = absl::Floor(absl::Nanoseconds(entry->expires_at - now), absl::Milliseconds(1));
  }
  return fetched;
}

// Step 1 of a script. Nullopt: go on.
absl::optional<Reply> FakeKeyspace::Conditions(const ScriptNames& names, const ChangeRequest& request,
                                               MonotonicNanos now) {
  if (!HasKey(request.kind)) return absl::nullopt;
  const OperationId epoch = FindId(names.epoch_key, now);
  if (StoresFrame(request.kind) && (epoch.empty() || FrameEpoch(request.value) != epoch)) {
    return ScriptAnswer(ScriptReply::kOtherEpoch, StringReply(epoch.empty() ? "" : epoch.ToBytes()));
  }
  const Entry* const entry = Find(request.redis_key, now);
  const bool any_type = request.kind == ChangeKind::kSet || request.kind == ChangeKind::kDelete;
  if (entry != nullptr && entry->other_type && !any_type) return ErrorReply(kWrongType);
  const bool live = entry != nullptr && IsLogicallyPresent(entry->bytes, epoch);
  if (NeedsLive(request.kind) && !live) return ScriptAnswer(ScriptReply::kNotApplied);
  if (request.kind == ChangeKind::kAdd && live) return ScriptAnswer(ScriptReply::kNotApplied);
  return absl::nullopt;
}

absl::optional<Reply> FakeKeyspace::CheckNumber(const ChangeRequest& request, const Entry* entry, bool live,
                                                int64_t* sum) const {
  if (request.kind != ChangeKind::kIncrement) return absl::nullopt;
  int64_t number = 0;
  if (live) {
    if (static_cast<FrameCodec>(entry->bytes[kFrameCodecOffset]) != FrameCodec::kInteger ||
        entry->bytes.size() < kFrameHeaderSize ||
        !ParseIntegerPayload(absl::string_view(entry->bytes).substr(kFrameHeaderSize), &number)) {
      return ScriptAnswer(ScriptReply::kNotAnInteger);
    }
  } else if (!request.create) {
    return ScriptAnswer(ScriptReply::kNotApplied);
  }
  if (__builtin_add_overflow(number, request.delta, sum)) return ScriptAnswer(ScriptReply::kOutOfRange);
  return absl::nullopt;
}

FakeKeyspace::ScriptOutcome FakeKeyspace::RunChange(const ScriptNames& names, const ChangeRequest& request,
                                                    OperationId lane_id, absl::string_view message,
                                                    const FakeRefusals& refusals, MonotonicNanos now) {
  absl::optional<Reply> refused = Conditions(names, request, now);
  if (refused.has_value()) return {*std::move(refused), absl::nullopt};
  int64_t sum = 0;
  const Entry* const entry = Find(request.redis_key, now);
  const bool live = entry != nullptr && IsLogicallyPresent(entry->bytes, FindId(names.epoch_key, now));
  refused = CheckNumber(request, entry, live, &sum);
  if (refused.has_value()) return {*std::move(refused), absl::nullopt};
  if (!refusals.writes.empty()) return {ErrorReply(refusals.writes), absl::nullopt};
  if (refusals.out_of_memory && StoresFrame(request.kind)) return {ErrorReply(kOutOfMemory), absl::nullopt};
  const OperationId previous = FindId(names.lane_key, now);
  Put(names.lane_key, {lane_id.ToBytes()});
  if (!refusals.publish.empty()) return {ErrorReply(refusals.publish), absl::nullopt};
  ScriptOutcome outcome;
  outcome.published = absl::StrCat(previous.ToBytes(), message);
  outcome.reply = Mutate(names, request, sum, now);
  return outcome;
}

// Step 4 of a script.
Reply FakeKeyspace::Mutate(const ScriptNames& names, const ChangeRequest& request, int64_t sum, MonotonicNanos now) {
  const std::string& key = request.redis_key;
  const Entry* const found = Find(key, now);
  const bool live = found != nullptr && IsLogicallyPresent(found->bytes, FindId(names.epoch_key, now));
  switch (request.kind) {
    case ChangeKind::kSet:
    case ChangeKind::kAdd:
    case ChangeKind::kReplace:
      Put(key, {request.value, false, EndOfLife(request.time_to_live, now)});
      break;
    case ChangeKind::kDelete:
      Erase(key);
      return ScriptAnswer(ScriptReply::kApplied, IntegerReply(live ? 1 : 0));
    case ChangeKind::kTouch:
    case ChangeKind::kPersist:
      entries_[key].expires_at = request.kind == ChangeKind::kTouch ? EndOfLife(request.time_to_live, now) : kNever;
      break;
    case ChangeKind::kExpire:
      entries_[key].bytes[kFrameStateOffset] = static_cast<char>(FrameState::kExpired);
      break;
    case ChangeKind::kIncrement: {
      const MonotonicNanos expires_at = live ? found->expires_at : EndOfLife(request.time_to_live, now);
      Put(key, {absl::StrCat(absl::string_view(request.value).substr(0, kFrameHeaderSize), sum, " ", sum), false,
                expires_at});
      return ScriptAnswer(ScriptReply::kApplied, StringReply(absl::StrCat(sum)));
    }
    case ChangeKind::kClear:
      Put(names.epoch_key, {request.id.ToBytes()});
      break;
    case ChangeKind::kForgetAll:
      break;
  }
  return ScriptAnswer(ScriptReply::kApplied);
}

Reply FakeKeyspace::RunEnsureEpoch(const ScriptNames& names, OperationId epoch, const FakeRefusals& refusals,
                                   MonotonicNanos now) {
  if (!refusals.writes.empty()) return ErrorReply(refusals.writes);
  if (FindId(names.lane_key, now).empty()) Put(names.lane_key, {epoch.ToBytes()});
  if (FindId(names.epoch_key, now).empty()) Put(names.epoch_key, {epoch.ToBytes()});
  return StringReply(FindId(names.epoch_key, now).ToBytes());
}

Reply FakeKeyspace::RunCommand(const std::vector<std::string>& arguments, MonotonicNanos now) {
  const std::string name = absl::AsciiStrToUpper(arguments[0]);
  const size_t count = arguments.size();
  const Entry* const entry = count > 1 ? Find(arguments[1], now) : nullptr;
  if (name == "PING" && count == 1) return StringReply("PONG");
  if (name == "ECHO" && count == 2) return StringReply(arguments[1]);
  if (name == "GET" && count == 2) {
    if (entry == nullptr) return Reply();
    return entry->other_type ? ErrorReply(kWrongType) : StringReply(entry->bytes);
  }
  if (name == "SET" && count == 3) {
    Put(arguments[1], {arguments[2]});
    return StringReply("OK");
  }
  if (name == "DEL" && count == 2) return IntegerReply(Erase(arguments[1]) ? 1 : 0);
  if (name == "EXISTS" && count == 2) return IntegerReply(entry != nullptr ? 1 : 0);
  if (name == "FLUSHALL") {
    Clear();
    return StringReply("OK");
  }
  return ErrorReply("ERR unknown command");
}

}  // namespace nearcache::internal::remote
