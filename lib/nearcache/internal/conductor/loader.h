// GetOrLoad: one load per key and process, shared by all who ask meanwhile.
//
//   memory has it                      -> hit
//   a flight of the key is under way   -> join; if it ends without a value, begin again
//   otherwise lead                     -> ask the remote tier -> run the loader -> store -> deliver
//   the key is being written here      -> as lead, without a flight: nothing is stored
//
// The flight is a kLoad flight from its begin to its end, the look into the remote tier included: so
// callers that overlap share one load, and an invalidation that was heard at any time since the
// begin means that the value is delivered and not stored (contract sentence 3). A leader who gives
// up before its loader ran (its deadline passed, its turn came too late) ends the flight without a
// value; those who joined begin again, each with a loader of its own.
//
// Deadlines are each caller's own. A loader cannot be interrupted: its value is delivered even if it
// came late, and stored within a deadline of its own.
//
// Loads of different processes do not know of each other yet: room for leases on the server (M9) is
// in Ways::ReadForLoad (take one) and Ways::StoreLoaded (fill under it). Tags and stale values while
// a load runs will be further fields of LoadRequest.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_LOADER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_LOADER_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/conductor/callback_runner.h"
#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/conductor/gate.h"
#include "nearcache/internal/conductor/pending_call.h"
#include "nearcache/internal/conductor/timekeeper.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {

// As nearcache::Loader.
using LoadFunction = absl::AnyInvocable<absl::StatusOr<std::string>(absl::string_view key) &&>;

// What all loads of one cache use. Shared by the loads that run, which may outlive the Cache.
struct LoadContext {
  const Options* options = nullptr;
  const Clock* clock = nullptr;
  const Gate* gate = nullptr;
  local::LocalTier* tier = nullptr;
  Ways* ways = nullptr;
  Timekeeper* timekeeper = nullptr;
  CallbackRunner* runner = nullptr;
  Counters* counters = nullptr;
};
using LoadContextRef = std::shared_ptr<const LoadContext>;

struct LoadRequest {
  HashedKey key;  // Copied.
  absl::optional<absl::Duration> time_to_live;
  bool keep_local = true;
  MonotonicNanos deadline = kNever;
};

// Loads on the calling thread if it leads.
ReadResult LoadBlocking(const LoadContextRef& context, const LoadRequest& request, LoadFunction loader);

// Loads on the executor if it leads.
void LoadAsync(const LoadContextRef& context, const LoadRequest& request, LoadFunction loader,
               const std::shared_ptr<ReadCall>& call);

// Mechanism M13: kFailedPrecondition if this thread is running a loader of the same key of the same cache: waiting
// for it would be waiting for itself.
absl::Status CheckNotLoading(const LoadContext& context, absl::string_view key);

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_LOADER_H_
