// The changing calls of Cache: arguments are checked and resolved here, the ways do the rest.

#include <memory>
#include <utility>

#include "nearcache/cache.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/conductor/gather.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache {
namespace {

using internal::MonotonicNanos;
using internal::conductor::Changed;
using internal::conductor::ChangeQuery;
using internal::conductor::Core;
using internal::conductor::Gather;
using internal::conductor::Patience;
using internal::conductor::RunAsync;
using internal::conductor::RunBlocking;
using internal::remote::ChangeKind;

// A change whose arguments were looked at.
struct Prepared {
  absl::Status refused;
  ChangeQuery query;
  absl::Duration timeout;
};

Prepared PrepareKey(Core& core, ChangeKind kind, absl::string_view key, const CallOptions& options) {
  Prepared prepared;
  prepared.refused = internal::conductor::CheckKey(key, core.options().limits);
  prepared.query.kind = kind;
  prepared.query.key = core.Hash(key);
  prepared.timeout = options.timeout;
  return prepared;
}

void SetTimeToLive(absl::Duration time_to_live, Prepared* prepared) {
  if (!prepared->refused.ok()) return;
  auto life = internal::conductor::ResolveTimeToLive(prepared->query.key.key, time_to_live);
  if (life.ok()) {
    prepared->query.time_to_live = *life;
  } else {
    prepared->refused = life.status();
  }
}

Prepared PrepareWrite(Core& core, ChangeKind kind, absl::string_view key, const WriteOptions& options) {
  Prepared prepared = PrepareKey(core, kind, key, options);
  SetTimeToLive(options.time_to_live.value_or(core.options().default_time_to_live), &prepared);
  prepared.query.keep_local = options.keep_local;
  return prepared;
}

Prepared PrepareStore(Core& core, ChangeKind kind, absl::string_view key, absl::string_view value,
                      const WriteOptions& options) {
  Prepared prepared = PrepareWrite(core, kind, key, options);
  if (prepared.refused.ok()) {
    prepared.refused = internal::conductor::CheckValue(key, value, core.options().limits);
  }
  prepared.query.value = value;
  return prepared;
}

Prepared PrepareIncrement(Core& core, absl::string_view key, int64_t delta, const IncrementOptions& options) {
  Prepared prepared = PrepareWrite(core, ChangeKind::kIncrement, key, options);
  prepared.query.delta = delta;
  prepared.query.create = options.create;
  return prepared;
}

Prepared PrepareTouch(Core& core, absl::string_view key, absl::Duration time_to_live, const CallOptions& options) {
  Prepared prepared = PrepareKey(core, ChangeKind::kTouch, key, options);
  SetTimeToLive(time_to_live, &prepared);
  return prepared;
}

Prepared PrepareClear(const CallOptions& options) {
  Prepared prepared;
  prepared.query.kind = ChangeKind::kClear;
  prepared.timeout = options.timeout;
  return prepared;
}

Changed FailChange(const absl::Status& failure) { return Changed(failure); }

auto StartChange(Core& core, const ChangeQuery& query) {
  return [&core, query = ChangeQuery(query)](const auto& call, MonotonicNanos deadline) mutable {
    query.deadline = deadline;
    core.ways().Change(query, [call](Changed changed) { call->Finish(std::move(changed)); });
  };
}

Changed Run(Core& core, Prepared prepared) {
  if (!prepared.refused.ok()) return Changed(std::move(prepared.refused));
  return RunBlocking<Changed>(core, prepared.timeout, Patience::kUntilAnswer, FailChange,
                              StartChange(core, prepared.query));
}

absl::Status RunForStatus(Core& core, Prepared prepared) { return Run(core, std::move(prepared)).status; }

template <typename Done>
void RunThen(Core& core, Prepared prepared, Done done) {
  if (!prepared.refused.ok()) {
    std::move(done)(Changed(std::move(prepared.refused)));
    return;
  }
  RunAsync<Changed>(core, prepared.timeout, FailChange, StartChange(core, prepared.query), std::move(done));
}

void RunForStatusAsync(Core& core, Prepared prepared, Callback<absl::Status> done) {
  RunThen(core, std::move(prepared),
          [done = std::move(done)](Changed changed) mutable { std::move(done)(std::move(changed.status)); });
}

absl::StatusOr<int64_t> ToNumber(Changed changed) {
  if (!changed.status.ok()) return std::move(changed.status);
  return changed.integer;
}

// --- Many keys

using Statuses = std::vector<absl::Status>;

auto FailAll(size_t count) {
  return [count](const absl::Status& failure) { return Statuses(count, failure); };
}

// Submits all changes one after the other, so that the loop finds them together.
auto StartMany(Core& core, std::vector<Prepared> changes) {
  return [&core, changes = std::move(changes)](const auto& call, MonotonicNanos deadline) mutable {
    const auto gather = std::make_shared<Gather<absl::Status>>(
        changes.size(), [call](Statuses statuses) { call->Finish(std::move(statuses)); });
    for (size_t i = 0; i < changes.size(); ++i) {
      if (!changes[i].refused.ok()) {
        gather->Put(i, std::move(changes[i].refused));
        continue;
      }
      changes[i].query.deadline = deadline;
      core.ways().Change(changes[i].query, [gather, i](Changed changed) { gather->Put(i, std::move(changed.status)); });
    }
  };
}

std::vector<Prepared> PrepareSets(Core& core, absl::Span<const KeyAndValue> entries, const WriteOptions& options) {
  std::vector<Prepared> changes;
  changes.reserve(entries.size());
  for (const KeyAndValue& entry : entries) {
    changes.push_back(PrepareStore(core, ChangeKind::kSet, entry.first, entry.second, options));
  }
  return changes;
}

std::vector<Prepared> PrepareDeletes(Core& core, absl::Span<const absl::string_view> keys, const CallOptions& options) {
  std::vector<Prepared> changes;
  changes.reserve(keys.size());
  for (const absl::string_view key : keys) {
    changes.push_back(PrepareKey(core, ChangeKind::kDelete, key, options));
  }
  return changes;
}

Statuses RunMany(Core& core, absl::Duration timeout, std::vector<Prepared> changes) {
  const size_t count = changes.size();
  if (count == 0) return Statuses();
  return RunBlocking<Statuses>(core, timeout, Patience::kUntilAnswer, FailAll(count),
                               StartMany(core, std::move(changes)));
}

void RunManyAsync(Core& core, absl::Duration timeout, std::vector<Prepared> changes, Callback<Statuses> done) {
  const size_t count = changes.size();
  if (count == 0) {
    std::move(done)(Statuses());
    return;
  }
  RunAsync<Statuses>(core, timeout, FailAll(count), StartMany(core, std::move(changes)), std::move(done));
}

}  // namespace

