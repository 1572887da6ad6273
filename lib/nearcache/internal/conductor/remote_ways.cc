#include "nearcache/internal/conductor/remote_ways.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/histogram_summary.h"
#include "nearcache/internal/conductor/remote_look.h"

namespace nearcache::internal::conductor {
namespace {

using local::ReadOutcome;

codec::CompressorOptions ToCompressorOptions(const CodecOptions& options) {
  codec::CompressorOptions compressor;
  compressor.threshold_bytes = options.compression_threshold_bytes;
  compressor.level = options.compression_level;
  return compressor;
}

using Events = std::shared_ptr<Notifier<CoherenceEvent>>;

void Post(const Events& events, CoherenceEvent event) {
  if (events == nullptr) return;
  const size_t bytes = sizeof(event) + event.text.size() + event.key.size();
  events->Post(std::move(event), bytes);
}

CoherenceEvent::Cause ToCause(coherence::CloseCause cause) {
  switch (cause) {
    case coherence::CloseCause::kGap:
      return CoherenceEvent::Cause::kGap;
    case coherence::CloseCause::kChannelLost:
      return CoherenceEvent::Cause::kChannelLost;
    case coherence::CloseCause::kHeartbeatTimeout:
      return CoherenceEvent::Cause::kHeartbeatTimeout;
    case coherence::CloseCause::kLaneMissing:
      return CoherenceEvent::Cause::kLaneMissing;
    case coherence::CloseCause::kLaneRegressed:
      return CoherenceEvent::Cause::kLaneRegressed;
    case coherence::CloseCause::kEpochChanged:
      return CoherenceEvent::Cause::kEpochChanged;
    case coherence::CloseCause::kServerLeft:
      return CoherenceEvent::Cause::kServerLeft;
    case coherence::CloseCause::kSuspended:
      return CoherenceEvent::Cause::kSuspended;
    case coherence::CloseCause::kFlushed:
      return CoherenceEvent::Cause::kFlushed;
  }
  return CoherenceEvent::Cause::kNone;
}

CoherenceEvent ToEvent(const coherence::GenerationChange& change) {
  CoherenceEvent event;
  event.heartbeat_age = change.heartbeat_age;
  if (change.opened) {
    event.text = "memory is vouched for from now on";
    return event;
  }
  event.kind = CoherenceEvent::Kind::kGenerationEnded;
  event.cause = ToCause(change.cause);
  event.suspect_entries = change.suspect_entries;
  event.text = absl::StrCat("memory is not vouched for any more: ", CloseCauseName(change.cause), "; ",
                            change.suspect_entries, " entries are suspect, last heard of everything ",
                            absl::FormatDuration(change.heartbeat_age), " ago");
  return event;
}

void AddAudit(const AuditStats& audit, CacheStats* stats) {
  stats->audit_checks = audit.checks;
  stats->audit_skipped = audit.skipped;
  stats->audit_inconclusive = audit.inconclusive;
  stats->audit_missing = audit.missing;
  stats->audit_foreign = audit.foreign;
  stats->audit_stale = audit.stale;
  stats->audit_staleness = Summarise(audit.staleness);
}

RemoteNodeStats ToNodeStats(const remote::NodeStats& node) {
  const auto latencies = [&node](remote::CommandClass command_class) {
    return Summarise(node.latencies[static_cast<size_t>(command_class)]);
  };
  RemoteNodeStats stats;
  stats.address = node.address;
  stats.connected = node.connected;
  stats.subscribed = node.subscribed;
  stats.last_disconnect = node.last_disconnect;
  stats.breaker_state = node.breaker_state;
  stats.queued_operations = node.queued_operations;
  stats.queued_bytes = node.queued_bytes;
  stats.reads = latencies(remote::CommandClass::kRead);
  stats.changes = latencies(remote::CommandClass::kChange);
  stats.invalidations = latencies(remote::CommandClass::kInvalidation);
  stats.executes = latencies(remote::CommandClass::kExecute);
  stats.control = latencies(remote::CommandClass::kControl);
  return stats;
}

std::unique_ptr<Auditor> MakeAuditor(const RemoteWaysDependencies& dependencies, const RemoteParts& parts) {
  if (dependencies.sampler == nullptr) return nullptr;
  return std::make_unique<Auditor>(parts, dependencies.sampler, [events = dependencies.events](CoherenceEvent event) {
    Post(events, std::move(event));
  });
}

std::unique_ptr<Replayer> MakeReplayer(const RemoteParts& parts) {
  if (parts.options->coherence.replay_window <= absl::ZeroDuration()) return nullptr;
  return std::make_unique<Replayer>(parts);
}

void AddReplays(const ReplayStats& replay, CacheStats* stats) {
  stats->replays = replay.runs;
  stats->replayed_invalidations = replay.invalidations;
  stats->replay_failures = replay.failures;
  stats->replay_entries = replay.log.entries;
  stats->replay_bytes = replay.log.bytes;
  stats->replay_dropped = replay.log.dropped;
}

coherence::CoordinatorOptions ToCoordinatorOptions(const RemoteWaysDependencies& dependencies) {
  const Options& options = *dependencies.options;
  coherence::CoordinatorOptions coordinator;
  coordinator.staleness_bound = options.coherence.staleness_bound;
  coordinator.drop_on_close = options.coherence.link_down_policy != LinkDownPolicy::kServeWithinBound;
  coordinator.key_version = options.key_version;
  coordinator.foreign_writers = options.coherence.foreign_writers;
  coordinator.ids = dependencies.ids;
  coordinator.clock = dependencies.clock;
  return coordinator;
}

}  // namespace

RemoteWays::RemoteWays(const RemoteWaysDependencies& dependencies, std::unique_ptr<remote::Store> store,
                       std::unique_ptr<TaskPool> workers)
    : names_(dependencies.options->key_prefix, dependencies.options->key_version,
             dependencies.options->remote.database),
      compressor_(ToCompressorOptions(dependencies.options->codec)),
      workers_(std::move(workers)),
      store_(std::move(store)),
      coordinator_(MakeCoordinator(dependencies)),
      parts_{dependencies.options,  dependencies.clock,
             dependencies.counters, dependencies.ids,
             dependencies.tier,     dependencies.timekeeper,
             workers_.get(),        store_.get(),
             coordinator_.get(),    &names_,
             &compressor_},
      health_(std::make_unique<HealthMonitor>(dependencies.clock, store_.get(), coordinator_.get())),
      fetcher_(parts_),
      reader_(parts_, &fetcher_),
      replayer_(MakeReplayer(parts_)),
      writer_(parts_, replayer_.get()),
      auditor_(MakeAuditor(dependencies, parts_)) {}

// What it calls, on the store's loop, is made after it and before the store is started.
std::unique_ptr<coherence::Coordinator> RemoteWays::MakeCoordinator(const RemoteWaysDependencies& dependencies) {
  coherence::CoordinatorOptions options = ToCoordinatorOptions(dependencies);
  options.on_generation = [this, events = dependencies.events](const coherence::GenerationChange& change) {
    Post(events, ToEvent(change));
    if (change.opened && replayer_ != nullptr) replayer_->OnOpened();
  };
  options.on_history_lost = [this](OperationId epoch) {
    if (replayer_ != nullptr) replayer_->OnHistoryLost(epoch);
  };
  return std::make_unique<coherence::Coordinator>(options, store_.get(), dependencies.tier);
}

absl::StatusOr<std::unique_ptr<RemoteWays>> RemoteWays::Start(const RemoteWaysDependencies& dependencies,
                                                              std::unique_ptr<remote::Store> store) {
  auto workers = TaskPool::Start("nearcache-work", 1);
  if (!workers.ok()) return workers.status();
  std::unique_ptr<RemoteWays> ways(new RemoteWays(dependencies, std::move(store), *std::move(workers)));
  absl::Status started = ways->store_->Start(ways->coordinator_.get(), &ways->coordinator_->encoder());
  if (!started.ok()) return started;
  return ways;
}

RemoteWays::~RemoteWays() { Shutdown(); }

void RemoteWays::Shutdown() {
  // Each step ends what could still use the next one.
  store_->Shutdown();
  coordinator_->Stop();
  workers_->Stop(absl::InfiniteDuration());
}

void RemoteWays::Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call) { reader_.Read(query, call); }

