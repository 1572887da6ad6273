// Brings values from the remote tier: one read request for one or many keys, decoded, checked, and
// offered to the local tier.
//
// A reply is decoded on the event loop if that takes a few microseconds, and on the library's own
// worker otherwise; never on the user's executor, whose threads may all be waiting for this very
// value.
//
// Whatever lies at a key that is no intact frame of this namespace's epoch is a miss and a counter.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_FETCHER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_FETCHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::conductor {

using FetchDone = absl::AnyInvocable<void(LoadReading) &&>;

struct FetchItem {
  FetchItem(const HashedKey& wanted, local::FlightRef led, FetchDone heard)
      : key(wanted.key), hash(wanted.hash), flight(std::move(led)), done(std::move(heard)) {}

  std::string key;
  uint64_t hash;
  // Completed with the outcome; null: a read that goes past the flights.
  local::FlightRef flight;
  // The flight is a load's: when the remote tier has no value to give, it stays, for the loader.
  bool for_load = false;
  // Called after the flight was completed. `stale` is looked for only for loads.
  FetchDone done;
};

class Fetcher {
 public:
  explicit Fetcher(const RemoteParts& parts) : parts_(parts) {}

  // Reads all items in one step. Call it after their flights were begun: the epoch that their frames
  // must carry is taken here. `fresh`: nothing that was acknowledged before this call may be missing.
  //
  // A failed item's status: kFailedPrecondition for a key of another Redis type, else the store's.
  void Fetch(std::vector<FetchItem> items, bool fresh, MonotonicNanos deadline);

 private:
  struct Batch;
  using BatchPtr = std::unique_ptr<Batch>;

  absl::optional<OperationId> TakeEpoch(const std::vector<FetchItem>& items);
  void OnReply(BatchPtr batch, absl::StatusOr<remote::ReadReply> reply);
  void Deliver(BatchPtr batch);
  void DeliverOne(const Batch& batch, remote::Fetched fetched, FetchItem item);
  void Judge(const Batch& batch, const FetchItem& item, const remote::Fetched& fetched, local::ReadOutcome* outcome,
             absl::optional<Value>* stale);
  void Hand(FetchItem item, const local::ReadOutcome& outcome, const local::EntryInfo& info,
            absl::optional<Value> stale);
  void Count(const local::ReadOutcome& outcome);

  const RemoteParts parts_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_FETCHER_H_
