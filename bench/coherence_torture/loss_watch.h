// Whether a process notices that the server lost what it held (check C5). Pure: observations in, a finding out.
//
// Noticing is judged without a timer that a busy machine could spoil. Before the loss the process was seen with its
// memory open under a lease, and with a count of generations; once its lease vouches for a moment after the loss, that
// count must have grown, or else it believes that it has heard everything of a server that forgot. A process whose
// memory was not open at the time has nothing to notice.

#ifndef BENCH_COHERENCE_TORTURE_LOSS_WATCH_H_
#define BENCH_COHERENCE_TORTURE_LOSS_WATCH_H_

#include <cstdint>

namespace nearcache::bench::torture {

// What a process says about itself at one moment, in this order: generations, then whether its memory is open and until
// when it has provably heard everything.
struct CoherenceLook {
  int64_t at_nanos = 0;
  uint64_t generations = 0;
  bool open = false;
  int64_t heard_until_nanos = 0;
};

class LossWatch {
 public:
  enum class Finding { kNothing, kNoticed, kUnnoticed };

  // A loss that happened between the two moments. The last look before it counts.
  void OnLoss(int64_t begun_nanos, int64_t ended_nanos) {
    if (!last_.open || last_.at_nanos > begun_nanos) return;
    waiting_ = true;
    vouched_ = false;
    generations_before_ = last_.generations;
    ended_nanos_ = ended_nanos;
  }

  Finding OnLook(const CoherenceLook& look) {
    last_ = look;
    if (!waiting_) return Finding::kNothing;
    if (look.generations != generations_before_) {
      waiting_ = false;
      return Finding::kNoticed;
    }
    // The look that vouches may have read the count a moment before it grew; the next one cannot.
    if (vouched_) {
      waiting_ = false;
      return Finding::kUnnoticed;
    }
    vouched_ = look.open && look.heard_until_nanos > ended_nanos_;
    return Finding::kNothing;
  }

 private:
  CoherenceLook last_;
  bool waiting_ = false;
  bool vouched_ = false;
  uint64_t generations_before_ = 0;
  int64_t ended_nanos_ = 0;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_LOSS_WATCH_H_
