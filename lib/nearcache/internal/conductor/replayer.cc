#include "nearcache/internal/conductor/replayer.h"

#include <algorithm>
#include <utility>

#include "absl/types/optional.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/hashed_key.h"

namespace nearcache::internal::conductor {
namespace {

using remote::ChangeKind;

ReplayLogOptions LogOptions(const CoherenceOptions& options) {
  ReplayLogOptions log;
  log.window_nanos = absl::ToInt64Nanoseconds(options.replay_window);
  log.entries_max = options.replay_entries_max;
  log.bytes_max = options.replay_bytes_max;
  return log;
}

// Of the write whose frame begins with `header`; nullopt if it is none.
absl::optional<OperationId> WriterOf(absl::string_view header) {
  if (header.size() < kFrameOperationIdOffset + kFrameOperationIdSize) return absl::nullopt;
  return OperationId::FromBytes(header.substr(kFrameOperationIdOffset, kFrameOperationIdSize));
}

}  // namespace

Replayer::Replayer(const RemoteParts& parts) : parts_(parts), log_(LogOptions(parts.options->coherence)) {}

void Replayer::Note(ChangeKind kind, absl::string_view key, OperationId id) {
  const MonotonicNanos now = parts_.clock->Now();
  switch (kind) {
    case ChangeKind::kSet:
    case ChangeKind::kAdd:
    case ChangeKind::kReplace:
      return log_.Note(key, id, now);
    case ChangeKind::kDelete:
    case ChangeKind::kExpire:
      return log_.Note(key, OperationId(), now);
    case ChangeKind::kClear:
      return log_.NoteClear(id, now);
    case ChangeKind::kTouch:
    case ChangeKind::kPersist:
    case ChangeKind::kIncrement:
    case ChangeKind::kForgetAll:
      return;
  }
}

void Replayer::OnHistoryLost(OperationId epoch) {
  if (!lost_) known_epoch_ = epoch;  // Of the server before all that was lost.
  lost_ = true;
}

void Replayer::OnOpened() {
  if (!lost_) return;
  lost_ = false;
  waiting_ = log_.Newest(parts_.clock->Now());
  if (waiting_.empty()) return;
  runs_.fetch_add(1, std::memory_order_relaxed);
  const auto clear =
      std::find_if(waiting_.begin(), waiting_.end(), [](const auto& entry) { return entry.key.empty(); });
  if (clear != waiting_.end()) {
    const OperationId id = clear->stores;
    waiting_.erase(clear);
    if (id == known_epoch_ && parts_.coordinator->LastEpoch() != id) {
      // Whatever else was stored bears the epoch of that Clear and is absent already, or is older and will be.
      waiting_.clear();
      ++in_flight_;
      Send(ChangeKind::kClear, "");
    }
  }
  std::reverse(waiting_.begin(), waiting_.end());
  Pump();
}

// A call may be refused from inside of itself, and ends then before the next begins.
void Replayer::Pump() {
  if (pumping_) return;
  pumping_ = true;
  while (!waiting_.empty() && in_flight_ < kInFlightMax) {
    const ReplayLog::Entry entry = std::move(waiting_.back());
    waiting_.pop_back();
    ++in_flight_;
    Look(entry);
  }
  pumping_ = false;
}

void Replayer::Look(const ReplayLog::Entry& entry) {
  const MonotonicNanos deadline = AddDuration(parts_.clock->Now(), parts_.options->remote.command_timeout);
  parts_.store->ReadTimeToLive(parts_.names->DataKey(entry.key), deadline,
                               [this, entry](absl::StatusOr<remote::ReadReply> reply) { Judge(entry, reply); });
}

void Replayer::Judge(const ReplayLog::Entry& entry, const absl::StatusOr<remote::ReadReply>& reply) {
  if (!reply.ok() || reply->values.size() != 1) return End(/*failed=*/true);
  const remote::Fetched& fetched = reply->values[0];
  if (fetched.state != remote::Fetched::State::kFound) return End(/*failed=*/false);
  const absl::optional<OperationId> writer = WriterOf(fetched.bytes.view());
  if (!entry.stores.empty() && writer == entry.stores) return End(/*failed=*/false);
  Send(ChangeKind::kDelete, entry.key);
}

void Replayer::Send(ChangeKind kind, const std::string& key) {
  remote::ChangeRequest request;
  request.kind = kind;
  request.key = key;
  if (kind != ChangeKind::kClear) request.redis_key = parts_.names->DataKey(key);
  const OperationId id = parts_.ids->Next();
  request.id = id;
  request.deadline = AddDuration(parts_.clock->Now(), parts_.options->remote.command_timeout);
  parts_.store->Change(std::move(request), [this, kind, key, id](remote::ChangeResult result) {
    if (result.status.ok() && kind == ChangeKind::kClear) parts_.coordinator->NoteOwnClear(id);
    // The acknowledgement is an event on the key, like that of any own write (M7).
    if (kind != ChangeKind::kClear) parts_.tier->Invalidate(HashKey(key, parts_.tier->hash_seed()), id);
    if (result.status.ok()) {
      Note(kind, key, id);
      invalidations_.fetch_add(1, std::memory_order_relaxed);
    }
    End(!result.status.ok());
  });
}

void Replayer::End(bool failed) {
  --in_flight_;
  if (failed) failures_.fetch_add(1, std::memory_order_relaxed);
  Pump();
}

ReplayStats Replayer::GetStats() const {
  ReplayStats stats;
  stats.runs = runs_.load(std::memory_order_relaxed);
  stats.invalidations = invalidations_.load(std::memory_order_relaxed);
  stats.failures = failures_.load(std::memory_order_relaxed);
  stats.log = log_.GetStats();
  return stats;
}

}  // namespace nearcache::internal::conductor
