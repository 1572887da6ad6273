#include "nearcache/internal/conductor/writer.h"

#include <algorithm>
#include <utility>

#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/change_kind.h"

namespace nearcache::internal::conductor {

using local::WriteOutcome;
using remote::ChangeKind;
using remote::ChangeResult;
using remote::Invalidates;

namespace {

// A namespace that is cleared more often than this under one write is being cleared in a loop.
constexpr int kAttemptsMax = 5;

bool NeedsFrame(ChangeKind kind) { return StoresValue(kind) || kind == ChangeKind::kIncrement; }

WriteOutcome OutcomeOf(const ChangeResult& result) {
  if (!result.status.ok()) return result.unknown ? WriteOutcome::kUnknown : WriteOutcome::kFailed;
  return result.applied ? WriteOutcome::kApplied : WriteOutcome::kFailed;
}

}  // namespace

struct Writer::Write {
  ChangeKind kind;
  std::string key;
  uint64_t hash;
  Value value;
  absl::optional<absl::Duration> time_to_live;
  int64_t delta;
  bool create;
  bool keep_local;
  MonotonicNanos deadline;
  MonotonicNanos begun_at;
  OperationId id;
  local::WriteRef ticket;  // Null for kClear.
  int attempts = 0;
  bool maybe_executed = false;  // An earlier attempt was stored, with a frame that counts as absent.
  ChangeDone done;
};

// A change that the breaker would refuse must not touch memory first, which answers while the server does not.
absl::Status Writer::CheckBreaker(const ChangeQuery& query) const {
  if (Invalidates(query.kind)) return absl::OkStatus();
  const absl::Status refused = parts_.store->BreakerStatus();
  return refused.ok() ? refused : Annotate(refused, ChangeName(query.kind), query.key.key);
}

void Writer::Change(const ChangeQuery& query, ChangeDone done) {
  if (absl::Status refused = CheckBreaker(query); !refused.ok()) {
    parts_.counters->changes_failed.Increment();
    std::move(done)(Changed(std::move(refused)));
    return;
  }
  auto write = std::make_unique<Write>();
  write->kind = query.kind;
  write->key = std::string(query.key.key);
  write->hash = query.key.hash;
  if (StoresValue(query.kind)) write->value = Value::Copy(query.value);
  if (query.kind == ChangeKind::kIncrement) write->value = Value::Copy("0");
  write->time_to_live = query.time_to_live;
  write->delta = query.delta;
  write->create = query.create;
  write->keep_local = query.keep_local;
  write->deadline = query.deadline;
  write->begun_at = parts_.clock->Now();
  write->id = parts_.ids->Next();
  write->done = std::move(done);
  if (query.kind != ChangeKind::kClear) {
    const bool ends = query.kind == ChangeKind::kDelete || query.kind == ChangeKind::kExpire;
    const RemovalCause cause = ends ? RemovalCause::kExplicit : RemovalCause::kReplaced;
    write->ticket = parts_.tier->BeginWrite(query.key, write->id, write->begun_at, cause);
  }
  const OperationId epoch = parts_.coordinator->LastEpoch();
  if (NeedsFrame(query.kind) && epoch.empty()) {
    EnsureEpoch(std::move(write));
  } else {
    Send(std::move(write), epoch);
  }
}

// Nobody has told this process the namespace's epoch yet, or the server has lost it.
void Writer::EnsureEpoch(WritePtr write) {
  const MonotonicNanos deadline = write->deadline;
  parts_.store->EnsureEpoch(parts_.ids->Next(), deadline,
                            [this, write = std::move(write)](absl::StatusOr<OperationId> epoch) mutable {
                              if (epoch.ok()) {
                                parts_.coordinator->AdoptEpoch(*epoch);
                                SendOnWorker(std::move(write), *epoch);
                                return;
                              }
                              ChangeResult refused;
                              refused.status = epoch.status();
                              End(std::move(write), std::move(refused));
                            });
}

// Encoding may take long, and the event loop must not wait for it.
void Writer::SendOnWorker(WritePtr write, OperationId epoch) {
  parts_.workers->Schedule([this, write = std::move(write), epoch]() mutable { Send(std::move(write), epoch); });
}

std::string Writer::Encode(const Write& write, OperationId epoch) const {
  codec::FrameStamp stamp;
  stamp.key = write.key;
  stamp.epoch = epoch;
  stamp.id = write.id;
  return codec::EncodeFrame(write.value.view(), stamp, parts_.compressor);
}

void Writer::Send(WritePtr write, OperationId epoch) {
  ++write->attempts;
  remote::ChangeRequest request;
  request.kind = write->kind;
  if (write->kind != ChangeKind::kClear) request.redis_key = parts_.names->DataKey(write->key);
  request.key = write->key;
  request.id = write->id;
  if (NeedsFrame(write->kind)) request.value = Encode(*write, epoch);
  request.time_to_live = write->time_to_live;
  request.delta = write->delta;
  request.create = write->create;
  request.deadline = write->deadline;
  parts_.store->Change(std::move(request), [this, write = std::move(write)](ChangeResult result) mutable {
    OnResult(std::move(write), std::move(result));
  });
}

void Writer::OnResult(WritePtr write, ChangeResult result) {
  const bool other_epoch = absl::IsAborted(result.status);
  write->maybe_executed |= other_epoch && result.unknown;
  if (!other_epoch || write->attempts >= kAttemptsMax) {
    End(std::move(write), std::move(result));
  } else if (result.epoch.empty()) {
    EnsureEpoch(std::move(write));
  } else {
    parts_.coordinator->AdoptEpoch(result.epoch);
    SendOnWorker(std::move(write), result.epoch);
  }
}

void Writer::EndLocally(const Write& write, const ChangeResult& result) {
  if (write.kind == ChangeKind::kClear) {
    if (result.status.ok()) {
      parts_.coordinator->NoteOwnClear(write.id);
    } else if (result.unknown) {
      parts_.tier->Clear();
    }
    return;
  }
  absl::optional<Value> kept;
  if (StoresValue(write.kind) && write.keep_local) kept = write.value;
  const absl::Duration life =
      std::min(write.time_to_live.value_or(absl::InfiniteDuration()), parts_.options->local.time_to_live_max);
  parts_.tier->EndWrite(write.ticket, OutcomeOf(result), kept, AddDuration(write.begun_at, life));
}

void Writer::Count(const Write& write, const ChangeResult& result) {
  if (result.unknown) {
    parts_.counters->changes_unknown.Increment();
  } else if (!result.status.ok()) {
    parts_.counters->changes_failed.Increment();
  } else if (result.applied || write.kind == ChangeKind::kDelete) {
    CountChange(write.kind, parts_.counters);
  }
}

absl::Status Writer::Explain(const Write& write, const ChangeResult& result) const {
  if (result.status.ok()) {
    return result.applied ? absl::OkStatus() : ConditionNotMet(write.kind, write.key);
  }
  absl::Status status = result.status;
  if (absl::IsAborted(status)) {
    status = absl::UnavailableError("the namespace was cleared again at each attempt");
  }
  if (write.kind != ChangeKind::kClear) {
    status = Annotate(status, ChangeName(write.kind), write.key);
  }
  return result.unknown ? MarkOutcomeUnknown(std::move(status)) : status;
}

void Writer::End(WritePtr write, ChangeResult result) {
  if (!result.status.ok()) result.unknown |= write->maybe_executed;
  const bool changed = result.status.ok() && (result.applied || write->kind == ChangeKind::kDelete);
  if (changed && replayer_ != nullptr) replayer_->Note(write->kind, write->key, write->id);
  EndLocally(*write, result);
  Count(*write, result);
  Changed told(Explain(*write, result));
  told.integer = result.integer;
  if (told.status.ok()) told.id = write->id;
  std::move(write->done)(std::move(told));
}

}  // namespace nearcache::internal::conductor
