#include "nearcache/internal/conductor/local_ways.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/codec/canonical_integer.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/change_kind.h"

namespace nearcache::internal::conductor {

using remote::ChangeKind;

LocalWays::LocalWays(const Options& options, const local::LocalTierOptions& tier_options, local::LocalTier* tier,
                     OperationIdSource* ids, Counters* counters)
    : entry_bytes_max_(options.local.entry_bytes_max),
      clock_(tier_options.clock),
      opened_at_(clock_->Now()),
      tier_(tier),
      ids_(ids),
      counters_(counters),
      shelf_(tier_options, tier) {}

// --- Reading

void LocalWays::Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call) {
  // A fresh read comes here without having asked memory, which is all there is.
  Value value;
  local::EntryInfo info;
  if (query.fresh && tier_->Get(query.key, clock_->NowCoarse(), &value, &info)) {
    call->Finish(ReadResult(std::move(value), info, Source::kLocal));
    return;
  }
  counters_->local_misses.Increment();
  call->Finish(ReadResult(NoValue(query.key.key)));
}

void LocalWays::ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call) {
  std::vector<ReadResult> results(query.keys.size());
  const MonotonicNanos now = clock_->NowCoarse();
  for (size_t i = 0; i < results.size(); ++i) {
    if (query.fresh && tier_->Get(query.keys[i], now, &results[i].value, &results[i].info)) continue;
    counters_->local_misses.Increment();
    results[i].status = NoValue(query.keys[i].key);
  }
  call->Finish(std::move(results));
}

void LocalWays::TimeToLive(const HashedKey& key, MonotonicNanos /*deadline*/,
                           absl::AnyInvocable<void(absl::StatusOr<absl::Duration>) &&> done) {
  absl::StatusOr<absl::Duration> life = NoValue(key.key);
  const MonotonicNanos now = clock_->Now();
  Value value;
  local::EntryInfo info;
  if (tier_->Get(key, now, &value, &info)) {
    life = info.expires_at == kNever ? absl::InfiniteDuration() : absl::Nanoseconds(info.expires_at - now);
  }
  std::move(done)(std::move(life));
}

// --- Loading

void LocalWays::ReadForLoad(const HashedKey& key, const local::FlightRef& /*flight*/, MonotonicNanos /*deadline*/,
                            LoadReadingDone done) {
  LoadReading reading;
  reading.result.status = NoValue(key.key);
  reading.stale = shelf_.Find(key);
  std::move(done)(std::move(reading));
}

void LocalWays::StoreLoaded(const HashedKey& key, const local::FlightRef& flight, LoadedValue loaded,
                            absl::AnyInvocable<void(local::EntryInfo) &&> done) {
  local::ReadOutcome outcome;
  outcome.found = true;
  outcome.loaded = true;
  outcome.value = std::move(loaded.value);
  outcome.info.id = ids_->Next();
  outcome.info.fetched_at = loaded.began_at;
  if (loaded.time_to_live.has_value()) {
    outcome.info.expires_at = AddDuration(clock_->Now(), *loaded.time_to_live);
  }
  if (flight != nullptr) tier_->CompleteRead(flight, outcome);
  shelf_.Remove(key);
  std::move(done)(outcome.info);
}

// --- Changing

void LocalWays::Change(const ChangeQuery& query, ChangeDone done) {
  Changed changed = Apply(query);
  if (changed.status.ok()) CountChange(query.kind, counters_);
  std::move(done)(std::move(changed));
}

Changed LocalWays::Apply(const ChangeQuery& query) {
  switch (query.kind) {
    case ChangeKind::kSet:
      return Store(query);
    case ChangeKind::kAdd:
      return StoreIf(query, /*wants_present=*/false);
    case ChangeKind::kReplace:
      return StoreIf(query, /*wants_present=*/true);
    case ChangeKind::kTouch:
    case ChangeKind::kPersist:
      return ChangeLife(query);
    case ChangeKind::kIncrement:
      return Increment(query);
    case ChangeKind::kExpire:
      return Expire(query);
    case ChangeKind::kDelete:
      tier_->Remove(query.key);
      shelf_.Remove(query.key);
      return Changed();
    case ChangeKind::kClear:
      tier_->Clear();
      shelf_.Clear();
      return Changed();
    case ChangeKind::kForgetAll:
      break;  // Nobody else's memory to speak to.
  }
  return Changed(absl::InternalError("a change of an unknown kind"));
}

MonotonicNanos LocalWays::ExpiresAt(const ChangeQuery& query) const {
  return query.time_to_live.has_value() ? AddDuration(clock_->Now(), *query.time_to_live) : kNever;
}

absl::Status LocalWays::TooLarge(const ChangeQuery& query) const {
  return absl::InvalidArgumentError(absl::StrCat(
      ChangeName(query.kind), " of key ", QuoteKey(query.key.key), ": the entry of ",
      query.key.key.size() + query.value.size(), " bytes and its header are more than local.entry_bytes_max = ",
      entry_bytes_max_, " (or than a stripe of local.capacity_bytes has room for), and there is no remote tier"));
}

Changed LocalWays::Store(const ChangeQuery& query) {
  const MonotonicNanos now = clock_->Now();
  Changed changed;
  if (!tier_->Put(query.key, query.value, ids_->Next(), now, ExpiresAt(query))) {
    tier_->Remove(query.key);
    changed.status = TooLarge(query);
  }
  shelf_.Remove(query.key);
  return changed;
}

