// What really happened, and what a read may therefore return: the checker of the contract's sentences 1 (bound),
// 2 (session) and, for lost data, 5 (detection). It knows nothing of the library, only of the order in which the
// primary executed operations and of when callers began and ended.
//
// Each key has a history: the operations on it in the order of execution. A read is judged when it ends.
//
//   bound     a value must not have been replaced by an operation acknowledged before the read's horizon, which is its
//             start less the bound; or its start, for a fresh read or one the server answered; or the start of the last
//             completed Sync
//   session   nor may it be older than anything this process had read or had acknowledged when the read began
//   lost      a value that the server lost must not be served by reads that begin more than the bound later

#ifndef TESTS_SIMULATION_TRUTH_H_
#define TESTS_SIMULATION_TRUTH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nearcache/internal/base/operation_id.h"
#include "tests/simulation/scheduler.h"

namespace nearcache::simulation {

using internal::OperationId;
using internal::OperationTag;

// Place in a key's history; kBefore: before everything.
using Place = int64_t;
inline constexpr Place kBefore = -1;

// How far the history of each key had come at some moment.
using Position = std::vector<Place>;

class Truth {
 public:
  Truth(int keys, int processes, int64_t bound_nanos, const Scheduler* scheduler);

  // --- The primary executes.
  // `counts` is false for a set that was stored under another epoch than the namespace's: it may be executed again.
  // Any other operation is executed once at most, unless it says that it may be repeated.
  void Executed(int key, OperationTag id, bool counts = true, bool may_repeat = false);
  void ExecutedClear(OperationTag id);
  Position Now() const;
  // What came after `position` is lost from now on; the values before it are current again. Whom `knows` names with
  // false (empty: nobody) may go on answering with it until he is told.
  void Lost(const Position& position, const std::vector<bool>& knows = {});
  // Since when `id` has been lost; kNever: it is not.
  MonotonicNanos LostSince(int key, OperationTag id) const;

  // --- A caller learns.
  void Acknowledged(int process, OperationTag id);
  // A stranger, who is none of the processes.
  void AcknowledgedToStranger(int key, OperationTag id);

  struct Read {
    int process = 0;
    int key = 0;
    MonotonicNanos begun_at = 0;
    Place floor = kBefore;           // What the process had seen when the read began.
    MonotonicNanos synced_from = 0;  // When the last Sync began that had ended by then.
  };
  Read Begin(int process, int key) const;
  // How the answer came about, which decides how old it may be.
  enum class Way { kMemory, kServer, kFresh };
  // The read returned the value that `id` wrote.
  void Returned(const Read& read, OperationTag id, Way way);
  // The read returned nothing, and the server had nothing when the history was at `place`.
  void ReturnedNothing(const Read& read, Place place);
  void Synced(int process, MonotonicNanos begun_at);

  Place PlaceOf(int key, OperationTag id) const;
  // Of the last operation on the key.
  Place Last(int key) const { return static_cast<Place>(histories_[key].size()) - 1; }

  // The first violation, in words; empty: none.
  const std::string& violation() const { return violation_; }
  uint64_t reads_checked() const { return reads_checked_; }

 private:
  struct Operation {
    OperationTag id;
    bool clear = false;
    bool lost = false;
    bool counts = true;
    MonotonicNanos lost_at = 0;
    std::vector<bool> loss_known;  // By process; empty: to all.
    MonotonicNanos acknowledged_at = internal::kNever;
  };
  using History = std::vector<Operation>;

  void CheckBound(const Read& read, Place place, Way way);
  void Saw(int process, int key, Place place);
  void Fail(const std::string& what);
  void Fail(const Read& read, Place place, const std::string& what);

  const int64_t bound_;
  const Scheduler* const scheduler_;
  std::vector<History> histories_;
  std::vector<absl::flat_hash_map<OperationTag, Place>> places_;
  std::vector<std::vector<Place>> floors_;  // By process and key.
  std::vector<MonotonicNanos> synced_from_;
  uint64_t reads_checked_ = 0;
  std::string violation_;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_TRUTH_H_
