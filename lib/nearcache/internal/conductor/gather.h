// Collects the answers of many calls that were submitted together, in the order of the request.
//
// Thread-safe. Shared by the calls.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_GATHER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_GATHER_H_

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace nearcache::internal::conductor {

template <typename T>
class Gather {
 public:
  using Done = absl::AnyInvocable<void(std::vector<T>) &&>;

  // `done` hears all answers, on the thread that brings the last one. REQUIRES: count > 0
  Gather(size_t count, Done done) : missing_(count), answers_(count), done_(std::move(done)) {}

  // The answer of call `index`; once for each.
  void Put(size_t index, T answer) {
    answers_[index] = std::move(answer);
    // The last one sees what all others wrote.
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) std::move(done_)(std::move(answers_));
  }

 private:
  std::atomic<size_t> missing_;
  std::vector<T> answers_;  // Each element is written by its own call.
  Done done_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_GATHER_H_