absl::Status Cache::Set(absl::string_view key, absl::string_view value, const WriteOptions& options) {
  return RunForStatus(*core_, PrepareStore(*core_, ChangeKind::kSet, key, value, options));
}
void Cache::SetAsync(absl::string_view key, absl::string_view value, Callback<absl::Status> done,
                     const WriteOptions& options) {
  RunForStatusAsync(*core_, PrepareStore(*core_, ChangeKind::kSet, key, value, options), std::move(done));
}

absl::Status Cache::Add(absl::string_view key, absl::string_view value, const WriteOptions& options) {
  return RunForStatus(*core_, PrepareStore(*core_, ChangeKind::kAdd, key, value, options));
}
void Cache::AddAsync(absl::string_view key, absl::string_view value, Callback<absl::Status> done,
                     const WriteOptions& options) {
  RunForStatusAsync(*core_, PrepareStore(*core_, ChangeKind::kAdd, key, value, options), std::move(done));
}

absl::Status Cache::Replace(absl::string_view key, absl::string_view value, const WriteOptions& options) {
  return RunForStatus(*core_, PrepareStore(*core_, ChangeKind::kReplace, key, value, options));
}
void Cache::ReplaceAsync(absl::string_view key, absl::string_view value, Callback<absl::Status> done,
                         const WriteOptions& options) {
  RunForStatusAsync(*core_, PrepareStore(*core_, ChangeKind::kReplace, key, value, options), std::move(done));
}

