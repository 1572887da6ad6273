// One cache that takes part: ours through one of its interfaces, or a peer.
//
// A candidate runs whole slices of operations, so that the call from the harness costs nothing per operation and the
// look-up is compiled into its loop, as it is in a program that uses that cache.

#ifndef BENCH_LOCAL_PEERS_CANDIDATE_H_
#define BENCH_LOCAL_PEERS_CANDIDATE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/support/corpus.h"
#include "bench/support/histogram.h"
#include "bench/support/request_stream.h"

namespace nearcache::local_peers {

// What a hit does with the value.
enum class Form {
  kVisit,  // Reads its first and last word where it lies.
  kCopy,   // Copies it to a string that is used again.
  kHold,   // Takes a counted reference, reads as kVisit, and drops it.
};

struct Task {
  Form form = Form::kVisit;
  uint32_t writes_per_mille = 0;
  bool set_on_miss = false;
};

// How much is to be kept.
struct Room {
  const bench::Corpus* corpus = nullptr;
  uint32_t key_count = 0;
  // 0: everything fits, with room to spare. Otherwise the number of entries of average size: each candidate gets what
  // it needs for them by its own way of counting.
  uint32_t entries = 0;
  // Not 0: the bytes of key and value, instead of `entries`, as the candidate itself counts capacity.
  size_t bytes = 0;
};

struct SliceCounts {
  uint64_t reads = 0;
  uint64_t hits = 0;
  // Keeps the compiler from dropping the reads.
  uint64_t checksum = 0;
};

class Candidate {
 public:
  virtual ~Candidate() = default;

  // Thread-safe. The second form adds what each operation took, in ticks.
  virtual SliceCounts Run(const Task& task, bench::RequestStream::Cursor* cursor, uint32_t operations) = 0;
  virtual SliceCounts RunTimed(const Task& task, bench::RequestStream::Cursor* cursor, uint32_t operations,
                               bench::HistogramSnapshot* ticks) = 0;

  // Sets the keys [first, first + count).
  virtual void Fill(uint32_t first, uint32_t count) = 0;

  // Between slices: what a cache needs to stay as it is in service, such as a renewed lease.
  virtual void Tend() {}

  // What it says it holds, in bytes with all overhead, and in entries; 0 if it does not say.
  virtual size_t AccountedBytes() { return 0; }
  virtual size_t Entries() { return 0; }

  // --- What may make readers wait. False: it cannot do that.

  virtual bool Clear() { return false; }
  virtual bool ShrinkToHalf() { return false; }
  // As Fill, with entries that expire at `deadline`, in nanoseconds of the monotonic clock.
  virtual bool FillUntil(uint32_t first, uint32_t count, int64_t deadline) = 0;
  // A piece of the work that the above leaves behind, for a cache that does it in pieces; whether there is more.
  virtual bool Work() { return false; }
};

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_CANDIDATE_H_
