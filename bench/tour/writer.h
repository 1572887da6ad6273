// Writes the keys of one slot and keeps the version table true about how each write ended. One per load thread; only
// that thread uses it.

#ifndef BENCH_TOUR_WRITER_H_
#define BENCH_TOUR_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "bench/processes/session_floor.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/shared_memory.h"
#include "nearcache/cache.h"

namespace nearcache::bench::tour {

class Writer {
 public:
  // None is owned; all must outlive this.
  Writer(Cache* cache, SharedMemory* memory, SessionFloor* floors, ReadChecker* checker);

  // Writes the next version of `key`. REQUIRES: the slot owns it. False if the write was not acknowledged.
  bool Write(uint32_t key);

  // Writes the next versions of `keys`, which are all different, in one call. Returns how many were acknowledged.
  uint32_t WriteMany(absl::Span<const uint32_t> keys, bool keep_local);

 private:
  void NoteEnd(uint32_t key, uint32_t version, const absl::Status& status);

  Cache* const cache_;
  SharedMemory* const memory_;
  SessionFloor* const floors_;
  ReadChecker* const checker_;
  std::string record_;
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_WRITER_H_
