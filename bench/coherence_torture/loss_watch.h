// Whether a process notices that the server lost what it held (check C5). Pure: observations in, a finding out.
//
// Before the loss the process was seen with its memory open under a lease, and with a count of generations. That count
// must grow
//
//   * before its lease vouches for a moment after the loss, or else it believes to have heard everything of a server
//     that forgot; and
//   * within the staleness bound and the time that reconnecting takes. Even a process that reaches nobody comes to the
//     end of its lease in that time. Time in which it wanted to run and could not is not counted, four times over,
//     because noticing passes through several threads.
//
// A process whose memory was not open at the time has nothing to notice.

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
  int64_t stalled_nanos = 0;  // In which it wanted to run and could not, in sum.
};

class LossWatch {
 public:
  enum class Finding { kNothing, kNoticed, kUnnoticed, kLate };

  // `notice_nanos`: the staleness bound and the time that reconnecting takes.
  explicit LossWatch(int64_t notice_nanos) : notice_nanos_(notice_nanos) {}

  // A loss that happened between the two moments. The last look before it counts.
  void OnLoss(int64_t begun_nanos, int64_t ended_nanos) {
    const CoherenceLook& before = last_.at_nanos <= begun_nanos ? last_ : last_but_one_;
    if (!before.open || before.at_nanos > begun_nanos) return;
    waiting_ = true;
    vouched_ = false;
    generations_before_ = before.generations;
    ended_nanos_ = ended_nanos;
    stalled_before_nanos_ = stalled_nanos_;
  }

  // How long a loss may go unnoticed, as of the last look.
  int64_t allowed_nanos() const { return AllowedNanos(stalled_nanos_); }

  // Whether the look blames the process, unless a stall explains it that is not measured yet: whoever was stopped may
  // look before whoever measures runs again.
  bool IsLate(const CoherenceLook& look) const {
    return waiting_ && look.generations == generations_before_ &&
           look.at_nanos - ended_nanos_ > AllowedNanos(look.stalled_nanos);
  }

  // `losing`: whether a loss was under way already before the look. Where IsLate, the look's stall must have been
  // measured after it.
  Finding OnLook(const CoherenceLook& look, bool losing) {
    stalled_nanos_ = look.stalled_nanos;
    if (!losing) {
      last_but_one_ = last_;
      last_ = look;
    }
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
    if (vouched_ || !IsLate(look)) return Finding::kNothing;
    waiting_ = false;
    return Finding::kLate;
  }

 private:
  static constexpr int64_t kStallWeight = 4;

  int64_t AllowedNanos(int64_t stalled_nanos) const {
    return notice_nanos_ + kStallWeight * (stalled_nanos - stalled_before_nanos_);
  }

  const int64_t notice_nanos_;
  CoherenceLook last_;
  CoherenceLook last_but_one_;
  bool waiting_ = false;
  bool vouched_ = false;
  uint64_t generations_before_ = 0;
  int64_t ended_nanos_ = 0;
  int64_t stalled_nanos_ = 0;
  int64_t stalled_before_nanos_ = 0;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_LOSS_WATCH_H_
