// Judges what the threads of one worker are served, and how long their calls take.
//
// A judged read costs one look at the clock, two loads of process-wide words that seldom change, and one or two lines
// of the version table; nothing is written unless the version is new to this process. Counts are gathered here and
// added to the arena now and then.

#ifndef BENCH_COHERENCE_TORTURE_JUDGING_H_
#define BENCH_COHERENCE_TORTURE_JUDGING_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/clear_notice.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/judge.h"
#include "bench/processes/record.h"
#include "bench/processes/run_delay.h"
#include "bench/processes/session_floor.h"

namespace nearcache::bench::torture {

// What the threads of one worker share.
struct Session {
  explicit Session(uint32_t key_count) : floors(key_count) {}

  // Returns when every stall before the call is in `stalled_nanos`; after about two seconds in any case.
  void AwaitStallsMeasured() const;

  SessionFloor floors;
  alignas(64) ClearNotice clears;  // Of this process.
  // When the newest Sync that has returned began.
  alignas(64) std::atomic<int64_t> synced_nanos{0};
  // How long this process was stopped and its threads, those of load apart, had to wait for a processor, in sum, and
  // how often that was looked at.
  alignas(64) std::atomic<int64_t> stalled_nanos{0};
  std::atomic<uint64_t> stall_looks{0};
};

// One per thread, made by it.
class Judging {
 public:
  // None is owned; all must outlive this.
  Judging(Arena* arena, Session* session, uint32_t worker);

  // What must be known before a read starts.
  struct Begun {
    uint32_t key;
    uint32_t floor;
    int64_t nanos;
    int64_t synced_nanos;
    int64_t store_since_nanos;
  };
  Begun Begin(uint32_t key) const;

  // The read ended with these bytes.
  void End(const Begun& begun, const RecordIdentity& identity, bool from_memory, bool fresh);

  // The write ended; its version is a floor if it was acknowledged, and must never have been seen if it failed.
  void EndWrite(uint32_t key, uint32_t version, WriteOutcome outcome);

  // A loader made `version`, and whether it was stored nobody says; or the key was changed while the loader ran, which
  // voids what it made: then it must never be seen but by those who waited for this loader.
  void EndLoad(uint32_t key, uint32_t version);
  void EndOvertakenLoad(uint32_t key, uint32_t version);
  // A read ended with what a loader, this caller's or another's, had made for those who wait.
  void EndLoaded(const Begun& begun, const RecordIdentity& identity);

  // An increment by one of a counter that only this thread changes was acknowledged, and no other is under way or
  // without an answer. `since_nanos`: of the store, when `from` was known.
  void CheckSum(uint32_t key, uint32_t from, uint32_t sum, int64_t since_nanos);
  // A key that only this thread changes, and that it had just deleted, was said to exist.
  void CheckExists(uint32_t key, int64_t since_nanos);

  // The Clear ended and was acknowledged.
  void EndClear(int64_t begun_nanos);

  // Around a call that has the run's deadline.
  struct Call {
    int64_t begun_nanos;
    int64_t stalled_nanos;
    int64_t delayed_nanos;
  };
  Call BeginCall() const;
  void EndCall(const Call& call);

  void Add(Count count, uint64_t by = 1) { tally_[count] += by; }
  void Flush();

 private:
  int64_t BoundOf(const Begun& begun, bool fresh) const;
  // Whether the Clear was acknowledged before the read began, and so lately that it is worth a look at what was read.
  bool IsRecent(const ClearNotice::Times& clear, const Begun& begun) const;
  bool CheckClear(const ClearNotice::Times& clear, int64_t bound_nanos, const Begun& begun, uint32_t version,
                  bool from_memory, bool fresh);
  void CheckClears(const Begun& begun, uint32_t version, bool from_memory, bool fresh);
  void EndSlowly(const Begun& begun, uint32_t version, bool from_memory, bool fresh);
  void LogOwn(Violation violation, uint32_t key, int64_t amount, int64_t allowed);
  void Log(Violation violation, const Begun& begun, const ReadObservation& read, const Verdict& verdict,
           bool from_memory, bool fresh);

  Arena* const arena_;
  Session* const session_;
  const uint32_t worker_;
  const int64_t bound_nanos_;
  const int64_t timeout_nanos_;
  const OwnRunDelay run_delay_;
  WorkerBlock& block_;
  std::array<uint64_t, kCountCount> tally_ = {};
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_JUDGING_H_
