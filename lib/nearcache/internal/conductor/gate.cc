#include "nearcache/internal/conductor/gate.h"

#include <pthread.h>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::conductor {
namespace {

// How often this process is a fork() of one that had a cache. Alone on its line: every call reads it.
struct alignas(64) ForkCount {
  std::atomic<uint32_t> value{0};
};
ForkCount fork_count;

uint32_t WatchForks() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { fork_count.value.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return fork_count.value.load(std::memory_order_relaxed);
}

}  // namespace

Gate::Gate(size_t calls_max) : calls_max_(calls_max), fork_count_(WatchForks()) {}

bool Gate::forked() const { return fork_count.value.load(std::memory_order_relaxed) != fork_count_; }

absl::Status Gate::CheckOpen() const {
  if (forked()) {
    return absl::FailedPreconditionError("the cache was opened before fork(); open one of its own in the child");
  }
  if (closed_.load(std::memory_order_acquire)) {
    return absl::FailedPreconditionError("the cache was closed");
  }
  return absl::OkStatus();
}

absl::Status Gate::Enter() {
  if (!open()) return CheckOpen();
  if (calls_.fetch_add(1, std::memory_order_acq_rel) < calls_max_) return absl::OkStatus();
  Leave();
  return absl::ResourceExhaustedError(
      absl::StrCat("more calls wait for an answer than limits.calls_max = ", calls_max_));
}

}  // namespace nearcache::internal::conductor
