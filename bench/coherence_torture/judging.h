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
#include "bench/coherence_torture/violation.h"
#include "bench/processes/judge.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"

namespace nearcache::bench::torture {

// What the threads of one worker share.
struct Session {
  explicit Session(uint32_t key_count) : floors(key_count) {}

  SessionFloor floors;
  // When the newest Sync that has returned began.
  alignas(64) std::atomic<int64_t> synced_nanos{0};
  // How long this process has not been run although it wanted to, in sum, and how often that was looked at.
  alignas(64) std::atomic<int64_t> stalled_nanos{0};
  std::atomic<uint64_t> stall_looks{0};
};

// One per thread.
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

  // A call that may take `timeout_nanos` began at `begun_nanos`, when `stalled_nanos` was that of the session, and has
  // returned.
  void EndCall(int64_t begun_nanos, int64_t stalled_nanos, int64_t timeout_nanos);
  int64_t stalled_nanos() const { return session_->stalled_nanos.load(std::memory_order_relaxed); }

  void Add(Count count, uint64_t by = 1) { tally_[count] += by; }
  void Flush();

 private:
  void EndSlowly(const Begun& begun, uint32_t version, bool from_memory, bool fresh);
  void Log(Violation violation, const Begun& begun, const ReadObservation& read, const Verdict& verdict,
           bool from_memory, bool fresh);

  Arena* const arena_;
  Session* const session_;
  const uint32_t worker_;
  const int64_t bound_nanos_;
  WorkerBlock& block_;
  std::array<uint64_t, kCountCount> tally_ = {};
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_JUDGING_H_
