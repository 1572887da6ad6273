// When everything was cleared last: the newest begin of an acknowledged Clear, and a moment at which it had been
// acknowledged. In memory that many processes share, or in one; any thread may call anything; zeroed memory: never.

#ifndef BENCH_COHERENCE_TORTURE_CLEAR_NOTICE_H_
#define BENCH_COHERENCE_TORTURE_CLEAR_NOTICE_H_

#include <atomic>
#include <cstdint>

namespace nearcache::bench::torture {

class ClearNotice {
 public:
  struct Times {
    int64_t begun_nanos = 0;
    int64_t acknowledged_nanos = 0;
  };

  // The order matters: whoever sees a begin sees its acknowledgement or a later one, which errs on the side of the
  // cache.
  void Note(const Times& times) {
    Raise(&acknowledged_nanos_, times.acknowledged_nanos);
    Raise(&begun_nanos_, times.begun_nanos);
  }

  Times Last() const {
    const int64_t begun_nanos = begun_nanos_.load(std::memory_order_acquire);
    return {begun_nanos, acknowledged_nanos_.load(std::memory_order_acquire)};
  }

 private:
  static void Raise(std::atomic<int64_t>* value, int64_t to) {
    int64_t seen = value->load(std::memory_order_relaxed);
    while (seen < to && !value->compare_exchange_weak(seen, to, std::memory_order_acq_rel)) {
    }
  }

  std::atomic<int64_t> begun_nanos_{0};
  std::atomic<int64_t> acknowledged_nanos_{0};
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_CLEAR_NOTICE_H_
