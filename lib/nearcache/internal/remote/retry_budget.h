// How many operations may be sent a second time after a lost connection: a share of the calls that succeed, saved up to
// a maximum, so that retries can never multiply the load on a server that is in trouble. It starts full: the first
// loss of a connection is no reason to be stingy. The same idea as Finagle's RetryBudget and gRPC's retry throttling.
//
// The loop's thread alone, except for `level`.

#ifndef NEARCACHE_INTERNAL_REMOTE_RETRY_BUDGET_H_
#define NEARCACHE_INTERNAL_REMOTE_RETRY_BUDGET_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace nearcache::internal::remote {

class RetryBudget {
 public:
  // REQUIRES: 0 <= share <= 1, retries_max >= 0. Either 0: nothing is ever retried.
  RetryBudget(double share, int retries_max)
      : gain_(static_cast<int64_t>(share * kPartsPerRetry)),
        full_(gain_ > 0 ? int64_t{retries_max} * kPartsPerRetry : 0),
        parts_(full_) {}

  void OnSuccess() {
    const int64_t parts = parts_.load(std::memory_order_relaxed);
    if (parts < full_) parts_.store(std::min(parts + gain_, full_), std::memory_order_relaxed);
  }

  // Whether one more retry is within the budget; a yes is paid for.
  bool Spend() {
    const int64_t parts = parts_.load(std::memory_order_relaxed);
    if (parts < kPartsPerRetry) return false;
    parts_.store(parts - kPartsPerRetry, std::memory_order_relaxed);
    return true;
  }

  // Retries that would be allowed now. Any thread.
  uint64_t level() const { return static_cast<uint64_t>(parts_.load(std::memory_order_relaxed) / kPartsPerRetry); }

 private:
  static constexpr int64_t kPartsPerRetry = 1000;

  const int64_t gain_;
  const int64_t full_;
  std::atomic<int64_t> parts_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_RETRY_BUDGET_H_
