// What the processes of a multi-process test know together, in shared memory of one machine, whose monotonic clock all
// of them share: for each key, the versions whose writes were acknowledged, and when. It knows nothing of nearcache.
//
// Each key has one writer, who writes versions 1, 2, 3...; a version is *replaced* when the acknowledgement of its
// successor has come. A read that begins more than the staleness bound after that must not return it (C1).

#ifndef NEARCACHE_TESTS_NEARCACHE_MULTIPROCESS_SHARED_VERSIONS_H_
#define NEARCACHE_TESTS_NEARCACHE_MULTIPROCESS_SHARED_VERSIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::testing {

class SharedVersions {
 public:
  static constexpr size_t kKeys = 64;
  static constexpr size_t kVersionsMax = size_t{1} << 16;  // Per key; a writer stops there.

  struct Totals {
    std::atomic<uint64_t> reads;
    std::atomic<uint64_t> hits;  // Of those, answered from memory.
    std::atomic<uint64_t> writes;
    std::atomic<uint64_t> violations;   // Reads that returned something too old, or not a value of their key.
    std::atomic<int64_t> oldest_nanos;  // Longest time after its replacement that a value was still returned.
  };

  // Creates the file, or maps one that was created; null if that fails.
  static std::unique_ptr<SharedVersions> Create(const std::string& path) { return Map(path, true); }
  static std::unique_ptr<SharedVersions> Attach(const std::string& path) { return Map(path, false); }
  ~SharedVersions();

  // The write of `version` was acknowledged at `now`: its predecessor is replaced. Also says what to go on from for a
  // writer that takes over from one that was killed.
  void NoteAcknowledged(size_t key, uint64_t version, int64_t now);
  // The highest version that anybody began to write.
  uint64_t NextVersion(size_t key) { return begun_[key].fetch_add(1) + 1; }

  // How long `version` had been replaced when a read of it began; 0 if it had not been.
  int64_t StaleNanos(size_t key, uint64_t version, int64_t read_began) const;

  Totals& totals() { return *totals_; }
  std::atomic<bool>& stop() { return *stop_; }

 private:
  static std::unique_ptr<SharedVersions> Map(const std::string& path, bool create);
  static size_t Size();

  void* memory_ = nullptr;
  Totals* totals_ = nullptr;
  std::atomic<bool>* stop_ = nullptr;
  std::atomic<uint64_t>* begun_ = nullptr;           // [kKeys]
  std::atomic<int64_t>* acknowledged_at_ = nullptr;  // [kKeys][kVersionsMax]; 0: not yet.
};

// CLOCK_MONOTONIC.
int64_t SharedNow();

// A value that says of what key and version it is, and is as long as its version says. Parse: 0 unless `value` is whole
// and belongs to `key`.
std::string MakeVersionedValue(size_t key, uint64_t version);
uint64_t ParseVersionedValue(size_t key, absl::string_view value);

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_NEARCACHE_MULTIPROCESS_SHARED_VERSIONS_H_
