// The engine's counters: written mostly by the loop's thread, read by anybody.

#ifndef NEARCACHE_INTERNAL_REMOTE_ENGINE_COUNTERS_H_
#define NEARCACHE_INTERNAL_REMOTE_ENGINE_COUNTERS_H_

#include <atomic>
#include <cstdint>

namespace nearcache::internal::remote {

class Counter {
 public:
  void Add(uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Named and meant as in EngineStats.
struct EngineCounters {
  Counter operations;
  Counter completed;
  Counter failed;
  Counter timeouts;
  Counter rejected;
  Counter resends;
  Counter retries_refused;
  Counter late_replies;
  Counter protocol_errors;
  Counter health_failures;
  Counter connects;
  Counter connect_failures;
  Counter disconnects;
  Counter pushes_ignored;
  Counter bytes_sent;
  Counter bytes_received;
  Counter writes;
  Counter reads;
  Counter wakeups;
  Counter direct_writes;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_ENGINE_COUNTERS_H_
