// The calls of Cache that look in, and the one that changes the size of what is looked into.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "nearcache/cache.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/conductor/read_info.h"
#include "nearcache/internal/conductor/remote_sight.h"

namespace nearcache {
namespace {

using internal::HashedKey;
using internal::MonotonicNanos;
using internal::OperationTag;
using internal::conductor::CheckKey;
using internal::conductor::Core;
using internal::conductor::Patience;
using internal::conductor::RemoteSight;
using internal::conductor::RunAsync;
using internal::conductor::RunBlocking;
using internal::conductor::TimeUntil;
using internal::local::EntrySnapshot;
using internal::local::FlightKind;
using internal::local::KeyReport;
using internal::local::LocalTier;
using internal::local::Presence;

using Result = absl::StatusOr<Explanation>;

Result Fail(const absl::Status& failure) { return failure; }

constexpr size_t kEntriesMax = 1000;

EntryView ToView(const EntrySnapshot& entry, MonotonicNanos now) {
  return {entry.key, entry.value, TimeUntil(now, entry.info.fetched_at), TimeUntil(entry.info.expires_at, now)};
}

std::vector<EntryView> EndOfOrder(Core& core, LocalTier::End end, size_t count) {
  std::vector<EntryView> views;
  if (!core.gate().open()) return views;
  const MonotonicNanos now = core.clock().Now();
  for (const EntrySnapshot& entry : core.EndOfOrder(end, std::min(count, kEntriesMax))) {
    views.push_back(ToView(entry, now));
  }
  return views;
}

Explanation::Memory ToMemory(Presence presence) {
  switch (presence) {
    case Presence::kAbsent:
      return Explanation::Memory::kAbsent;
    case Presence::kServed:
      return Explanation::Memory::kServed;
    case Presence::kExpired:
      return Explanation::Memory::kExpired;
    case Presence::kCleared:
      return Explanation::Memory::kCleared;
    case Presence::kNotCovered:
      return Explanation::Memory::kNotVouchedFor;
  }
  return Explanation::Memory::kAbsent;
}

Explanation::Remote ToRemote(RemoteSight::What what) {
  switch (what) {
    case RemoteSight::What::kNoRemote:
      return Explanation::Remote::kNone;
    case RemoteSight::What::kUnreachable:
      return Explanation::Remote::kUnreachable;
    case RemoteSight::What::kAbsent:
      return Explanation::Remote::kAbsent;
    case RemoteSight::What::kPresent:
      return Explanation::Remote::kPresent;
    case RemoteSight::What::kExpired:
      return Explanation::Remote::kExpired;
    case RemoteSight::What::kCleared:
      return Explanation::Remote::kCleared;
    case RemoteSight::What::kForeign:
      return Explanation::Remote::kForeign;
    case RemoteSight::What::kUnusable:
      return Explanation::Remote::kUnusable;
  }
  return Explanation::Remote::kUnreachable;
}

Explanation ExplainMemory(Core& core, const HashedKey& key) {
  const KeyReport report = core.Explain(key);
  Explanation explanation;
  explanation.memory = ToMemory(report.presence);
  explanation.being_written = report.being_written;
  explanation.being_read = report.flight == FlightKind::kRead;
  explanation.being_loaded = report.flight == FlightKind::kLoad;
  explanation.stripe = report.stripe;
  explanation.lane = report.lane;
  explanation.lane_generation = report.lane_generation;
  if (report.presence == Presence::kAbsent) return explanation;
  const MonotonicNanos now = core.clock().Now();
  explanation.age = TimeUntil(now, report.info.fetched_at);
  explanation.time_to_live = TimeUntil(report.info.expires_at, now);
  explanation.value_bytes = report.value_bytes;
  explanation.entry_bytes = report.entry_bytes;
  explanation.read_lately = report.read_lately;
  explanation.generation = report.generation;
  explanation.leased = report.leased;
  explanation.operation_id = report.info.id.ToString();
  return explanation;
}

void AddRemote(const RemoteSight& sight, Explanation* explanation) {
  explanation->remote = ToRemote(sight.what);
  explanation->remote_status = sight.status;
  explanation->remote_bytes = sight.bytes;
  explanation->remote_time_to_live = sight.time_to_live.value_or(absl::InfiniteDuration());
  if (!sight.id.empty()) explanation->remote_operation_id = OperationTag(sight.id).ToString();
}

auto StartExplain(Core& core, const HashedKey& key) {
  return [&core, key](const auto& call, MonotonicNanos deadline) {
    // Memory first: what the remote tier says afterwards is then at least as new.
    core.ways().Look(key, deadline, [call, explanation = ExplainMemory(core, key)](RemoteSight sight) mutable {
      AddRemote(sight, &explanation);
      call->Finish(Result(std::move(explanation)));
    });
  };
}

}  // namespace

absl::Status Cache::SetLocalCapacity(size_t bytes) {
  if (absl::Status closed = core_->gate().CheckOpen(); !closed.ok()) return closed;
  return core_->SetLocalCapacity(bytes);
}

absl::Status Cache::ForEach(absl::FunctionRef<bool(const EntryView& entry)> visitor) const {
  if (absl::Status closed = core_->gate().CheckOpen(); !closed.ok()) return closed;
  core_->ForEach([this, visitor](const EntrySnapshot& entry) { return visitor(ToView(entry, core_->clock().Now())); });
  return absl::OkStatus();
}

std::vector<EntryView> Cache::Hottest(size_t count) const {
  return EndOfOrder(*core_, LocalTier::End::kHottest, count);
}

std::vector<EntryView> Cache::Coldest(size_t count) const {
  return EndOfOrder(*core_, LocalTier::End::kColdest, count);
}

Result Cache::Explain(absl::string_view key, const ExplainOptions& options) const {
  if (absl::Status bad = CheckKey(key, core_->options().limits); !bad.ok()) return bad;
  const HashedKey hashed = core_->Hash(key);
  if (options.ask_remote) {
    return RunBlocking<Result>(*core_, options.timeout, Patience::kUntilAnswer, Fail, StartExplain(*core_, hashed));
  }
  if (absl::Status closed = core_->gate().CheckOpen(); !closed.ok()) return closed;
  return ExplainMemory(*core_, hashed);
}

void Cache::ExplainAsync(absl::string_view key, Callback<Result> done, const ExplainOptions& options) const {
  absl::Status refused = CheckKey(key, core_->options().limits);
  if (refused.ok()) refused = core_->gate().CheckOpen();
  if (!refused.ok()) {
    std::move(done)(std::move(refused));
    return;
  }
  const HashedKey hashed = core_->Hash(key);
  if (!options.ask_remote) {
    std::move(done)(ExplainMemory(*core_, hashed));
    return;
  }
  RunAsync<Result>(*core_, options.timeout, Fail, StartExplain(*core_, hashed), std::move(done));
}

}  // namespace nearcache
