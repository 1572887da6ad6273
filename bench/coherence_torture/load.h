// The threads of a worker that read, and mostly hit memory; torture_writer.h is the one that writes.

#ifndef BENCH_COHERENCE_TORTURE_LOAD_H_
#define BENCH_COHERENCE_TORTURE_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/judging.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
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
  absl::Status GetOrLoad(uint32_t key, ReadInfo* info);
  RecordIdentity Check(uint32_t key, absl::string_view value) const;
  bool NoteNoValue(uint32_t key, const absl::Status& status);

  Cache* const cache_;
  Arena* const arena_;
  const DrawnKeys* const drawn_;
  Judging judging_;
  Random random_;
  uint64_t position_;
  std::vector<KeyName> names_;
  std::vector<bool> is_counter_;
  // Keys that nobody has written since they were found missing are left alone until then.
  std::vector<int64_t> absent_until_nanos_;
  std::vector<uint32_t> missed_;
  std::string buffer_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_LOAD_H_
