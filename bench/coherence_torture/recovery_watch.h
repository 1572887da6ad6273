// Whether a process works as before once nobody breaks anything any more (check C6): memory open under a lease, hits as
// frequent as they should be, and no more descriptors, threads or heap than at its beginning. Pure: looks in, a verdict
// out. One per process.
//
// All of it has to be seen in one look, at the latest five seconds after the last fault. Time in which the process
// wanted to run and could not is not counted, four times over, because a call passes through several threads; of a
// process that lacks so much of it that it would have a minute, nothing is said.

#ifndef BENCH_COHERENCE_TORTURE_RECOVERY_WATCH_H_
#define BENCH_COHERENCE_TORTURE_RECOVERY_WATCH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace nearcache::bench::torture {

// What a process holds.
struct Holdings {
  int64_t descriptors = 0;
  int64_t threads = 0;
  int64_t heap_bytes = 0;  // Beside what the local tier counts.
};

struct RecoveryLook {
  int64_t at_nanos = 0;
  bool open = false;
  // Since the process began.
  uint64_t hits = 0;
  uint64_t reads = 0;
  int64_t stalled_nanos = 0;
  Holdings now;
  // Soon after it began; only with `has_baseline`, or growth is not judged.
  bool has_baseline = false;
  Holdings baseline;
};

class RecoveryWatch {
 public:
  enum class Lack { kNotSeen, kMemoryClosed, kFewHits, kDescriptors, kThreads, kHeap, kNothing };
  struct Verdict {
    Lack lack = Lack::kNotSeen;
    int64_t amount = 0;  // Of what is lacking: hits in thousandths of reads, descriptors, threads, bytes.
    int64_t allowed = 0;
  };

  // `calm_since_nanos`: when the last fault was over.
  explicit RecoveryWatch(int64_t calm_since_nanos) : calm_since_nanos_(calm_since_nanos) {}

  void OnLook(const RecoveryLook& look);

  // Of the last look, or of the first one that lacked nothing.
  const Verdict& verdict() const { return verdict_; }
  bool recovered() const { return verdict_.lack == Lack::kNothing; }
  // Until when it has to have recovered.
  int64_t deadline_nanos() const;
  // Whether the machine was too busy for a verdict.
  bool starved() const;

 private:
  Verdict Judge(const RecoveryLook& look) const;

  const int64_t calm_since_nanos_;
  bool looked_ = false;
  int64_t stalled_before_nanos_ = 0;
  int64_t stalled_nanos_ = 0;
  // Where the window in which hits are counted begins.
  RecoveryLook window_;
  Verdict verdict_;
};

// "memory is not open", …
absl::string_view LackName(RecoveryWatch::Lack lack);

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_RECOVERY_WATCH_H_
