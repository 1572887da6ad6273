// The local tier (L1): the entries of this process, sharded into stripes, with everything that decides whether an
// entry may be served, stored or must go. It knows keys, bytes, ids and time; it knows no Redis.
//
// Concurrency. A hit takes no lock and writes nothing that another core writes: entries are immutable once published,
// bucket slots are atomic pointers, memory is reclaimed by epochs (epoch.h). Everything else takes the mutex of the
// key's stripe, for a bounded number of steps. Nothing of the user's, no allocation of a value and no destructor runs
// under it; waiters are called after it was released, on the thread that completed their flight.
//
// The life of a key is one state machine (mechanisms M6 and M7 of the protocol); all transitions under the stripe's
// mutex:
//
//   absent   -> pending    BeginRead     the first reader leads, later ones join while the flight is joinable
//   pending  -> resident   CompleteRead  only if every event since BeginRead carried the fetched value's own id
//   pending  -> absent     CompleteRead  otherwise, or nothing was found: it delivers, it is not stored
//   pending  -> pending    BeginRead     the flight may not be joined any more: a new one takes the slot, the old one
//                                        is detached: it delivers to those who wait, it is never stored
//   resident -> absent     Invalidate    an event with another id; also eviction, expiry, Clear
//   any      -> writing    BeginWrite    the resident goes, flights are detached; readers bypass and store nothing
//   writing  -> resident   EndWrite      acknowledged, the only writer, and no event with another id meanwhile
//   writing  -> absent     EndWrite      otherwise: failed, unknown, overlapped or overtaken
//
// An *event* on a key is a message about it, a reply that carried a value of it, or the acknowledgement of an own
// write. Two events with different ids void a flight or a write for good: nobody can tell which of them is newer.
//
// All times given as `now` may come from Clock::NowCoarse(): the tier adds its lag, and so serves nothing too late.
//
// Served at `now` is an entry that has not expired, was not cleared, and is either fresh in itself (fetched at most the
// staleness bound ago) or covered by its lane's lease (lane_lease.h).

#ifndef NEARCACHE_INTERNAL_LOCAL_LOCAL_TIER_H_
#define NEARCACHE_INTERNAL_LOCAL_LOCAL_TIER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/lane_lease.h"
#include "nearcache/removal.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {

// Takes what left the tier.
class RemovalObserver {
 public:
  virtual ~RemovalObserver() = default;
  // Once for each entry that was resident, when it is gone and no reader without a lock can see it any more. Under no
  // lock, on the thread that happens to find that out: it must be quick. Thread-safe.
  virtual void OnRemoved(Removal removal) = 0;
};

// Which entry goes when room is needed (eviction_policy.h).
enum class PolicyKind {
  kScanResistant,  // scan_resistant_policy.h
  kLru,            // lru_policy.h
};

struct LocalTierOptions {
  // Hard bound on all that the tier allocates: headers, keys, values, table, allocator rounding.
  size_t capacity_bytes = size_t{64} << 20;
  // An entry (key, value and header) above this is delivered but not kept.
  size_t entry_bytes_max = size_t{1} << 20;
  // Power of two; 0 chooses 8 per hardware thread, at least 16, at most 1024.
  int stripe_count = 0;
  // How long an entry may be served on its own, without a lease. Infinite for a cache without a remote tier.
  absl::Duration staleness_bound = absl::InfiniteDuration();
  int lane_count = 1;
  // The lane of a key, below lane_count; null: all keys are in lane 0.
  int (*lane_of_key)(absl::string_view key) = nullptr;
  const Clock* clock = Clock::Real();
  // Not owned; null: nobody wants to know, and nothing is paid for it.
  RemovalObserver* removal_observer = nullptr;
  PolicyKind policy = PolicyKind::kScanResistant;
  // An entry that nobody read for this long is gone; infinite: never for that. At least a millisecond.
  absl::Duration idle_timeout = absl::InfiniteDuration();
  // Up to this part of its time to live, chosen at random per entry, is taken from it: 0 (none) to 1.
  double time_to_live_jitter = 0;
  // Of the hash of keys and of the jitter; 0: one drawn at random. For tests that want the same run twice.
  uint64_t seed = 0;
};

