// What a cache does when memory alone does not settle a call. Two implementations: LocalWays without
// a remote tier, RemoteWays with one.
//
// All methods are asynchronous and thread-safe, and answer exactly once: from inside the call when
// they can, else on a thread of the library's. `key`s point into the caller's bytes and are copied
// if they are needed after the call returned.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_WAYS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_WAYS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/pending_call.h"
#include "nearcache/internal/conductor/remote_sight.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/stats.h"
#include "nearcache/value.h"

namespace nearcache::internal::conductor {

// Which tier answered; the order of ReadInfo::Source.
enum class Source { kLocal, kRemote, kLoader };

// How a read ended. kNotFound: neither tier has the key.
struct ReadResult {
  ReadResult() = default;
  explicit ReadResult(const absl::Status& failure) : status(failure) {}
  ReadResult(Value found, const local::EntryInfo& found_info, Source found_source)
      : value(std::move(found)), info(found_info), source(found_source) {}

  absl::Status status;
  Value value;
  local::EntryInfo info;
  Source source = Source::kLocal;
};

using ReadCall = PendingCall<ReadResult>;
using ReadManyCall = PendingCall<std::vector<ReadResult>>;

struct ReadQuery {
  HashedKey key;
  bool fresh = false;
  MonotonicNanos deadline = kNever;
};

struct ReadManyQuery {
  // What memory did not answer.
  absl::Span<const HashedKey> keys;
  bool fresh = false;
  MonotonicNanos deadline = kNever;
};

// A change of one key, or kClear. `time_to_live` has been resolved: nullopt is no end.
struct ChangeQuery {
  remote::ChangeKind kind = remote::ChangeKind::kSet;
  HashedKey key;
  absl::string_view value;
  absl::optional<absl::Duration> time_to_live;
  int64_t delta = 0;
  bool create = true;
  bool keep_local = true;
  MonotonicNanos deadline = kNever;
};

// How a change ended; `status` is what the caller gets, and says so if its condition did not hold
// (kAlreadyExists, kNotFound).
struct Changed {
  Changed() = default;
  explicit Changed(absl::Status failure) : status(std::move(failure)) {}

  absl::Status status;
  int64_t integer = 0;  // kIncrement: the sum.
  OperationId id;       // Of the write, if it was made.
};
using ChangeDone = absl::AnyInvocable<void(Changed) &&>;

// What the remote tier told a load that leads.
struct LoadReading {
  // kNotFound: it was asked, and has no value.
  ReadResult result;
  // Nothing is left to do: the flight, if any, is complete. Otherwise it is the loader's turn.
  bool final = false;
  // The bytes of an expired value: what the load falls back to when its loader fails.
  absl::optional<Value> stale;
};
using LoadReadingDone = absl::AnyInvocable<void(LoadReading) &&>;

// What a loader brought, and what may be done with it.
struct LoadedValue {
  Value value;
  MonotonicNanos began_at = 0;
  absl::optional<absl::Duration> time_to_live;
  bool keep_local = true;
  // False: the remote tier did not answer before, and is left alone now.
  bool store = true;
  MonotonicNanos deadline = kNever;
};

class Ways {
 public:
  virtual ~Ways() = default;

  virtual void Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call) = 0;
  // One result per key, in order.
  virtual void ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call) = 0;

  virtual void Change(const ChangeQuery& query, ChangeDone done) = 0;

  // For the flight of a load, which may be null (bypass): looks into the remote tier, and completes
  // the flight if it finds the value there or if no loader may run.
  virtual void ReadForLoad(const HashedKey& key, const local::FlightRef& flight, MonotonicNanos deadline,
                           LoadReadingDone done) = 0;
  // Stores what the loader brought, unless the key changed meanwhile, and completes the flight.
  // `done` gets what is known of the value now.
  virtual void StoreLoaded(const HashedKey& key, const local::FlightRef& flight, LoadedValue loaded,
                           absl::AnyInvocable<void(local::EntryInfo) &&> done) = 0;

  virtual void TimeToLive(const HashedKey& key, MonotonicNanos deadline,
                          absl::AnyInvocable<void(absl::StatusOr<absl::Duration>) &&> done) = 0;
  // What the remote tier holds under `key` just now.
  virtual void Look(const HashedKey& key, MonotonicNanos deadline, RemoteSightDone done) = 0;
  virtual void Execute(std::vector<std::string> arguments, MonotonicNanos deadline,
                       absl::AnyInvocable<void(absl::StatusOr<remote::Reply>) &&> done) = 0;
  virtual void Sync(MonotonicNanos deadline, absl::AnyInvocable<void(absl::Status) &&> done) = 0;

  // Blocks.
  virtual absl::Status WaitUntilReady(absl::Duration timeout) = 0;

  virtual HealthReport Health() const = 0;
  // Adds what only this side knows.
  virtual void AddStats(CacheStats* stats) const = 0;

  // The budget of all that this side keeps in memory.
  virtual void SetLocalCapacity(size_t bytes) = 0;

  // Bounded housekeeping of its own; true if there is more to do.
  virtual bool Maintain(int steps) = 0;

  // Ends everything that waits with kCancelled; later calls end so from the inside. Idempotent.
  virtual void Shutdown() = 0;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_WAYS_H_
