// The newest version of each key that this process has seen, by a read that ended or a write that was acknowledged. No
// read that begins later, on any thread, may return an older one. Thread-safe.

#ifndef BENCH_PROCESSES_SESSION_FLOOR_H_
#define BENCH_PROCESSES_SESSION_FLOOR_H_

#include <atomic>
#include <cstdint>
#include <vector>

namespace nearcache::bench {

class SessionFloor {
 public:
  explicit SessionFloor(uint32_t key_count) : versions_(key_count) {}

  uint32_t Of(uint32_t key) const { return versions_[key].load(std::memory_order_acquire); }

  void Raise(uint32_t key, uint32_t version) {
    std::atomic<uint32_t>& floor = versions_[key];
    uint32_t seen = floor.load(std::memory_order_relaxed);
    while (seen < version && !floor.compare_exchange_weak(seen, version, std::memory_order_acq_rel)) {
    }
  }

 private:
  std::vector<std::atomic<uint32_t>> versions_;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_SESSION_FLOOR_H_