// The time of an entry's fetch is kept in steps of this, rounded down.
inline constexpr int64_t kFetchStepNanos = 1'000'000;

// What is known of a value, besides its bytes. An entry keeps whole steps of its fetch, and whole microseconds of its
// end, both rounded down.
struct EntryInfo {
  OperationTag id;                // Of the write that made it; empty if a stranger wrote it.
  MonotonicNanos fetched_at = 0;  // When the request that brought it was begun.
  MonotonicNanos expires_at = kNever;
};

enum class FlightKind {
  kRead,  // A read of the remote tier.
  kLoad,  // The user's loader runs. Plain reads do not wait for it.
};

// An entry as somebody who looks in sees it, held by a reference of its own.
struct EntrySnapshot {
  absl::string_view key;  // Lies in the block of `value`.
  Value value;
  EntryInfo info;
  const void* block = nullptr;  // Where the entry lies: tells two of one key apart.
};

// Whether memory would answer for a key, and why not.
enum class Presence { kAbsent, kServed, kExpired, kCleared, kNotCovered };

struct KeyReport {
  Presence presence = Presence::kAbsent;
  // What is in progress: readers bypass memory while the key is being written.
  bool being_written = false;
  absl::optional<FlightKind> flight;
  int stripe = 0;
  int lane = 0;
  Generation lane_generation = kNoGeneration;  // The open one of the lane; kNoGeneration: it is closed.

  // Of the resident, unless it is absent.
  EntryInfo info;
  size_t value_bytes = 0;
  size_t entry_bytes = 0;  // All that the budget counts for it.
  Generation generation = kNoGeneration;
  bool leased = false;  // By its lane; else it is served, if at all, because it is fresh in itself.
  bool read_lately = false;
};

// How a read of the remote tier ended.
struct ReadOutcome {
  absl::Status status;  // Not ok: the read failed, and nothing else here counts.
  bool found = false;
  Value value;
  EntryInfo info;
  // A loader decided how it ended: no event on the key, unless it is stored. Passed on to the waiters.
  bool loaded = false;
};

// Called once, never under a lock, on the thread that completed the flight. Must be quick: others wait behind it.
using Waiter = absl::AnyInvocable<void(const ReadOutcome&) &&>;

// One read or load in progress; shared by the slot and by whoever leads it. Opaque outside the tier.
class Flight;
using FlightRef = std::shared_ptr<Flight>;

// One write in progress.
class WriteTicket;
using WriteRef = std::shared_ptr<WriteTicket>;

struct ReadStart {
  enum class Role {
    kHit,     // `value` and `info` are set; the waiter was not used.
    kLead,    // The caller fetches and must call CompleteRead(flight) exactly once, on every path.
    kJoin,    // The waiter was taken and will be called when the leader completes. A load that joined a plain read may
              // learn that nothing was found: it begins again.
    kBypass,  // The key is being written, or loaded while this is a plain read: fetch, then call NoteReply().
  };
  Role role = Role::kBypass;
  FlightRef flight;  // Set for kLead.
  Value value;
  EntryInfo info;
};

enum class WriteOutcome {
  kApplied,  // The remote acknowledged it; the value passed to EndWrite may be kept.
  kFailed,   // Certainly not executed.
  kUnknown,  // May have taken effect, or may yet.
};