Changed LocalWays::Update(const ChangeQuery& query,
                          absl::FunctionRef<absl::optional<Replacement>(const Current*, Changed*)> update) {
  Changed changed;
  const absl::Status updated =
      tier_->Update(query.key, ids_->Next(), clock_->Now(),
                    [&changed, update](const Current* current) { return update(current, &changed); });
  if (!updated.ok()) {
    changed.status = TooLarge(query);
  } else if (changed.status.ok()) {
    shelf_.Remove(query.key);
  } else {
    changed.status = DescribeRefusal(query, changed.status.code());
  }
  return changed;
}

absl::Status LocalWays::DescribeRefusal(const ChangeQuery& query, absl::StatusCode code) {
  if (code == absl::StatusCode::kFailedPrecondition) {
    return absl::FailedPreconditionError(
        absl::StrCat("the value of key ", QuoteKey(query.key.key), " is not a 64-bit decimal integer"));
  }
  if (code == absl::StatusCode::kOutOfRange) {
    return absl::OutOfRangeError(
        absl::StrCat("the sum at key ", QuoteKey(query.key.key), " does not fit into 64 bits"));
  }
  return ConditionNotMet(query.kind, query.key.key);
}

Changed LocalWays::StoreIf(const ChangeQuery& query, bool wants_present) {
  const MonotonicNanos expires_at = ExpiresAt(query);
  // May be asked again, when another thread was faster.
  return Update(query, [&](const Current* current, Changed* changed) {
    absl::optional<Replacement> replacement;
    if ((current != nullptr) == wants_present) {
      replacement.emplace();
      replacement->value = std::string(query.value);
      replacement->expires_at = expires_at;
    } else {
      changed->status = absl::Status(absl::StatusCode::kNotFound, "");
    }
    return replacement;
  });
}

Changed LocalWays::ChangeLife(const ChangeQuery& query) {
  const MonotonicNanos expires_at = query.kind == ChangeKind::kPersist ? kNever : ExpiresAt(query);
  return Update(query, [&](const Current* current, Changed* changed) {
    absl::optional<Replacement> replacement;
    if (current == nullptr) {
      changed->status = absl::Status(absl::StatusCode::kNotFound, "");
    } else {
      replacement.emplace();
      replacement->value = std::string(current->value);
      replacement->expires_at = expires_at;
    }
    return replacement;
  });
}

Changed LocalWays::Increment(const ChangeQuery& query) {
  const MonotonicNanos created_expires_at = ExpiresAt(query);
  return Update(query, [&](const Current* current, Changed* changed) {
    absl::optional<Replacement> replacement;
    absl::optional<int64_t> number = 0;
    if (current != nullptr) number = codec::ParseCanonicalInteger(current->value);
    if (current == nullptr && !query.create) {
      changed->status = absl::Status(absl::StatusCode::kNotFound, "");
    } else if (!number.has_value()) {
      changed->status = absl::Status(absl::StatusCode::kFailedPrecondition, "");
    } else if (__builtin_add_overflow(*number, query.delta, &changed->integer)) {
      changed->status = absl::Status(absl::StatusCode::kOutOfRange, "");
    } else {
      replacement.emplace();
      replacement->value = absl::StrCat(changed->integer);
      replacement->expires_at = current != nullptr ? current->info.expires_at : created_expires_at;
    }
    return replacement;
  });
}

Changed LocalWays::Expire(const ChangeQuery& query) {
  while (true) {
    Value value;
    local::EntryInfo info;
    if (!tier_->Get(query.key, clock_->Now(), &value, &info)) {
      return Changed(NoValue(query.key.key));
    }
    shelf_.Put(query.key, value, info);
    // Removes exactly what was put on the shelf. If somebody stored another value meanwhile, it is
    // that one's turn; what is on the shelf is older, and must not stay.
    bool removed = false;
    const absl::Status updated = tier_->Update(query.key, ids_->Next(), clock_->Now(), [&](const Current* current) {
      absl::optional<Replacement> replacement;
      removed = current != nullptr && current->info.id == info.id;
      if (removed) replacement.emplace().remove = true;
      return replacement;
    });
    if (removed && updated.ok()) return Changed();
    shelf_.Remove(query.key);
  }
}

// --- Beside the cache

void LocalWays::Execute(std::vector<std::string> /*arguments*/, MonotonicNanos /*deadline*/,
                        absl::AnyInvocable<void(absl::StatusOr<remote::Reply>) &&> done) {
  std::move(done)(
      absl::FailedPreconditionError("Execute needs a remote tier, and remote.host and remote.unix_socket are empty"));
}

void LocalWays::Sync(MonotonicNanos /*deadline*/, absl::AnyInvocable<void(absl::Status) &&> done) {
  std::move(done)(absl::OkStatus());
}

HealthReport LocalWays::Health() const {
  HealthReport report;
  report.since = absl::Nanoseconds(clock_->Now() - opened_at_);
  report.round_trip = absl::InfiniteDuration();
  return report;
}

void LocalWays::AddStats(CacheStats* stats) const {
  stats->local_bytes += shelf_.bytes();
  stats->local_capacity_bytes += shelf_.capacity_bytes();
  stats->heartbeat_age = absl::InfiniteDuration();
}

}  // namespace nearcache::internal::conductor
