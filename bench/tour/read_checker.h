// Judges what one thread was served and counts it. One per thread; counts are gathered here and added to the shared
// memory once per batch, so that checking costs few writes to shared lines.

#ifndef BENCH_TOUR_READ_CHECKER_H_
#define BENCH_TOUR_READ_CHECKER_H_

#include <cstdint>

#include "bench/processes/judge.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {

class ReadChecker {
 public:
  // Neither is owned; both must outlive this.
  ReadChecker(SharedMemory* memory, SessionFloor* floors, uint32_t worker);

  // What must be known before a read starts.
  struct Begun {
    uint32_t key;
    uint32_t floor;
    int64_t nanos;
  };
  Begun Begin(uint32_t key) const;

  // The read ended with these bytes. From now on no read of the key may return an older version.
  void End(const Begun& begun, const RecordIdentity& identity, Count source, bool fresh = false);

  void Add(Count count, uint64_t by = 1) { tally_[count] += by; }

  // Adds what was counted to the worker's block.
  void Flush();

 private:
  void NoteAge(int64_t age_nanos);
  void Log(const ReadObservation& read, const Verdict& verdict, bool from_memory);

  SharedMemory* const memory_;
  SessionFloor* const floors_;
  const uint32_t worker_;
  WorkerBlock& block_;
  Counts tally_ = {};
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_READ_CHECKER_H_
