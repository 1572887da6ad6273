// One thread of load: fills the keys of its slot, then reads and writes as a busy service would until the tour stops.
//
// It works in batches of 64 reads. The keys of a batch are drawn before the clock runs, so that drawing them is not
// counted as time of the cache. Each read of memory is timed and judged by itself; of every sixteenth batch they are
// done back to back with the clock outside, which gives the cost of one hit without that of measuring and checking.
// What memory lacks is asked of the server one by one in every fourth batch, in one GetMany in the others.

#ifndef BENCH_TOUR_LOAD_THREAD_H_
#define BENCH_TOUR_LOAD_THREAD_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"
#include "bench/support/random.h"
#include "bench/support/zipf.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/shared_memory.h"
#include "bench/tour/writer.h"
#include "nearcache/cache.h"

namespace nearcache::bench::tour {

class LoadThread {
 public:
  // None of the pointers is owned; all must outlive this. `thread` counts within the worker.
  LoadThread(Cache* cache, SharedMemory* memory, SessionFloor* floors, const Zipf* popularity, uint32_t worker,
             uint32_t thread);

  // Writes every key of the slot that was never written.
  void Fill();

  // Runs until the phase is kStopping.
  void Run();

 private:
  static constexpr int kBatch = 64;

  void DrawBatch();
  void ReadBatch();
  void ReadBatchTimed();
  void ReadManyThrough(const std::vector<int>& places);
  bool ReadMemory(uint32_t key, const KeyName& name, absl::FunctionRef<void(absl::string_view)> visitor);
  void ReadThrough(uint32_t key, const KeyName& name, bool fresh);
  bool NoteNoValue(uint32_t key, const absl::Status& status);
  void WriteShare();
  uint32_t DrawOwnKey();
  void Refill();
  void WriteInChunks(const std::vector<uint32_t>& keys, bool keep_local);

  Cache* const cache_;
  SharedMemory* const memory_;
  const Zipf* const popularity_;
  WorkerBlock& block_;
  const uint32_t slot_;
  const uint32_t first_slot_of_worker_;
  const bool serves_stale_copies_;
  ReadChecker checker_;
  Writer writer_;
  Random random_;
  double writes_due_ = 0;
  std::array<uint32_t, kBatch> keys_;
  std::array<KeyName, kBatch> names_;
  std::string buffer_;
  absl::flat_hash_map<uint32_t, std::string> stale_copies_;
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_LOAD_THREAD_H_
