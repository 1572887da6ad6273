// The ways of a cache with a remote tier. Owns what belongs to it: the store with its event loop, the
// coordinator that keeps memory coherent, the worker.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_WAYS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_WAYS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nearcache/coherence_event.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/codec/compressor.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/conductor/auditor.h"
#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/conductor/fetcher.h"
#include "nearcache/internal/conductor/health.h"
#include "nearcache/internal/conductor/hit_sampler.h"
#include "nearcache/internal/conductor/notifier.h"
#include "nearcache/internal/conductor/reader.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/replayer.h"
#include "nearcache/internal/conductor/task_pool.h"
#include "nearcache/internal/conductor/timekeeper.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/internal/conductor/writer.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {

// What the core lends.
struct RemoteWaysDependencies {
  const Options* options;
  const Clock* clock;
  Counters* counters;
  OperationIdSource* ids;
  local::LocalTier* tier;
  Timekeeper* timekeeper;
  HitSampler* sampler;                               // Null: no audit.
  std::shared_ptr<Notifier<CoherenceEvent>> events;  // Null: nobody listens.
};

class RemoteWays final : public Ways {
 public:
  // Starts the store: from now on it connects. kResourceExhausted: no threads or descriptors left.
  static absl::StatusOr<std::unique_ptr<RemoteWays>> Start(const RemoteWaysDependencies& dependencies,
                                                           std::unique_ptr<remote::Store> store);

  ~RemoteWays() override;

  void Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call) override;
  void ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call) override;
  void Change(const ChangeQuery& query, ChangeDone done) override;
  void ReadForLoad(const HashedKey& key, const local::FlightRef& flight, MonotonicNanos deadline,
                   LoadReadingDone done) override;
  void StoreLoaded(const HashedKey& key, const local::FlightRef& flight, LoadedValue loaded,
                   absl::AnyInvocable<void(local::EntryInfo) &&> done) override;
  void TimeToLive(const HashedKey& key, MonotonicNanos deadline,
                  absl::AnyInvocable<void(absl::StatusOr<absl::Duration>) &&> done) override;
  void Look(const HashedKey& key, MonotonicNanos deadline, RemoteSightDone done) override;
  void Execute(std::vector<std::string> arguments, MonotonicNanos deadline,
               absl::AnyInvocable<void(absl::StatusOr<remote::Reply>) &&> done) override;
  void Sync(MonotonicNanos deadline, absl::AnyInvocable<void(absl::Status) &&> done) override;
  absl::Status WaitUntilReady(absl::Duration timeout) override;
  HealthReport Health() const override { return health_->Report(); }
  void AddStats(CacheStats* stats) const override;
  void SetLocalCapacity(size_t bytes) override;
  bool Maintain(int steps) override;
  void Shutdown() override;

 private:
  void AddStoreStats(CacheStats* stats) const;
  RemoteWays(const RemoteWaysDependencies& dependencies, std::unique_ptr<remote::Store> store,
             std::unique_ptr<TaskPool> workers);

  std::unique_ptr<coherence::Coordinator> MakeCoordinator(const RemoteWaysDependencies& dependencies);

  const KeySpace names_;
  const codec::Compressor compressor_;
  const std::unique_ptr<TaskPool> workers_;
  const std::unique_ptr<remote::Store> store_;
  const std::unique_ptr<coherence::Coordinator> coordinator_;
  const RemoteParts parts_;
  const std::unique_ptr<HealthMonitor> health_;
  Fetcher fetcher_;
  Reader reader_;
  const std::unique_ptr<Replayer> replayer_;  // Null: nothing is replayed.
  Writer writer_;
  const std::unique_ptr<Auditor> auditor_;  // Null: no audit.
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_WAYS_H_