absl::Status Cache::Delete(absl::string_view key, const CallOptions& options) {
  return RunForStatus(*core_, PrepareKey(*core_, ChangeKind::kDelete, key, options));
}
void Cache::DeleteAsync(absl::string_view key, Callback<absl::Status> done, const CallOptions& options) {
  RunForStatusAsync(*core_, PrepareKey(*core_, ChangeKind::kDelete, key, options), std::move(done));
}

Statuses Cache::SetMany(absl::Span<const KeyAndValue> entries, const WriteOptions& options) {
  return RunMany(*core_, options.timeout, PrepareSets(*core_, entries, options));
}
void Cache::SetManyAsync(absl::Span<const KeyAndValue> entries, Callback<Statuses> done, const WriteOptions& options) {
  RunManyAsync(*core_, options.timeout, PrepareSets(*core_, entries, options), std::move(done));
}

Statuses Cache::DeleteMany(absl::Span<const absl::string_view> keys, const CallOptions& options) {
  return RunMany(*core_, options.timeout, PrepareDeletes(*core_, keys, options));
}
void Cache::DeleteManyAsync(absl::Span<const absl::string_view> keys, Callback<Statuses> done,
                            const CallOptions& options) {
  RunManyAsync(*core_, options.timeout, PrepareDeletes(*core_, keys, options), std::move(done));
}

absl::StatusOr<int64_t> Cache::Increment(absl::string_view key, int64_t delta, const IncrementOptions& options) {
  return ToNumber(Run(*core_, PrepareIncrement(*core_, key, delta, options)));
}
void Cache::IncrementAsync(absl::string_view key, int64_t delta, Callback<absl::StatusOr<int64_t>> done,
                           const IncrementOptions& options) {
  RunThen(*core_, PrepareIncrement(*core_, key, delta, options),
          [done = std::move(done)](Changed changed) mutable { std::move(done)(ToNumber(std::move(changed))); });
}

// --- Life of a value

absl::Status Cache::Touch(absl::string_view key, absl::Duration time_to_live, const CallOptions& options) {
  return RunForStatus(*core_, PrepareTouch(*core_, key, time_to_live, options));
}
void Cache::TouchAsync(absl::string_view key, absl::Duration time_to_live, Callback<absl::Status> done,
                       const CallOptions& options) {
  RunForStatusAsync(*core_, PrepareTouch(*core_, key, time_to_live, options), std::move(done));
}

absl::Status Cache::Persist(absl::string_view key, const CallOptions& options) {
  return RunForStatus(*core_, PrepareKey(*core_, ChangeKind::kPersist, key, options));
}
void Cache::PersistAsync(absl::string_view key, Callback<absl::Status> done, const CallOptions& options) {
  RunForStatusAsync(*core_, PrepareKey(*core_, ChangeKind::kPersist, key, options), std::move(done));
}

absl::Status Cache::Expire(absl::string_view key, const CallOptions& options) {
  return RunForStatus(*core_, PrepareKey(*core_, ChangeKind::kExpire, key, options));
}
void Cache::ExpireAsync(absl::string_view key, Callback<absl::Status> done, const CallOptions& options) {
  RunForStatusAsync(*core_, PrepareKey(*core_, ChangeKind::kExpire, key, options), std::move(done));
}

absl::Status Cache::Clear(const CallOptions& options) { return RunForStatus(*core_, PrepareClear(options)); }
void Cache::ClearAsync(Callback<absl::Status> done, const CallOptions& options) {
  RunForStatusAsync(*core_, PrepareClear(options), std::move(done));
}

}  // namespace nearcache
