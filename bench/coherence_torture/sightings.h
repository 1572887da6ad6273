// When a version whose write had not been acknowledged was first seen by a reader: the proof that it had taken effect
// by then. In memory that all processes share; any thread may call anything; zeroed memory knows of none.
//
// For each key the last version seen while its write was under way is kept, and the last one of those whose write ended
// without an answer. What is forgotten errs on the side of the cache.

#ifndef BENCH_COHERENCE_TORTURE_SIGHTINGS_H_
#define BENCH_COHERENCE_TORTURE_SIGHTINGS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nearcache::bench::torture {

class Sightings {
 public:
  static size_t BytesNeeded(uint32_t key_count) { return key_count * sizeof(Cell); }

  // A view of `memory`; times are kept relative to `start_nanos`.
  Sightings(void* memory, int64_t start_nanos) : cells_(static_cast<Cell*>(memory)), start_nanos_(start_nanos) {}

  // A read that has ended by `now_nanos` returned `version`, whose write has no outcome yet.
  void NoteInFlight(uint32_t key, uint32_t version, int64_t now_nanos) {
    Note(&cells_[key].in_flight, version, now_nanos);
  }

  // The same for a version whose write is known to have ended without an answer.
  void NoteUnknown(uint32_t key, uint32_t version, int64_t now_nanos) {
    Note(&cells_[key].unknown, version, now_nanos);
  }

  // The write of `version` ended without an answer: what was seen of it is kept. For its writer.
  void MarkUnknown(uint32_t key, uint32_t version) {
    const uint64_t seen = cells_[key].in_flight.load(std::memory_order_acquire);
    if (VersionOf(seen) == version) cells_[key].unknown.store(seen, std::memory_order_release);
  }

  bool SeenInFlight(uint32_t key, uint32_t version) const {
    return VersionOf(cells_[key].in_flight.load(std::memory_order_acquire)) == version;
  }

  // When `version`, whose write got no answer, was seen first, or a little later; 0: not known.
  int64_t SeenNanos(uint32_t key, uint32_t version) const {
    const uint64_t seen = cells_[key].unknown.load(std::memory_order_acquire);
    if (version == 0 || VersionOf(seen) != version) return 0;
    return start_nanos_ + static_cast<int64_t>(seen & 0xffffffffu) * kNanosPerTick;
  }

 private:
  // Version in the upper half, time in ticks in the lower, so that both change in one step.
  struct Cell {
    std::atomic<uint64_t> in_flight;
    std::atomic<uint64_t> unknown;
  };
  static constexpr int64_t kNanosPerTick = 1'000'000;

  static uint32_t VersionOf(uint64_t seen) { return static_cast<uint32_t>(seen >> 32); }

  void Note(std::atomic<uint64_t>* cell, uint32_t version, int64_t now_nanos) {
    uint64_t seen = cell->load(std::memory_order_acquire);
    if (VersionOf(seen) >= version) return;
    const uint64_t tick = static_cast<uint64_t>((now_nanos - start_nanos_) / kNanosPerTick + 1);
    const uint64_t wanted = (uint64_t{version} << 32) | (tick & 0xffffffffu);
    while (VersionOf(seen) < version && !cell->compare_exchange_weak(seen, wanted, std::memory_order_acq_rel)) {
    }
  }

  Cell* cells_;
  int64_t start_nanos_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_SIGHTINGS_H_
