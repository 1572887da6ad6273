// The ways of a cache without a remote tier: everything is decided in the local tier, at once and
// from inside the call. Changes are exact, under the lock of the key's stripe.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_LOCAL_WAYS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_LOCAL_WAYS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/conductor/stale_shelf.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {

class LocalWays final : public Ways {
 public:
  // `tier` was made from `tier_options`. Nothing is owned.
  LocalWays(const Options& options, const local::LocalTierOptions& tier_options, local::LocalTier* tier,
            OperationIdSource* ids, Counters* counters);

  void Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call) override;
  void ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call) override;
  void Change(const ChangeQuery& query, ChangeDone done) override;
  void ReadForLoad(const HashedKey& key, const local::FlightRef& flight, MonotonicNanos deadline,
                   LoadReadingDone done) override;
  void StoreLoaded(const HashedKey& key, const local::FlightRef& flight, LoadedValue loaded,
                   absl::AnyInvocable<void(local::EntryInfo) &&> done) override;
  void TimeToLive(const HashedKey& key, MonotonicNanos deadline,
                  absl::AnyInvocable<void(absl::StatusOr<absl::Duration>) &&> done) override;
  void Look(const HashedKey&, MonotonicNanos, RemoteSightDone done) override { std::move(done)(RemoteSight()); }
  void Execute(std::vector<std::string> arguments, MonotonicNanos deadline,
               absl::AnyInvocable<void(absl::StatusOr<remote::Reply>) &&> done) override;
  void Sync(MonotonicNanos deadline, absl::AnyInvocable<void(absl::Status) &&> done) override;
  absl::Status WaitUntilReady(absl::Duration) override { return absl::OkStatus(); }
  HealthReport Health() const override;
  void AddStats(CacheStats* stats) const override;
  void SetLocalCapacity(size_t bytes) override { shelf_.SetCapacity(bytes); }
  bool Maintain(int steps) override { return shelf_.Maintain(steps); }
  void Shutdown() override {}

 private:
  using Replacement = local::LocalTier::Replacement;
  using Current = local::LocalTier::Current;

  Changed Apply(const ChangeQuery& query);
  Changed Store(const ChangeQuery& query);
  Changed StoreIf(const ChangeQuery& query, bool wants_present);
  Changed ChangeLife(const ChangeQuery& query);
  Changed Increment(const ChangeQuery& query);
  Changed Expire(const ChangeQuery& query);
  // Replaces what is there by what `update` says, which is asked again if another thread was faster. Its refusals are
  // codes, and get their words afterwards.
  Changed Update(const ChangeQuery& query,
                 absl::FunctionRef<absl::optional<Replacement>(const Current*, Changed*)> update);
  MonotonicNanos ExpiresAt(const ChangeQuery& query) const;
  absl::Status TooLarge(const ChangeQuery& query) const;
  static absl::Status DescribeRefusal(const ChangeQuery& query, absl::StatusCode code);

  const size_t entry_bytes_max_;
  const Clock* const clock_;
  const MonotonicNanos opened_at_;
  local::LocalTier* const tier_;
  OperationIdSource* const ids_;
  Counters* const counters_;
  StaleShelf shelf_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_LOCAL_WAYS_H_
