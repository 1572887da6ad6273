#include "nearcache/internal/conductor/reader.h"

#include <utility>

#include "nearcache/internal/conductor/arguments.h"

namespace nearcache::internal::conductor {
namespace {

using local::ReadOutcome;
using local::ReadStart;

constexpr int64_t kSameDeadlineNanos = 10'000'000;

ReadResult FromOutcome(const ReadOutcome& outcome, absl::string_view key) {
  if (!outcome.status.ok()) return ReadResult(outcome.status);
  if (!outcome.found) return ReadResult(NoValue(key));
  return ReadResult(outcome.value, outcome.info, outcome.loaded ? Source::kLoader : Source::kRemote);
}

}  // namespace

Reader::Reader(const RemoteParts& parts, Fetcher* fetcher)
    // Without memory each read is its own: it was turned off for values that must never be stale.
    : parts_(parts), uses_flights_(parts.options->local.capacity_bytes != 0), fetcher_(fetcher) {}

absl::Status Reader::CheckAllowed() const {
  const bool fail = parts_.options->coherence.link_down_policy == LinkDownPolicy::kFail;
  if (!fail || parts_.coordinator->open()) return absl::OkStatus();
  const absl::Status why = parts_.coordinator->Status();
  return absl::UnavailableError(why.ok() ? absl::string_view("the invalidation channel is down") : why.message());
}

MonotonicNanos Reader::FetchDeadline(MonotonicNanos deadline, MonotonicNanos now) const {
  // A call with the default timeout computed its deadline a moment before.
  const MonotonicNanos usual = AddDuration(now, parts_.options->remote.command_timeout);
  return usual - deadline <= kSameDeadlineNanos ? deadline : usual;
}

bool Reader::BeginOne(const HashedKey& key, bool fresh, MonotonicNanos now, Answer answer,
                      std::vector<FetchItem>* items) {
  // Two may hold it, the waiter and the fetch, of which one is used.
  auto shared = std::make_shared<Answer>(std::move(answer));
  ReadStart start;
  if (!fresh && uses_flights_) {
    local::Waiter waiter = [shared, copy = std::string(key.key)](const ReadOutcome& outcome) {
      std::move (*shared)(FromOutcome(outcome, copy));
    };
    start = parts_.tier->BeginRead(key, now, local::FlightKind::kRead, &waiter);
  }
  if (start.role == ReadStart::Role::kHit) {
    std::move (*shared)(ReadResult(std::move(start.value), start.info, Source::kLocal));
    return false;
  }
  parts_.counters->local_misses.Increment();
  if (start.role == ReadStart::Role::kJoin) return true;
  items->emplace_back(key, std::move(start.flight),
                      [shared](LoadReading reading) { std::move (*shared)(std::move(reading.result)); });
  return false;
}

void Reader::Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call) {
  const absl::Status allowed = CheckAllowed();
  if (!allowed.ok()) {
    call->Finish(ReadResult(allowed));
    return;
  }
  const MonotonicNanos now = parts_.clock->Now();
  const MonotonicNanos fetch_deadline = FetchDeadline(query.deadline, now);
  std::vector<FetchItem> items;
  const bool joined =
      BeginOne(query.key, query.fresh, now, [call](ReadResult result) { call->Finish(std::move(result)); }, &items);
  const bool may_outlast = joined || query.deadline < fetch_deadline;
  if (may_outlast && !call->keeps_deadline()) parts_.timekeeper->Add(query.deadline, call);
  if (!items.empty()) fetcher_->Fetch(std::move(items), query.fresh, fetch_deadline);
}

void Reader::ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call) {
  const absl::Status allowed = CheckAllowed();
  if (!allowed.ok()) {
    call->Finish(std::vector<ReadResult>(query.keys.size(), ReadResult(allowed)));
    return;
  }
  const MonotonicNanos now = parts_.clock->Now();
  const MonotonicNanos fetch_deadline = FetchDeadline(query.deadline, now);
  const auto batch = std::make_shared<ReadBatch>(query.keys.size(), call);
  std::vector<FetchItem> items;
  bool joined = false;
  for (size_t i = 0; i < query.keys.size(); ++i) {
    joined |= BeginOne(
        query.keys[i], query.fresh, now, [batch, i](ReadResult result) { batch->Put(i, std::move(result)); }, &items);
  }
  if (joined || query.deadline < fetch_deadline) parts_.timekeeper->Add(query.deadline, batch);
  if (!items.empty()) fetcher_->Fetch(std::move(items), query.fresh, fetch_deadline);
}

}  // namespace nearcache::internal::conductor
