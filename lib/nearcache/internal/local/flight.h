// What is in progress on keys: flights (reads and loads), writes, and the slot of a key that has any.
//
// The slots of a stripe lie in a map of their own beside the table, under the same mutex: look-up, join, fill, void and
// write share one lock, and a hit never sees them. A slot exists while something is in progress on its key:
//
//   flight set, no writes     pending   later readers join it while it is joinable
//   writes                    writing   readers bypass; no flight is attached
//   neither                   the slot is erased
//
// A flight that lost its slot (a write began, or it may not be joined any more) is detached: it still delivers to those
// who wait for it, and its reply is an event like any other, but nothing of it is stored.

#ifndef NEARCACHE_INTERNAL_LOCAL_FLIGHT_H_
#define NEARCACHE_INTERNAL_LOCAL_FLIGHT_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/event_log.h"
#include "nearcache/internal/local/lane_lease.h"
#include "nearcache/internal/local/local_tier.h"

namespace nearcache::internal::local {

// Under which conditions something began; constant.
struct Beginning {
  MonotonicNanos at = 0;
  Generation generation = kNoGeneration;
  Era era = 0;
  uint16_t lane = 0;
};

class Flight {
 public:
  Flight(const HashedKey& hashed_key, FlightKind flight_kind, const Beginning& beginning)
      : key(hashed_key.key), hash(hashed_key.hash), kind(flight_kind), began(beginning), fresh_since(beginning.at) {}

  HashedKey hashed_key() const { return {key, hash}; }

  const std::string key;
  const uint64_t hash;
  const FlightKind kind;
  const Beginning began;

  // From when on its value is fresh in itself, without a lease: its beginning, or before it (LimitFreshness). Written
  // by its leader under the mutex of the stripe; the leader may read it without.
  std::atomic<MonotonicNanos> fresh_since;

  // --- Guarded by the mutex of the key's stripe.
  EventLog events;
  std::vector<Waiter> waiters;
  bool attached = true;
  bool completed = false;

  // A hint without the lock: once false, it is not worth copying the value for the table.
  std::atomic<bool> may_be_stored{true};
};

class WriteTicket {
 public:
  WriteTicket(const HashedKey& hashed_key, OperationTag operation_tag, const Beginning& beginning)
      : key(hashed_key.key), hash(hashed_key.hash), id(operation_tag), began(beginning) {}

  HashedKey hashed_key() const { return {key, hash}; }

  const std::string key;
  const uint64_t hash;
  const OperationTag id;
  const Beginning began;

  // --- Guarded by the mutex of the key's stripe.
  EventLog events;
  bool ended = false;
  // A stranger may have written after it, in the same turn of the server (LocalTier::Doubt).
  bool doubted = false;

  // As in Flight.
  std::atomic<bool> may_be_stored{true};
};

struct Slot {
  FlightRef flight;
  absl::InlinedVector<WriteRef, 1> writes;

  bool empty() const { return flight == nullptr && writes.empty(); }
};

using SlotMap = absl::flat_hash_map<std::string, Slot>;

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_FLIGHT_H_
