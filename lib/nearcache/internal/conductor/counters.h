// What the conductor counts itself; the tiers and the coherence layer count the rest. Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_COUNTERS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_COUNTERS_H_

#include "nearcache/internal/base/striped_counter.h"
#include "nearcache/internal/codec/frame_counters.h"
#include "nearcache/internal/metrics/histogram.h"

namespace nearcache::internal::conductor {

struct Counters {
  using Counter = BasicStripedCounter<4>;

  Counter local_misses;
  Counter remote_hits;
  Counter remote_misses;
  Counter reads_failed;
  Counter loads;
  Counter loads_failed;
  Counter writes;
  Counter deletes;
  Counter clears;
  Counter changes_failed;
  Counter changes_unknown;
  codec::FrameCounters frames;
  metrics::Histogram remote_latency;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_COUNTERS_H_
