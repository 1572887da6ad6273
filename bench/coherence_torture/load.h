// The threads of load of one worker: readers, which mostly hit memory, and the one writer of the worker's keys.

#ifndef BENCH_COHERENCE_TORTURE_LOAD_H_
#define BENCH_COHERENCE_TORTURE_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/judging.h"
#include "bench/processes/key_space.h"
#include "bench/support/random.h"
#include "nearcache/cache.h"

namespace nearcache::bench::torture {

// A long row of keys as Zipf would draw them, made once, because drawing them costs more than a read.
class DrawnKeys {
 public:
  DrawnKeys(const KeySpace& keys, uint64_t seed);
  uint32_t At(uint64_t position) const { return keys_[position & (keys_.size() - 1)]; }

 private:
  std::vector<uint32_t> keys_;
};

class Reader {
 public:
  // None is owned; all must outlive this.
  Reader(Cache* cache, Arena* arena, Session* session, const DrawnKeys* drawn, uint32_t worker, uint64_t seed);
  // Until the phase is kStopping.
  void Run();

 private:
  void ReadMemory();
  void ReadMissed();
  void ReadOne(uint32_t key, bool fresh);
  bool NoteNoValue(uint32_t key, const absl::Status& status);

  Cache* const cache_;
  Arena* const arena_;
  const DrawnKeys* const drawn_;
  Judging judging_;
  Random random_;
  uint64_t position_;
  std::vector<KeyName> names_;
  // Keys that nobody has written since they were found missing are left alone until then.
  std::vector<int64_t> absent_until_nanos_;
  std::vector<uint32_t> missed_;
  std::string buffer_;
};

class TortureWriter {
 public:
  TortureWriter(Cache* cache, Arena* arena, Session* session, const DrawnKeys* drawn, uint32_t worker, uint64_t seed);
  // Writes every key that was never written.
  void Fill();
  void Run();

 private:
  void WriteOnce();
  void Refill();
  uint32_t OwnKey();
  std::vector<uint32_t> OwnKeys(uint32_t count);
  void Set(uint32_t key, bool only_if_present);
  void ScheduleClear();
  void Clear();
  void SetMany(const std::vector<uint32_t>& keys);
  void DeleteMany(const std::vector<uint32_t>& keys);
  void End(const std::vector<uint32_t>& keys, const std::vector<uint32_t>& versions,
           const std::vector<absl::Status>& statuses);

  Cache* const cache_;
  Arena* const arena_;
  const DrawnKeys* const drawn_;
  const uint32_t slot_;
  Judging judging_;
  Random random_;
  int64_t next_clear_nanos_ = 0;
  bool failed_ = false;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_LOAD_H_