// Plain sums since the tier was made; gauges are marked. Reading them stops nobody.
struct LocalTierStats {
  uint64_t hits = 0;
  uint64_t misses = 0;        // BeginRead calls that did not hit.
  uint64_t lease_misses = 0;  // Of those: an entry was there, unexpired, but no lease covered it.
  uint64_t flights_joined = 0;
  uint64_t insertions = 0;
  uint64_t fills_refused = 0;  // A newer event overtook the read or write: delivered, not kept.
  uint64_t removals_explicit = 0;
  uint64_t removals_replaced = 0;
  uint64_t removals_expired = 0;  // By TTL, or found at a miss with no lease to cover them.
  uint64_t removals_capacity = 0;
  uint64_t removals_invalidated = 0;
  uint64_t removals_cleared = 0;
  uint64_t entries_too_large = 0;  // Above entry_bytes_max: delivered, not kept.
  uint64_t entries_refused = 0;    // No room could be made, or no memory: delivered, not kept.
  uint64_t entries = 0;            // Gauge: in memory; after Clear, those not yet taken out are among them.
  uint64_t bytes = 0;              // Gauge; never above capacity_bytes.
  uint64_t capacity_bytes = 0;     // Gauge.
  uint64_t flights = 0;            // Gauge: pending and detached.
  uint64_t writes = 0;             // Gauge: begun and not ended.
  uint64_t retired_bytes = 0;      // Gauge: unlinked, not yet freed; counted in `bytes`.
  uint64_t hold_entries_max = 0;   // The most entries that were touched under one hold of a stripe's mutex.
};

class LocalTier {
 public:
  // REQUIRES: options were validated (capacity_bytes > 0, stripe_count 0 or a power of two).
  static std::unique_ptr<LocalTier> Create(const LocalTierOptions& options);

  virtual ~LocalTier() = default;

  // The hash seed of this tier; HashKey(key, hash_seed()) makes the keys for all calls below.
  virtual uint64_t hash_seed() const = 0;

  // --- A hit. Lock-free, no allocation; one coarse clock read by the caller. False: not servable, and the caller goes
  // on with BeginRead. The three forms differ in what they cost: Read visits in place, GetCopy copies out, Get counts a
  // reference, which writes a line that all readers of this entry share.

  // `visitor` sees the bytes inside the epoch: it must not block, allocate much, or call the tier.
  virtual bool Read(const HashedKey& key, MonotonicNanos now,
                    absl::FunctionRef<void(absl::string_view value)> visitor) = 0;
  virtual bool GetCopy(const HashedKey& key, MonotonicNanos now, std::string* value) = 0;
  virtual bool Get(const HashedKey& key, MonotonicNanos now, Value* value, EntryInfo* info) = 0;

  // As Get for each of `keys`, in groups of kGroupMax whose misses of the processor's caches overlap: all buckets of a
  // group are asked for, then all entries, then keys are compared. Calls `hit` for each key that is served, in order,
  // with its position; outside of the epoch section, so it may do as it likes.
  static constexpr size_t kGroupMax = 16;
  virtual void GetMany(absl::Span<const HashedKey> keys, MonotonicNanos now,
                       absl::FunctionRef<void(size_t position, Value value)> hit) = 0;

  // --- Reads that need more than memory.

  // Looks again under the lock and says what the caller has to do. `waiter` is consumed by kJoin alone.
  virtual ReadStart BeginRead(const HashedKey& key, MonotonicNanos now, FlightKind kind, Waiter* waiter) = 0;

  // Stores what the flight brought, if nothing newer happened, and calls its waiters. `lane` is the lane of the key.
  virtual void CompleteRead(const FlightRef& flight, const ReadOutcome& outcome) = 0;

  // What the flight brings is judged by something that was known at `since` and may have changed later: the namespace's
  // epoch, as long as a lease vouches for it. Then neither its entry nor who joins may count on more than the lease
  // says, or on what was so at `since`. Called by the leader, before it takes that knowledge.
  virtual void LimitFreshness(const FlightRef& flight, MonotonicNanos since) = 0;

  // Whether the flight could still be stored: false once it is void or detached. A loader's result is not worth
  // announcing after that; ask before it is announced, for a load is void with the first event on its key.
  virtual bool IsAttached(const FlightRef& flight) = 0;

  // A bypassing read, or one of a batch, brought a value with `id` (empty: unknown writer; nothing found: empty).
  virtual void NoteReply(const HashedKey& key, OperationTag id) = 0;

  // --- Writes.

  // `cause`: what the resident that has to go is reported to go for.
  virtual WriteRef BeginWrite(const HashedKey& key, OperationTag id, MonotonicNanos now, RemovalCause cause) = 0;

