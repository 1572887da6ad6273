// Keys whose copies a report of the server put in doubt of late (LocalTier::Doubt). Such a copy is served until the
// bound is over; a Sync, whose bound is zero, must end it before.
//
// The last kCapacity are remembered, each of up to kKeyBytesMax: 300 KiB at most, growing with use.
//
// Not thread-safe. Note costs O(1).

#ifndef NEARCACHE_INTERNAL_COHERENCE_DOUBTED_KEYS_H_
#define NEARCACHE_INTERNAL_COHERENCE_DOUBTED_KEYS_H_

#include <cstddef>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::internal::coherence {

class DoubtedKeys {
 public:
  static constexpr size_t kCapacity = 1024;
  static constexpr size_t kKeyBytesMax = 256;

  void Note(MonotonicNanos now, absl::string_view key) {
    if (key.size() > kKeyBytesMax) {
      forgotten_at_ = now;
      return;
    }
    if (keys_.size() == kCapacity) {
      forgotten_at_ = keys_.front().first;
      keys_.pop_front();
    }
    keys_.emplace_back(now, key);
  }

  // All that were noted at `since` or later; nullopt if they are more than are remembered. What is noted is forgotten.
  absl::optional<std::vector<std::string>> Take(MonotonicNanos since) {
    std::vector<std::string> keys;
    for (auto& noted : keys_) {
      if (noted.first >= since) keys.push_back(std::move(noted.second));
    }
    keys_.clear();
    if (std::exchange(forgotten_at_, kNoTime) >= since) return absl::nullopt;
    return keys;
  }

 private:
  static constexpr MonotonicNanos kNoTime = std::numeric_limits<MonotonicNanos>::min();

  std::deque<std::pair<MonotonicNanos, std::string>> keys_;
  MonotonicNanos forgotten_at_ = kNoTime;  // When the last was noted that is not remembered.
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_DOUBTED_KEYS_H_
