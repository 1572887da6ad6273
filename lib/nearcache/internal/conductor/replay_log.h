// The invalidations that this process may have to send again: its own acknowledged changes of late. A fail-over or a
// restart can lose the last of them although they were acknowledged, and what they had replaced is then back.
//
// Bounded by age, number and bytes; the oldest go first. What went for lack of room is counted.
//
// Thread-safe. Note: a mutex, a copy of the key. Newest: O(entries).

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REPLAY_LOG_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REPLAY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::conductor {

struct ReplayLogOptions {
  int64_t window_nanos = 0;
  size_t entries_max = 0;
  size_t bytes_max = 0;
};

class ReplayLog {
 public:
  struct Entry {
    std::string key;     // Empty: a Clear.
    OperationId stores;  // The write whose value is to be found; empty: nothing is to be found.
    MonotonicNanos at = 0;
  };
  struct Stats {
    uint64_t dropped = 0;
    uint64_t entries = 0;  // Gauge.
    uint64_t bytes = 0;    // Gauge.
  };

  explicit ReplayLog(const ReplayLogOptions& options) : options_(options) {}

  // `key` was changed: by write `stores`, or so that nothing is left of it.
  void Note(absl::string_view key, OperationId stores, MonotonicNanos now) ABSL_LOCKS_EXCLUDED(mutex_);
  // The namespace was cleared by operation `id`: what was noted before is of no concern any more.
  void NoteClear(OperationId id, MonotonicNanos now) ABSL_LOCKS_EXCLUDED(mutex_);

  // The last change of each key within the window, the newest first.
  std::vector<Entry> Newest(MonotonicNanos now) ABSL_LOCKS_EXCLUDED(mutex_);

  Stats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static size_t BytesOf(const Entry& entry) { return sizeof(Entry) + entry.key.size(); }

  void Append(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PopFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropOld(MonotonicNanos now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ReplayLogOptions options_;
  mutable absl::Mutex mutex_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // The oldest first.
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REPLAY_LOG_H_
