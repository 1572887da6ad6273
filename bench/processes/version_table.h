// What really happened to every key, in memory that all processes of a run share: which versions were written, how
// each write ended, and when. The judge (judge.h) compares what readers were served with this.
//
// Each key is written by one thread only (its slot, see KeySpace), one version after the other:
//
//   const uint32_t version = table.Begin(key, NowNanos());  // before the write is handed to the cache
//   … cache->Set(…) …
//   table.End(key, version, outcome, NowNanos());           // after it returned
//
// Per slot, the outcomes go into one ring of records, newest last; the outcomes of one key are linked backwards through
// it. So even a key that is written thousands of times a second keeps its history for as long as the ring is deep,
// which is many staleness bounds. A reader of the current version looks at one line of memory; of an older one, it
// walks back to that version's successor.
//
// A worker may be killed anywhere. A version that was begun and has no outcome then is unknown; RecoverSlot, called by
// the process that takes its place, says so in the table.
//
// Thread rules: Begin, End and RecoverSlot of one slot never run concurrently; Find may run at any time, anywhere.

#ifndef BENCH_PROCESSES_VERSION_TABLE_H_
#define BENCH_PROCESSES_VERSION_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/processes/key_space.h"

namespace nearcache::bench {

// How a write ended; kNone: not yet, or nothing is known of such a version.
enum class WriteOutcome : uint32_t { kNone, kAcknowledged, kUnknown, kFailed };

// What the table knows about one version of a key.
struct VersionHistory {
  // The newest version ever begun; a version above it was never written by anybody.
  uint32_t newest_begun = 0;
  WriteOutcome outcome = WriteOutcome::kNone;
  // When its write began; 0: not known any more.
  int64_t begun_nanos = 0;
  // The first version above this one whose write was acknowledged, and when; 0: there is none. If the ring has
  // forgotten the first, it is the first that is still known, which errs on the side of the cache.
  uint32_t successor = 0;
  int64_t successor_acknowledged_nanos = 0;
};

// One write of a key, for telling its history.
struct VersionEntry {
  uint32_t version = 0;
  WriteOutcome outcome = WriteOutcome::kNone;
  int64_t begun_nanos = 0;
  int64_t ended_nanos = 0;
};

class VersionTable {
 public:
  // Bytes of zeroed memory that a table for these keys needs, aligned to 64. Most of them are never touched.
  static size_t BytesNeeded(const KeySpace& keys);

  // A view of `memory`, which is zeroed, or was filled by tables for the same keys. Owns nothing.
  VersionTable(void* memory, const KeySpace& keys);

  // The next version of `key`: 1, 2, 3, … It counts as begun from now on. With `count`, so many of them, of which the
  // last is returned: for a writer who does not choose which of them his write will be.
  uint32_t Begin(uint32_t key, int64_t now_nanos, uint32_t count = 1);
  void End(uint32_t key, uint32_t version, WriteOutcome outcome, int64_t now_nanos);

  // Marks the versions unknown that a killed predecessor began and did not end.
  void RecoverSlot(uint32_t slot, int64_t now_nanos);

  // Only writes that began at `successors_from_nanos` or later count as successors.
  VersionHistory Find(uint32_t key, uint32_t version, int64_t successors_from_nanos = 0) const;

  // How far the write of a version that readers just saw is, without looking at its history: two loads of one line.
  enum class Progress {
    kNewest,    // Acknowledged, and nothing newer was begun.
    kInFlight,  // The newest, and its write did not end yet.
    kOther,     // Find knows more.
  };
  Progress ProgressOf(uint32_t key, uint32_t version) const;

  // Copies the newest writes of `key` that ended, newest first, into `entries`; returns how many.
  int CopyHistory(uint32_t key, VersionEntry* entries, int entry_count) const;

  // When the write of `version` was acknowledged; 0: it was not, or the ring has forgotten it.
  int64_t AcknowledgedNanos(uint32_t key, uint32_t version) const;

  // When the newest write of `key` ended; 0 if none did.
  int64_t LastEndNanos(uint32_t key) const;

 private:
  struct KeyState {
    std::atomic<uint32_t> newest_begun;
    std::atomic<uint32_t> newest_ended;
    std::atomic<uint32_t> newest_failed;
    std::atomic<uint32_t> newest_unknown;
    // Number of the newest outcome in the slot's ring, counted from 1; 0: none.
    std::atomic<uint64_t> newest_entry;
    std::atomic<int64_t> newest_begun_nanos;
  };
  struct Entry {
    std::atomic<uint64_t> previous;
    std::atomic<int64_t> begun_nanos;
    std::atomic<int64_t> ended_nanos;
    std::atomic<uint32_t> version;
    std::atomic<WriteOutcome> outcome;
  };
  struct EntryCopy {
    uint64_t previous;
    int64_t begun_nanos;
    int64_t ended_nanos;
    uint32_t version;
    WriteOutcome outcome;
  };

  static size_t RingEntries(const KeySpace& keys);

  std::atomic<uint64_t>& EntryCount(uint32_t slot) const { return entry_counts_[slot * 8]; }
  Entry& EntryAt(uint32_t slot, uint64_t number) const {
    return entries_[slot * ring_entries_ + (number & (ring_entries_ - 1))];
  }
  // False if the ring has forgotten entry `number`.
  bool CopyEntry(uint32_t slot, uint64_t number, EntryCopy* copy) const;
  void WalkBack(uint32_t key, uint32_t version, int64_t successors_from_nanos, VersionHistory* history) const;

  const KeySpace keys_;
  const size_t ring_entries_;                  // A power of two.
  std::atomic<uint64_t>* const entry_counts_;  // One per slot, each alone on its cache line.
  KeyState* const key_states_;
  Entry* const entries_;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_VERSION_TABLE_H_
