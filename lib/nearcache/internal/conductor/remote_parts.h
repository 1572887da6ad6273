// What the ways of a cache with a remote tier are made of; owned by RemoteWays (remote_ways.h).

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_PARTS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_PARTS_H_

#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/codec/compressor.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/conductor/task_pool.h"
#include "nearcache/internal/conductor/timekeeper.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {

// Nothing is owned, nothing is null.
struct RemoteParts {
  const Options* options;
  const Clock* clock;
  Counters* counters;
  OperationIdSource* ids;
  local::LocalTier* tier;
  Timekeeper* timekeeper;
  TaskPool* workers;
  remote::Store* store;
  coherence::Coordinator* coordinator;
  const KeySpace* names;
  const codec::Compressor* compressor;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_PARTS_H_