  // `value`: what L1 may keep if all went well; nullopt for a delete, or when the caller does not want it kept.
  // `expires_at`: the end of its life by its own TTL, counted from BeginWrite.
  virtual void EndWrite(const WriteRef& write, WriteOutcome outcome, const absl::optional<Value>& value,
                        MonotonicNanos expires_at) = 0;

  // --- Events from outside.

  // A message said that operation `id` changed `key`. An entry with this very id stays: it is that change.
  virtual void Invalidate(const HashedKey& key, OperationTag id) = 0;

  // The server says that `key` changed in the turn in which it executed operation `id`, and not by whom: perhaps by
  // that operation alone, perhaps by a stranger after it. An entry with this very id stays, but no lease covers it any
  // more: it is served while it is younger than the staleness bound, for a stranger's write came later than the entry
  // was asked for. Anything else of the key goes, as with Invalidate.
  virtual void Doubt(const HashedKey& key, OperationTag id) = 0;

  // Everything goes, O(1): entries are unservable at once, memory comes back in bounded steps on later calls and in
  // Maintain. Flights and writes in progress are void.
  virtual void Clear() = 0;

  virtual LaneLease& lane(int index) = 0;

  // --- Looking after itself.

  // Inserts without any remote tier (local-only mode). False if the entry is too large or no room can be made for it;
  // then the key is absent.
  virtual bool Put(const HashedKey& key, absl::string_view value, OperationTag id, MonotonicNanos now,
                   MonotonicNanos expires_at) = 0;
  // Whether a servable entry was there.
  virtual bool Remove(const HashedKey& key) = 0;

  // Read-modify-write in local-only mode. `update` gets the current entry (null if none is servable) and returns the
  // new bytes and expiry, or nullopt to leave all as it is. It runs without a lock and counts only if the entry that it
  // saw is still the current one when its result is stored; else it runs again, so it must have no effect beyond its
  // result and what it captures, overwritten at each run. kResourceExhausted: the result is too large or there is no
  // room for it; the old entry stays.
  struct Replacement {
    std::string value;
    MonotonicNanos expires_at = kNever;
    bool remove = false;
  };
  struct Current {
    absl::string_view value;
    EntryInfo info;
  };
  virtual absl::Status Update(const HashedKey& key, OperationTag id, MonotonicNanos now,
                              absl::FunctionRef<absl::optional<Replacement>(const Current*)> update) = 0;

  // Bounded housekeeping: removes expired and cleared entries, frees retired memory. At most about `steps` entries.
  // Called now and then by the library's own thread; returns true if there is more to do now.
  virtual bool Maintain(MonotonicNanos now, int steps) = 0;

  // Frees all retired memory that no reader looks at, so that its removal has been reported. Not bounded: for the end.
  virtual void FreeRetired() = 0;

  // Changes the budget while running; evicts in bounded steps on later calls and in Maintain.
  virtual void SetCapacity(size_t bytes) = 0;

  virtual LocalTierStats GetStats() const = 0;

  // --- Looking in. Counts as no read, and the policy does not hear of it.

  // What a hit would give; lock-free.
  virtual bool Peek(const HashedKey& key, MonotonicNanos now, EntrySnapshot* snapshot) const = 0;

  // Calls `visitor` for every entry that would be served, until it returns false. Weakly consistent: an entry that is
  // there during the whole walk comes once; one that comes, goes or is replaced meanwhile comes or does not. Under no
  // lock and in no epoch section: the visitor may take its time and call the tier. A stripe's mutex is held for about
  // 16 entries at a time. Memory: 16 bytes per entry of one stripe, and the entries of one step.
  virtual void ForEach(absl::FunctionRef<bool(const EntrySnapshot&)> visitor) = 0;

  virtual KeyReport Explain(const HashedKey& key, MonotonicNanos now) = 0;

  // Up to `count` entries that the policy would keep longest, or would drive out first, in its order: the first of each
  // stripe, then the second of each, and so on. Only what would be served. A stripe's mutex is held while its share is
  // looked at, four times as many entries at most.
  enum class End { kHottest, kColdest };
  virtual std::vector<EntrySnapshot> EndOfOrder(End end, size_t count) = 0;
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_LOCAL_TIER_H_
