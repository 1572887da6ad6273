// Calls of every sort, from threads that wait for them and from one that does not, each answer checked.

#ifndef BENCH_REMOTE_SOAK_LOAD_H_
#define BENCH_REMOTE_SOAK_LOAD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "bench/support/random.h"
#include "nearcache/cache.h"

namespace nearcache::remote_soak {

struct LoadOptions {
  int blocking_threads = 4;
  int async_in_flight = 64;
  // Of each blocking thread, and of the thread of the others; so that a long run leaves the machine usable.
  int calls_per_second = 1000;
  absl::Duration call_timeout = absl::Milliseconds(300);
  uint64_t seed = 1;
};

// What the values are: a key of its own number, and bytes that follow from both, so that an answer that belongs to
// another call is seen.
class Values {
 public:
  static constexpr uint32_t kKeyCount = 2000;
  static constexpr uint32_t kBytesMax = 64 << 10;

  Values();
  static std::string Key(uint32_t number);
  // `bytes` is raised to what the key needs.
  std::string Value(uint32_t number, size_t bytes) const;
  bool IsRight(uint32_t number, absl::string_view value) const;
  // From 10 bytes to 64 KiB, small ones more often.
  static size_t DrawBytes(bench::Random* random);

 private:
  std::string bytes_;
};

class Load {
 public:
  // Begins paused. The cache outlives it.
  Load(Cache* cache, const LoadOptions& options);
  // Ends all threads. REQUIRES: paused
  ~Load();

  void Resume();
  // Returns when no call is under way. False: some did not come back in `timeout`; the load must be abandoned.
  bool Pause(absl::Duration timeout);

  uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }
  // How long after its deadline the latest call returned.
  absl::Duration overrun_max() const { return absl::Nanoseconds(overrun_nanos_max_.load()); }
  // Wrong answers, and errors that no fault explains. Empty is right.
  std::vector<std::string> violations() const ABSL_LOCKS_EXCLUDED(mutex_);
  // "kUnavailable 12, …".
  std::string FailuresByCode() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void RunBlocking(uint64_t seed);
  void RunAsync(uint64_t seed);
  void CallOnce(bench::Random* random);
  void ChangeOnce(uint32_t what, uint32_t number, bench::Random* random);
  void StartOne(bench::Random* random);
  // Waits for its turn; false: the end.
  bool AwaitTurn(bool idle);

  void CheckValue(uint32_t number, const absl::StatusOr<Value>& value);
  void CheckStatus(const absl::Status& status);
  void Violate(std::string text) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteDuration(absl::Time began_at);

  Cache* const cache_;
  const LoadOptions options_;
  const Values values_;
  std::atomic<uint64_t> calls_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<int64_t> overrun_nanos_max_{0};

  mutable absl::Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  int parked_ ABSL_GUARDED_BY(mutex_) = 0;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<absl::StatusCode, uint64_t> by_code_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace nearcache::remote_soak

#endif  // BENCH_REMOTE_SOAK_LOAD_H_
