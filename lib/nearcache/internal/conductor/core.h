// What is behind a Cache: both tiers, the threads of the library, and the ways between them. The
// Cache itself checks arguments and turns calls into the two forms, blocking and asynchronous.
//
// Threads of the library, per cache:
//   nearcache-loop   the store's event loop, with a remote tier only
//   nearcache-work   decodes large values, with a remote tier only
//   nearcache-time   deadlines and housekeeping (timekeeper.h)
//   nearcache-call   callbacks and loaders, unless Options::executor is set
//
// Thread-safe. Shared: a load that runs while the Cache is destroyed keeps its Core.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_CORE_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_CORE_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/optimization.h"
#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "nearcache/coherence_event.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/callback_runner.h"
#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/conductor/gate.h"
#include "nearcache/internal/conductor/hit_sampler.h"
#include "nearcache/internal/conductor/loader.h"
#include "nearcache/internal/conductor/notifier.h"
#include "nearcache/internal/conductor/remote_observer.h"
#include "nearcache/internal/conductor/removal_notifier.h"
#include "nearcache/internal/conductor/task_pool.h"
#include "nearcache/internal/conductor/timekeeper.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"
#include "nearcache/value.h"

namespace nearcache::internal::conductor {

// Makes the store of a cache with a remote tier; it is started by the core.
using StoreFactory =
    absl::AnyInvocable<absl::StatusOr<std::unique_ptr<remote::Store>>(const Options&, const Clock*) &&>;

class Core : public std::enable_shared_from_this<Core> {
 public:
  // As Cache::Open. `clock` outlives the core and runs at the speed of real time, except in tests.
  static absl::StatusOr<std::shared_ptr<Core>> Create(const Options& options, StoreFactory factory, const Clock* clock);
  ~Core();

  const Options& options() const { return options_; }
  const Clock& clock() const { return *clock_; }
  Gate& gate() { return gate_; }
  Ways& ways() { return *ways_; }
  const std::shared_ptr<CallbackRunner>& runner() { return runner_; }

  HashedKey Hash(absl::string_view key) const { return HashKey(key, hash_seed_); }

  // --- What memory answers. Nothing when the cache is closed.
  bool Hit(const HashedKey& key, Value* value, local::EntryInfo* info) {
    return gate_.open() && tier_->Get(key, clock_->NowCoarse(), value, info) && Sampled(key);
  }
  // Calls `hit` for each of `keys` that memory answers, with its position.
  void HitMany(absl::Span<const HashedKey> keys, absl::FunctionRef<void(size_t, Value)> hit) {
    if (!gate_.open()) return;
    tier_->GetMany(keys, clock_->NowCoarse(), [&](size_t position, Value value) {
      Sampled(keys[position]);
      hit(position, std::move(value));
    });
  }
  bool HitCopy(const HashedKey& key, std::string* value) {
    return gate_.open() && tier_->GetCopy(key, clock_->NowCoarse(), value) && Sampled(key);
  }
  bool Visit(const HashedKey& key, absl::FunctionRef<void(absl::string_view)> visitor) {
    return gate_.open() && tier_->Read(key, clock_->NowCoarse(), visitor) && Sampled(key);
  }

  // --- Looking in; see LocalTier.
  void ForEach(absl::FunctionRef<bool(const local::EntrySnapshot&)> visitor) { tier_->ForEach(visitor); }
  std::vector<local::EntrySnapshot> EndOfOrder(local::LocalTier::End end, size_t count) {
    return tier_->EndOfOrder(end, count);
  }
  local::KeyReport Explain(const HashedKey& key) { return tier_->Explain(key, clock_->NowCoarse()); }

  // kInvalidArgument, kFailedPrecondition: as Cache::SetLocalCapacity says.
  absl::Status SetLocalCapacity(size_t bytes);

  // When a call that was given `timeout` must have ended.
  MonotonicNanos DeadlineAfter(absl::Duration timeout) const;

  // What loads use; keeps the core alive.
  LoadContextRef load_context();
  const LoadContext& own_load_context() const { return load_context_; }

  CacheStats GetStats() const;
  HealthReport Health() const;
  absl::Status Close(absl::Duration timeout);

 private:
  // After each hit, for the audit. Always true.
  bool Sampled(const HashedKey& key) {
    if (ABSL_PREDICT_FALSE(sampler_ != nullptr)) sampler_->OnHit(key.key);
    return true;
  }

  Core(const Options& options, const Clock* clock);

  absl::Status Start(StoreFactory factory);
  absl::Status StartRunner();
  absl::Status StartWays(StoreFactory factory);
  absl::Status StartRemoteWays(StoreFactory factory);
  bool Maintain();
  void StopThreads() ABSL_LOCKS_EXCLUDED(close_mutex_);

  const Options options_;
  const Clock* const clock_;
  const std::unique_ptr<HitSampler> sampler_;               // Null without an audit.
  const std::unique_ptr<RemovalNotifier> removals_;         // Null without a listener.
  const std::shared_ptr<Notifier<CoherenceEvent>> events_;  // The same.
  RemoteObserver observer_;
  const local::LocalTierOptions tier_options_;
  Gate gate_;
  Counters counters_;
  OperationIdSource ids_;
  const std::unique_ptr<local::LocalTier> tier_;
  const uint64_t hash_seed_;
  std::unique_ptr<TaskPool> callback_threads_;  // Null with an executor of the user's.
  std::shared_ptr<CallbackRunner> runner_;
  Timekeeper timekeeper_;
  std::unique_ptr<Ways> ways_;
  LoadContext load_context_;
  absl::Mutex close_mutex_;
  bool threads_stopped_ ABSL_GUARDED_BY(close_mutex_) = false;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_CORE_H_
