// The one thread of a worker that changes the worker's keys, by every call that changes something.

#ifndef BENCH_COHERENCE_TORTURE_TORTURE_WRITER_H_
#define BENCH_COHERENCE_TORTURE_TORTURE_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/judging.h"
#include "bench/coherence_torture/key_use.h"
#include "bench/coherence_torture/load.h"
#include "bench/processes/version_table.h"
#include "bench/support/random.h"
#include "nearcache/cache.h"

namespace nearcache::bench::torture {

class TortureWriter {
 public:
  // None of the pointers is owned; all must outlive this. `predecessor`: the process takes the place of one that was
  // killed.
  TortureWriter(Cache* cache, Arena* arena, Session* session, const DrawnKeys* drawn, uint32_t worker, uint64_t seed,
                bool predecessor);
  // Writes every key that was never written.
  void Fill();
  void Run();

 private:
  // Of a counter: the version it is known to have, 0: none, and since when the store was what it is then.
  struct Counter {
    uint32_t version = 0;
    int64_t store_since_nanos = 0;
  };
  // A load that overtakes itself, and how.
  enum class Overtaking { kNot, kBySet, kByDelete };

  void WriteOnce();
  void Refill();
  uint32_t OwnKey();
  uint32_t OwnKeyOf(KeyUse use) { return NeighbourOfUse(arena_->keys(), OwnKey(), use); }
  std::vector<uint32_t> OwnKeys(uint32_t count);
  void ScheduleClear();
  void Clear();

  void Set(uint32_t key, bool only_if_present);
  void SetMany(const std::vector<uint32_t>& keys);
  bool Add(uint32_t key, absl::Status* status);
  bool Delete(uint32_t key);
  void DeleteMany(const std::vector<uint32_t>& keys);
  void DeleteAndAdd(uint32_t key);

  // --- torture_writer_uses.cc
  void SetCounter(uint32_t key);
  void Increment(uint32_t key);
  void EndLife(uint32_t key);
  void LengthenLife(uint32_t key);
  void Load(uint32_t key, Overtaking overtaking);
  absl::StatusOr<std::string> MakeLoaded(uint32_t key, Overtaking overtaking, uint32_t* version);

  std::string RecordOf(uint32_t key, uint32_t version) const;
  uint32_t BeginVersion(uint32_t key);
  int64_t StoreSinceNanos() const { return arena_->store_since_nanos().load(std::memory_order_acquire); }
  // The write ended: tells the judge, and leaves a key alone whose last write may yet be made.
  void End(uint32_t key, uint32_t version, const absl::Status& status);
  void EndAll(const std::vector<uint32_t>& keys, const std::vector<uint32_t>& versions,
              const std::vector<absl::Status>& statuses);
  void LeaveAlone(uint32_t key);
  bool IsLeftAlone(uint32_t key) const;

  Cache* const cache_;
  Arena* const arena_;
  const DrawnKeys* const drawn_;
  const uint32_t slot_;
  Judging judging_;
  Random random_;
  int64_t next_clear_nanos_ = 0;
  bool failed_ = false;
  std::vector<Counter> counters_;
  std::vector<int64_t> alone_until_nanos_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_TORTURE_WRITER_H_
