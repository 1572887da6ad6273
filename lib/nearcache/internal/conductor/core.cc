#include "nearcache/internal/conductor/core.h"

#include <algorithm>
#include <utility>

#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/local_ways.h"
#include "nearcache/internal/conductor/remote_ways.h"
#include "nearcache/internal/conductor/snapshot.h"

namespace nearcache::internal::conductor {
namespace {

constexpr int kMaintenanceSteps = 1024;

// A tier that keeps nothing still orders reads, loads and writes.
constexpr size_t kCapacityWhenOff = size_t{1} << 20;

// Generations change a few times a second at the worst, and the audit reports a few keys.
constexpr size_t kEventsMax = 1024;
constexpr size_t kEventBytesMax = size_t{4} << 20;

std::unique_ptr<RemovalNotifier> MakeRemovals(const LocalOptions& options) {
  if (options.removal_listener == nullptr) return nullptr;
  return std::make_unique<RemovalNotifier>(std::make_shared<Notifier<Removal>>(
      options.removal_listener, options.removal_queue_entries_max, options.removal_queue_bytes_max));
}

std::shared_ptr<Notifier<CoherenceEvent>> MakeEvents(const Options& options) {
  if (!options.has_remote() || options.coherence.on_event == nullptr) return nullptr;
  return std::make_shared<Notifier<CoherenceEvent>>(options.coherence.on_event, kEventsMax, kEventBytesMax);
}

std::unique_ptr<HitSampler> MakeSampler(const Options& options) {
  if (!options.has_remote() || options.audit.hit_share == 0) return nullptr;
  return std::make_unique<HitSampler>(options.audit.hit_share);
}

local::LocalTierOptions TierOptions(const Options& options, const Clock* clock, local::RemovalObserver* observer) {
  const bool off = options.local.capacity_bytes == 0;
  local::LocalTierOptions tier;
  tier.capacity_bytes = off ? kCapacityWhenOff : options.local.capacity_bytes;
  tier.entry_bytes_max = off ? 0 : options.local.entry_bytes_max;
  tier.stripe_count = options.local.stripe_count;
  tier.policy = options.local.policy == LocalPolicy::kLru ? local::PolicyKind::kLru : local::PolicyKind::kScanResistant;
  tier.idle_timeout = options.local.idle_timeout;
  tier.time_to_live_jitter = options.local.time_to_live_jitter;
  tier.clock = clock;
  tier.removal_observer = observer;
  if (options.has_remote()) {
    // With the other policies nothing may be served on its own: the lease must cover it.
    const bool serve = options.coherence.link_down_policy == LinkDownPolicy::kServeWithinBound;
    tier.staleness_bound = serve ? options.coherence.staleness_bound : absl::ZeroDuration();
  }
  return tier;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Core>> Core::Create(const Options& options, StoreFactory factory, const Clock* clock) {
  absl::Status valid = options.Validate();
  if (!valid.ok()) return valid;
  std::shared_ptr<Core> core(new Core(options, clock));
  absl::Status started = core->Start(std::move(factory));
  if (!started.ok()) {
    core->Close(absl::ZeroDuration()).IgnoreError();
    return started;
  }
  return core;
}

Core::Core(const Options& options, const Clock* clock)
    : options_(options),
      clock_(clock),
      sampler_(MakeSampler(options)),
      removals_(MakeRemovals(options.local)),
      events_(MakeEvents(options)),
      observer_(options.remote),
      tier_options_(TierOptions(options, clock, removals_.get())),
      gate_(options.limits.calls_max),
      ids_(OperationIdSource::RandomNonce()),
      tier_(local::LocalTier::Create(tier_options_)),
      hash_seed_(tier_->hash_seed()),
      timekeeper_(clock) {}

Core::~Core() { Close(absl::ZeroDuration()).IgnoreError(); }

absl::Status Core::Start(StoreFactory factory) {
  absl::Status started = StartRunner();
  if (started.ok()) started = StartWays(std::move(factory));
  if (started.ok()) started = timekeeper_.Start([this] { return Maintain(); });
  return started;
}

absl::Status Core::SetLocalCapacity(size_t bytes) {
  if (options_.local.capacity_bytes == 0) {
    return absl::FailedPreconditionError(
        "local.capacity_bytes was 0 when the cache was opened: memory is off and stays so; open another cache");
  }
  Options changed = options_;
  changed.local.capacity_bytes = bytes;
  absl::Status valid = bytes > 0 ? changed.Validate()
                                 : absl::InvalidArgumentError(
                                       "local.capacity_bytes is 0: while a cache is open its "
                                       "memory can be made smaller, but not turned off");
  if (valid.ok()) ways_->SetLocalCapacity(bytes);
  return valid;
}

bool Core::Maintain() {
  const bool tier_has_more = tier_->Maintain(clock_->Now(), kMaintenanceSteps);
  const bool ways_have_more = ways_->Maintain(kMaintenanceSteps);
  return tier_has_more || ways_have_more;
}

absl::Status Core::StartRunner() {
  Executor* executor = options_.executor;
  if (executor == nullptr) {
    auto threads = TaskPool::Start("nearcache-call", options_.callback_threads);
    if (!threads.ok()) return threads.status();
    callback_threads_ = *std::move(threads);
    executor = callback_threads_.get();
  }
  runner_ = std::make_shared<CallbackRunner>(executor);
  if (removals_ != nullptr) removals_->notifier().SetRunner(runner_);
  if (events_ != nullptr) events_->SetRunner(runner_);
  observer_.SetRunner(runner_);
  return absl::OkStatus();
}

absl::Status Core::StartWays(StoreFactory factory) {
  if (options_.has_remote()) {
    absl::Status started = StartRemoteWays(std::move(factory));
    if (!started.ok()) return started;
  } else {
    ways_ = std::make_unique<LocalWays>(options_, tier_options_, tier_.get(), &ids_, &counters_);
  }
  load_context_.options = &options_;
  load_context_.clock = clock_;
  load_context_.gate = &gate_;
  load_context_.tier = tier_.get();
  load_context_.ways = ways_.get();
  load_context_.timekeeper = &timekeeper_;
  load_context_.runner = runner_.get();
  load_context_.counters = &counters_;
  return absl::OkStatus();
}

absl::Status Core::StartRemoteWays(StoreFactory factory) {
  auto store = std::move(factory)(options_, clock_);
  if (!store.ok()) return store.status();
  (*store)->SetObserver(&observer_);
  const RemoteWaysDependencies lent = {&options_,   clock_,       &counters_,     &ids_,
                                       tier_.get(), &timekeeper_, sampler_.get(), events_};
  auto ways = RemoteWays::Start(lent, *std::move(store));
  if (!ways.ok()) return ways.status();
  ways_ = *std::move(ways);
  return absl::OkStatus();
}

MonotonicNanos Core::DeadlineAfter(absl::Duration timeout) const {
  if (timeout == absl::InfiniteDuration()) timeout = options_.remote.command_timeout;
  return AddDuration(clock_->Now(), timeout);
}

LoadContextRef Core::load_context() { return LoadContextRef(shared_from_this(), &load_context_); }

CacheStats Core::GetStats() const {
  CacheStats stats = TakeSnapshot(counters_, *tier_, options_.local.capacity_bytes != 0);
  stats.calls_waiting = gate_.calls();
  if (removals_ != nullptr) {
    const NotifierStats removals = removals_->notifier().GetStats();
    stats.removals_notified = removals.notified;
    stats.removals_dropped = removals.dropped;
    stats.removals_queued = removals.queued;
  }
  if (events_ != nullptr) stats.coherence_events_dropped = events_->GetStats().dropped;
  observer_.AddStats(&stats);
  if (!gate_.forked()) ways_->AddStats(&stats);
  return stats;
}

HealthReport Core::Health() const {
  if (gate_.open()) return ways_->Health();
  HealthReport report;
  report.state = HealthState::kDown;
  report.reason = std::string(gate_.CheckOpen().message());
  report.round_trip = absl::InfiniteDuration();
  return report;
}

void Core::StopThreads() {
  // None of this waits for a user's code.
  absl::MutexLock lock(&close_mutex_);
  if (threads_stopped_) return;
  threads_stopped_ = true;
  if (ways_ != nullptr) ways_->Shutdown();
  timekeeper_.Stop(CancelledByClose());
  if (removals_ != nullptr && runner_ != nullptr) tier_->FreeRetired();
}

absl::Status Core::Close(absl::Duration timeout) {
  gate_.Close();
  if (gate_.forked()) return gate_.CheckOpen();
  const MonotonicNanos deadline = AddDuration(clock_->Now(), timeout);
  StopThreads();
  if (runner_ == nullptr) return absl::OkStatus();
  const bool idle = runner_->AwaitIdle(timeout);
  if (removals_ != nullptr) removals_->notifier().Abandon();
  if (events_ != nullptr) events_->Abandon();
  observer_.Abandon();
  if (callback_threads_ != nullptr) {
    callback_threads_->Stop(absl::Nanoseconds(deadline - clock_->Now()));
  }
  if (idle) return absl::OkStatus();
  return absl::DeadlineExceededError("callbacks or loaders of the closed cache still run");
}

}  // namespace nearcache::internal::conductor