void RemoteWays::ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call) {
  reader_.ReadMany(query, call);
}

void RemoteWays::Change(const ChangeQuery& query, ChangeDone done) { writer_.Change(query, std::move(done)); }

// --- Loading

void RemoteWays::ReadForLoad(const HashedKey& key, const local::FlightRef& flight, MonotonicNanos deadline,
                             LoadReadingDone done) {
  LoadReading reading;
  reading.result.status = reader_.CheckAllowed();
  if (!reading.result.status.ok()) {
    ReadOutcome refused;
    refused.status = reading.result.status;
    refused.loaded = true;
    if (flight != nullptr) parts_.tier->CompleteRead(flight, refused);
    reading.final = true;
    std::move(done)(std::move(reading));
    return;
  }
  if (store_->IsDown()) {
    // Waiting for it to come back would cost every load its time. The loader's turn.
    const absl::Status refused = store_->BreakerStatus();
    reading.result.status = refused.ok() ? absl::UnavailableError("the remote tier is not connected") : refused;
    std::move(done)(std::move(reading));
    return;
  }
  std::vector<FetchItem> items;
  items.emplace_back(key, flight, std::move(done)).for_load = true;
  fetcher_.Fetch(std::move(items), /*fresh=*/false, deadline);
}

void RemoteWays::StoreLoaded(const HashedKey& key, const local::FlightRef& flight, LoadedValue loaded,
                             absl::AnyInvocable<void(local::EntryInfo) &&> done) {
  ReadOutcome outcome;
  outcome.found = true;
  outcome.loaded = true;
  outcome.value = loaded.value;
  outcome.info.fetched_at = loaded.began_at;
  local::EntryInfo told = outcome.info;
  if (loaded.time_to_live.has_value()) {
    told.expires_at = AddDuration(parts_.clock->Now(), *loaded.time_to_live);
  }
  outcome.info.expires_at = loaded.began_at - 1;  // Delivered to who waits; the write may keep it.
  // Without a flight the key is being written here, and a flight that is void heard of a change
  // since the load began: the value is older than what others have, or may be.
  const bool store = loaded.store && flight != nullptr && parts_.tier->IsAttached(flight) && !store_->IsDown();
  if (!store) {
    if (flight != nullptr) parts_.tier->CompleteRead(flight, outcome);
    std::move(done)(told);
    return;
  }
  ChangeQuery query;
  // Add, not Set: whatever a writer stored while the loader ran is newer.
  query.kind = remote::ChangeKind::kAdd;
  query.key = key;
  query.value = loaded.value.view();
  query.time_to_live = loaded.time_to_live;
  query.keep_local = loaded.keep_local;
  query.deadline = loaded.deadline;
  writer_.Change(query, [this, flight, outcome = std::move(outcome), told,
                         done = std::move(done)](const Changed& changed) mutable {
    outcome.info.id = changed.id;
    parts_.tier->CompleteRead(flight, outcome);
    std::move(done)(told);
  });
}

