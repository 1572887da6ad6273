#include "nearcache/internal/remote/change_group.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/logical_presence.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

// MULTI, the lane script, EXEC.
constexpr int kFrameReplies = 3;

// Of the groups that are still open, the last few are tried for room.
constexpr size_t kOpenGroupsMax = 8;

// Above the bytes of key and value: names of commands and lengths.
constexpr size_t kCommandOverhead = 64;

bool MayJoin(const ChangeRequest& request, const GroupLimits& limits) {
  const bool joins = request.kind == ChangeKind::kSet || request.kind == ChangeKind::kDelete;
  return joins && request.key.size() <= limits.key_bytes_max && request.value.size() <= limits.command_bytes_max;
}

size_t CommandBytes(const ChangeRequest& request) {
  return 2 * request.redis_key.size() + request.value.size() + kCommandOverhead;
}

class Planner {
 public:
  explicit Planner(const GroupLimits& limits) : limits_(limits) {}

  // Which group `request` goes into. Points to it until the end.
  size_t Place(const ChangeRequest& request) {
    if (!HasKey(request.kind)) {
      outlines_.emplace_back();
      first_allowed_ = outlines_.size();
      return outlines_.size() - 1;
    }
    const auto before = last_of_key_.find(request.redis_key);
    size_t first = before == last_of_key_.end() ? first_allowed_ : std::max(first_allowed_, before->second + 1);
    if (outlines_.size() > kOpenGroupsMax) first = std::max(first, outlines_.size() - kOpenGroupsMax);
    const size_t place = MayJoin(request, limits_) ? FirstWithRoom(first, request) : New();
    last_of_key_[request.redis_key] = place;
    return place;
  }

  size_t groups() const { return outlines_.size(); }

 private:
  struct Outline {
    bool open = false;
    size_t changes = 0;
    size_t key_bytes = 0;
    size_t command_bytes = 0;
    MonotonicNanos first_deadline = 0;
    MonotonicNanos last_deadline = 0;
    uint64_t nonce = 0;
  };

  size_t New() {
    outlines_.emplace_back();
    return outlines_.size() - 1;
  }

  size_t FirstWithRoom(size_t first, const ChangeRequest& request) {
    for (size_t place = first; place < outlines_.size(); ++place) {
      if (HasRoom(outlines_[place], request)) return Join(place, request);
    }
    const size_t place = New();
    outlines_[place].open = true;
    outlines_[place].nonce = request.id.nonce;
    outlines_[place].first_deadline = outlines_[place].last_deadline = request.deadline;
    return Join(place, request);
  }

  bool HasRoom(const Outline& outline, const ChangeRequest& request) const {
    const MonotonicNanos first = std::min(outline.first_deadline, request.deadline);
    const MonotonicNanos last = std::max(outline.last_deadline, request.deadline);
    return outline.open && outline.changes < limits_.changes_max &&
           outline.key_bytes + request.key.size() <= limits_.key_bytes_max &&
           outline.command_bytes + CommandBytes(request) <= limits_.command_bytes_max &&
           last - first <= limits_.deadline_spread_nanos && outline.nonce == request.id.nonce;
  }

  size_t Join(size_t place, const ChangeRequest& request) {
    Outline& outline = outlines_[place];
    ++outline.changes;
    outline.key_bytes += request.key.size();
    outline.command_bytes += CommandBytes(request);
    outline.first_deadline = std::min(outline.first_deadline, request.deadline);
    outline.last_deadline = std::max(outline.last_deadline, request.deadline);
    return place;
  }

  const GroupLimits& limits_;
  std::vector<Outline> outlines_;
  absl::flat_hash_map<absl::string_view, size_t> last_of_key_;
  size_t first_allowed_ = 0;
};

GroupVerdict Done(ChangeResult result) { return {GroupVerdict::Next::kDone, std::move(result)}; }

ChangeResult Failure(absl::Status status, bool unknown) {
  ChangeResult result;
  result.status = std::move(status);
  result.unknown = unknown;
  return result;
}

GroupVerdict NoAnswer(ChangeKind kind, const OperationResult& result) {
  GroupVerdict verdict = Done(Failure(result.status, result.unknown));
  const bool may_have_run = absl::IsUnavailable(result.status) && result.unknown;
  if (kind == ChangeKind::kDelete && may_have_run) verdict.next = GroupVerdict::Next::kAgain;
  return verdict;
}

GroupVerdict NotAnnounced(const ChangeRequest& request, const Reply& error) {
  return {GroupVerdict::Next::kTakeAway,
          Failure(ServerErrorToStatus(error.text(), request.redis_key), /*unknown=*/true)};
}

GroupVerdict SetVerdict(const ChangeRequest& request, OperationId epoch, const Reply& reply) {
  if (reply.is_error()) return Done(Failure(ServerErrorToStatus(reply.text(), request.redis_key), /*unknown=*/false));
  if (epoch.empty() || FrameEpoch(request.value) != epoch) {
    ChangeResult result = OtherEpochResult(request.redis_key, epoch);
    result.unknown = true;
    return Done(std::move(result));
  }
  ChangeResult result;
  result.applied = true;
  return Done(std::move(result));
}

GroupVerdict DeleteVerdict(const ChangeRequest& request, OperationId epoch, const Reply& head, const Reply& removed) {
  if (removed.is_error()) {
    return Done(Failure(ServerErrorToStatus(removed.text(), request.redis_key), /*unknown=*/false));
  }
  ChangeResult result;
  result.applied = head.type == Reply::Type::kString && IsLogicallyPresent(head.text(), epoch);
  return Done(std::move(result));
}

