// How many frames were looked at, by result. Thread-safe; one relaxed add per frame
// (base/striped_counter.h).

#ifndef NEARCACHE_INTERNAL_CODEC_FRAME_COUNTERS_H_
#define NEARCACHE_INTERNAL_CODEC_FRAME_COUNTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "nearcache/internal/base/striped_counter.h"
#include "nearcache/internal/codec/frame.h"

namespace nearcache::internal::codec {

class FrameCounters {
 public:
  void Count(FrameResult result) { counters_[static_cast<size_t>(result)].Increment(); }

  uint64_t Of(FrameResult result) const { return counters_[static_cast<size_t>(result)].Sum(); }

  // The three sums that CacheStats shows. Foreign: not written by this library, or by a newer one;
  // cleared: from before the last Clear; corrupt: everything else that is neither a value nor
  // expired.
  uint64_t Foreign() const { return Of(FrameResult::kForeign) + Of(FrameResult::kUnknownVersion); }
  uint64_t Cleared() const { return Of(FrameResult::kCleared); }
  uint64_t Corrupt() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < counters_.size(); ++i)
      sum += IsCorrupt(static_cast<FrameResult>(i)) ? counters_[i].Sum() : 0;
    return sum;
  }

  static constexpr bool IsCorrupt(FrameResult result) {
    return result != FrameResult::kOk && result != FrameResult::kExpired && result != FrameResult::kCleared &&
           result != FrameResult::kForeign && result != FrameResult::kUnknownVersion;
  }

 private:
  // Few stripes: a frame is counted once per remote read, not once per hit.
  std::array<BasicStripedCounter<4>, kFrameResultCount> counters_;
};

}  // namespace nearcache::internal::codec

#endif  // NEARCACHE_INTERNAL_CODEC_FRAME_COUNTERS_H_