// --- The rest

void RemoteWays::TimeToLive(const HashedKey& key, MonotonicNanos deadline,
                            absl::AnyInvocable<void(absl::StatusOr<absl::Duration>) &&> done) {
  auto heard = [copy = std::string(key.key), done = std::move(done)](absl::StatusOr<remote::ReadReply> reply) mutable {
    absl::StatusOr<absl::Duration> life = NoValue(copy);
    if (!reply.ok()) {
      life = Annotate(reply.status(), "TimeToLive", copy);
    } else if (!reply->values.empty() && reply->values[0].state == remote::Fetched::State::kFound) {
      life = reply->values[0].time_to_live.value_or(absl::InfiniteDuration());
    }
    std::move(done)(std::move(life));
  };
  store_->ReadTimeToLive(names_.DataKey(key.key), deadline, std::move(heard));
}

void RemoteWays::Look(const HashedKey& key, MonotonicNanos deadline, RemoteSightDone done) {
  LookRemotely(parts_, std::string(key.key), deadline, std::move(done));
}

void RemoteWays::Execute(std::vector<std::string> arguments, MonotonicNanos deadline,
                         absl::AnyInvocable<void(absl::StatusOr<remote::Reply>) &&> done) {
  store_->Execute(std::move(arguments), deadline, std::move(done));
}

void RemoteWays::Sync(MonotonicNanos deadline, absl::AnyInvocable<void(absl::Status) &&> done) {
  coordinator_->Sync(deadline, std::move(done));
}