size_t CommandsOf(const PendingChange& change) { return change.request.kind == ChangeKind::kDelete ? 2 : 1; }

size_t CommandsOf(absl::Span<const PendingChange> group) {
  size_t commands = 0;
  for (const PendingChange& change : group) commands += CommandsOf(change);
  return commands;
}

}  // namespace

std::vector<ChangeGroup> PlanGroups(std::vector<PendingChange> changes, const GroupLimits& limits) {
  std::vector<size_t> places;
  places.reserve(changes.size());
  size_t count = 0;
  {
    Planner planner(limits);
    for (const PendingChange& change : changes) places.push_back(planner.Place(change.request));
    count = planner.groups();
  }
  std::vector<ChangeGroup> groups(count);
  for (size_t i = 0; i < changes.size(); ++i) groups[places[i]].push_back(std::move(changes[i]));
  return groups;
}

std::vector<Announced> GroupAnnouncement(absl::Span<const PendingChange> group) {
  std::vector<Announced> announced;
  announced.reserve(group.size());
  for (const PendingChange& change : group) {
    announced.push_back({change.request.kind, change.request.id, change.request.key});
  }
  return announced;
}

Operation GroupOperation(const ScriptNames& names, absl::Span<const PendingChange> group, OperationId lane_id,
                         absl::string_view message) {
  Operation operation;
  const std::string& script = LaneScript().text;
  size_t bytes = script.size() + message.size() + 512;
  for (const PendingChange& change : group) bytes += CommandBytes(change.request) + kCommandOverhead;
  operation.bytes.reserve(bytes);
  operation.deadline = 0;
  AppendCommand(&operation.bytes, {"MULTI"});
  AppendCommand(&operation.bytes,
                {"EVAL", script, "2", names.lane_key, names.epoch_key, lane_id.ToBytes(), names.channel, message});
  for (const PendingChange& change : group) {
    const ChangeRequest& request = change.request;
    operation.deadline = std::max(operation.deadline, request.deadline);
    if (request.kind == ChangeKind::kDelete) {
      AppendCommand(&operation.bytes, {"GETRANGE", request.redis_key, "0", "23"});
      AppendCommand(&operation.bytes, {"UNLINK", request.redis_key});
      continue;
    }
    const std::string life = TimeToLiveArgument(request.time_to_live);
    if (life.empty()) {
      AppendCommand(&operation.bytes, {"SET", request.redis_key, request.value});
    } else {
      // As SET with PX, with an argument less for the server to parse.
      AppendCommand(&operation.bytes, {"PSETEX", request.redis_key, life, request.value});
    }
  }
  AppendCommand(&operation.bytes, {"EXEC"});
  operation.reply_count = kFrameReplies + static_cast<int>(CommandsOf(group));
  // In between stands QUEUED, but where MULTI was refused the commands' own replies, which must get as far as the
  // verdict.
  operation.reply_types.assign(static_cast<size_t>(operation.reply_count), ReplyTypeSet::Any());
  operation.reply_types.front() = ReplyTypeSet::Of(Reply::Type::kStatus);
  operation.reply_types.back() = ReplyTypeSet::Of(Reply::Type::kArray, Reply::Type::kNil);
  return operation;
}

std::vector<GroupVerdict> JudgeGroup(absl::Span<const PendingChange> group, OperationResult&& result) {
  std::vector<GroupVerdict> verdicts;
  verdicts.reserve(group.size());
  if (!result.status.ok()) {
    for (const PendingChange& change : group) verdicts.push_back(NoAnswer(change.request.kind, result));
    return verdicts;
  }
  const Reply& exec = result.replies.back();
  if (TransactionRefused(result)) {
    // The commands were not queued: each ran, or was refused, by itself.
    for (const PendingChange& change : group) verdicts.push_back(NotAnnounced(change.request, result.replies[0]));
    return verdicts;
  }
  if (exec.is_error()) {
    verdicts.resize(group.size());
    for (GroupVerdict& verdict : verdicts) verdict.next = GroupVerdict::Next::kAlone;
    return verdicts;
  }
  if (exec.elements.size() != 1 + CommandsOf(group)) {
    const absl::Status broken = absl::InternalError("the server answered a transaction with a reply of unknown shape");
    for (size_t i = 0; i < group.size(); ++i) verdicts.push_back(Done(Failure(broken, /*unknown=*/true)));
    return verdicts;
  }
  const Reply& lane = exec.elements[0];
  const OperationId epoch = OperationId::FromBytes(lane.text()).value_or(OperationId());
  size_t at = 1;
  for (const PendingChange& change : group) {
    const ChangeRequest& request = change.request;
    if (lane.is_error()) {
      verdicts.push_back(NotAnnounced(request, lane));
    } else if (request.kind == ChangeKind::kDelete) {
      verdicts.push_back(DeleteVerdict(request, epoch, exec.elements[at], exec.elements[at + 1]));
    } else {
      verdicts.push_back(SetVerdict(request, epoch, exec.elements[at]));
    }
    at += CommandsOf(change);
  }
  return verdicts;
}

bool GroupWasAnnounced(const OperationResult& result) {
  if (!result.status.ok() || TransactionRefused(result)) return false;
  const Reply& exec = result.replies.back();
  return !exec.is_error() && !exec.elements.empty() && !exec.elements[0].is_error();
}

bool TransactionRefused(const OperationResult& result) {
  return result.status.ok() && !result.replies.empty() && result.replies[0].is_error();
}

}  // namespace nearcache::internal::remote
