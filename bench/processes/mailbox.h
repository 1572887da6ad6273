// Where readers leave the keys that they found missing, for the one thread that may write them. Lossy by design: a key
// that is overwritten here is found missing again by its next reader. Any number of senders, one receiver; lies in
// shared memory, zeroed memory is empty.

#ifndef BENCH_PROCESSES_MAILBOX_H_
#define BENCH_PROCESSES_MAILBOX_H_

#include <atomic>
#include <cstdint>
#include <vector>

namespace nearcache::bench {

class Mailbox {
 public:
  void Send(uint32_t key) {
    const uint64_t position = sent_.fetch_add(1, std::memory_order_relaxed);
    cells_[position % kCells].store(key + 1, std::memory_order_release);
  }

  // Appends up to `count_max` of the keys that wait.
  void Receive(uint32_t count_max, std::vector<uint32_t>* keys) {
    const uint64_t sent = sent_.load(std::memory_order_acquire);
    uint64_t received = received_.load(std::memory_order_relaxed);
    if (received + kCells < sent) received = sent - kCells;
    for (uint32_t i = 0; i < count_max && received < sent; ++i, ++received) {
      const uint32_t cell = cells_[received % kCells].exchange(0, std::memory_order_acq_rel);
      if (cell != 0) keys->push_back(cell - 1);
    }
    received_.store(received, std::memory_order_relaxed);
  }

 private:
  static constexpr uint64_t kCells = 4096;

  std::atomic<uint64_t> sent_;
  std::atomic<uint64_t> received_;
  std::atomic<uint32_t> cells_[kCells];  // Key + 1; 0: empty.
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_MAILBOX_H_