absl::Status RemoteWays::WaitUntilReady(absl::Duration timeout) {
  // Ready is what Sync proves: connected, subscribed, and everything heard.
  const auto call = std::make_shared<BlockingCall<absl::Status>>(CallSlot());
  const MonotonicNanos deadline = AddDuration(parts_.clock->Now(), timeout);
  Sync(deadline, [call](absl::Status status) { call->Finish(std::move(status)); });
  absl::Status ready = call->Await(*parts_.clock, kNever, [] { return absl::OkStatus(); });
  if (ready.ok() || absl::IsCancelled(ready)) return ready;
  const absl::Status link = store_->LinkStatus();
  return link.ok() ? ready : link;
}

void RemoteWays::AddStoreStats(CacheStats* stats) const {
  const remote::StoreStats store = store_->GetStats();
  stats->remote_commands = store.commands;
  stats->remote_failures = store.failures;
  stats->remote_timeouts = store.timeouts;
  stats->remote_rejected = store.rejected;
  stats->remote_direct_writes = store.direct_writes;
  stats->breaker_opened = store.breaker_opened;
  stats->breaker_refused = store.breaker_refused;
  stats->breaker_state = store.breaker_state;
  stats->protocol_errors = store.protocol_errors;
  stats->connects = store.connects;
  stats->disconnects = store.disconnects;
  stats->connect_failures = store.connect_failures;
  stats->health_failures = store.health_failures;
  stats->retries = store.retries;
  stats->retries_refused = store.retries_refused;
  stats->retry_budget = store.retry_budget;
  stats->remote_batches = store.batches;
  stats->remote_bytes_sent = store.bytes_sent;
  stats->remote_bytes_received = store.bytes_received;
  stats->change_groups = store.change_groups;
  stats->grouped_changes = store.grouped_changes;
  stats->queued_operations = store.queued_operations;
  stats->queued_bytes = store.queued_bytes;
  stats->pooled_operations = store.pooled_operations;
  stats->foreign_unknown = store.foreign_unknown;
  for (const remote::NodeStats& node : store_->GetNodeStats()) stats->nodes.push_back(ToNodeStats(node));
}

void RemoteWays::AddStats(CacheStats* stats) const {
  AddStoreStats(stats);
  const coherence::CoherenceStats coherence = coordinator_->GetStats();
  stats->messages_received = coherence.messages_received;
  stats->messages_rejected = coherence.messages_rejected;
  stats->heartbeats = coherence.heartbeats;
  stats->heartbeats_failed = coherence.heartbeats_failed;
  stats->generations = coherence.generations;
  stats->gaps_detected = coherence.gaps_detected;
  stats->channel_losses = coherence.channel_losses;
  stats->heartbeat_timeouts = coherence.heartbeat_timeouts;
  stats->remote_resets = coherence.remote_resets;
  using Cause = coherence::CloseCause;
  const auto ends = [&coherence](Cause cause) { return coherence.ends_by_cause[static_cast<size_t>(cause)]; };
  stats->lanes_missing = ends(Cause::kLaneMissing);
  stats->lanes_regressed = ends(Cause::kLaneRegressed);
  stats->epochs_changed = ends(Cause::kEpochChanged);
  stats->servers_left = ends(Cause::kServerLeft);
  stats->remote_flushes = ends(Cause::kFlushed);
  stats->suspensions = ends(Cause::kSuspended);
  stats->foreign_pushes = coherence.foreign_pushes;
  stats->foreign_changes = coherence.foreign_changes;
  stats->foreign_echoes = coherence.foreign_echoes;
  stats->foreign_overflows = coherence.foreign_overflows;
  stats->suspect_entries = coherence.suspect_entries;
  if (replayer_ != nullptr) AddReplays(replayer_->GetStats(), stats);
  if (auditor_ != nullptr) AddAudit(auditor_->GetStats(), stats);
  stats->heartbeat_age = coherence.heartbeat_age;
  stats->invalidation_lag = Summarise(coherence.invalidation_lag);
}

void RemoteWays::SetLocalCapacity(size_t bytes) { parts_.tier->SetCapacity(bytes); }

bool RemoteWays::Maintain(int /*steps*/) {
  if (auditor_ != nullptr) auditor_->Maintain();
  health_->Watch();  // So that Health() knows since when.
  return false;
}

}  // namespace nearcache::internal::conductor
