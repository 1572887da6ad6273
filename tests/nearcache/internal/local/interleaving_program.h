// Short programs of two or three threads on one stripe, run in every order that there is; after each run the history is
// compared with the plain rules (reference_tier.h).
//
// What must hold after each schedule:
//   - some order of the operations, one at a time, explains all results, the last state included; an operation that
//     returned before another was called comes before it (linearizability: M. Herlihy, J. Wing, 1990);
//   - bytes do not change under a reader, nor in a value that he keeps;
//   - who joined a flight is called exactly once;
//   - the budget holds what entries and table take, no more; and nothing at all once everything was cleared.

#ifndef TESTS_NEARCACHE_INTERNAL_LOCAL_INTERLEAVING_PROGRAM_H_
#define TESTS_NEARCACHE_INTERNAL_LOCAL_INTERLEAVING_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "nearcache/internal/local/local_tier.h"
#include "tests/nearcache/internal/local/interleaving_scheduler.h"

namespace nearcache::internal::local {

enum class Verb {
  kRead,       // In place, without a lock.
  kHold,       // By reference; the value is kept to the end.
  kBeginRead,  // What is in progress is named by `name`; kComplete and kEndWrite end it.
  kBeginLoad,
  kComplete,  // Nothing, if there was nothing to lead.
  kBeginWrite,
  kEndWrite,
  kFailWrite,
  kPut,
  kUpdate,  // Appends `value`.
  kRemove,
  kInvalidate,
  kDoubt,
  kClear,
  kOpenLane,  // For `amount` milliseconds.
  kCloseLane,
  kRenewLane,
  kAdvance,  // The clock, by `amount` milliseconds.
  kMaintain,
  kFreeRetired,
  kSetCapacity,  // To `amount` bytes.
  kWalk,
  kExplain,
};

struct Operation {
  Verb verb;
  std::string key;
  std::string value;
  uint64_t id = 0;
  int64_t amount = 0;  // For kPut and kComplete: milliseconds to live; 0: no end.
  std::string name;
};

// What was called when, and what it gave.
struct Event {
  const Operation* operation = nullptr;
  uint64_t called = 0;
  uint64_t returned = 0;
  MonotonicNanos now = 0;  // When it was called.
  MonotonicNanos ended_at = 0;
  std::string result;
};

struct Program {
  std::vector<Operation> before;  // One after the other, before the threads begin.
  std::vector<std::vector<Operation>> threads;
  InterleavingScheduler::Granularity granularity;
  absl::Duration staleness = absl::InfiniteDuration();
  size_t capacity_bytes = size_t{64} << 20;
  PolicyKind policy = PolicyKind::kScanResistant;
  // The tier may miss although the rules would let it hit: where entries are evicted.
  bool may_miss = false;
  // The same for look-ups without a lock alone: while tables move.
  bool may_overlook = false;

  // --- Sabotage, to see that the checks notice.
  bool hide_readers = false;   // No epoch is announced.
  bool forget_events = false;  // Flights know of no event when they are completed.
};

struct Totals {
  size_t schedules = 0;
  size_t histories = 0;     // That differ.
  std::string first_error;  // Empty: all was well.

  void Add(const Totals& other);
};

// Runs `program` under every schedule, or to the first error.
Totals RunAllSchedules(const Program& program);

// Whether the rules explain `events`, which are in the order of their calls.
bool IsExplained(const Program& program, const std::vector<Event>& events);

// "put(a, 1) -> true": for messages.
std::string ToString(const Event& event);

}  // namespace nearcache::internal::local

#endif  // TESTS_NEARCACHE_INTERNAL_LOCAL_INTERLEAVING_PROGRAM_H_
