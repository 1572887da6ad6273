// GETs in a closed loop, in four ways: threads that block, callbacks that ask again, one foreign thread with many in
// flight, one thread that blocks on a batch at a time.
//
// Latencies are corrected for coordinated omission: a caller that waits does not ask, so one that is held up for long
// leaves out the questions whose answers would have been late, too. They are added as HdrHistogram does it
// (copyCorrectedForCoordinatedOmission): for a latency v and the interval i at which a caller asks, which is the median
// latency here, also v - i, v - 2i, and so on down to i.

#ifndef BENCH_REMOTE_PEERS_LOOPS_H_
#define BENCH_REMOTE_PEERS_LOOPS_H_

#include <sys/types.h>

#include "absl/time/time.h"
#include "bench/remote_peers/client.h"
#include "bench/remote_peers/data.h"
#include "bench/remote_peers/figures.h"
#include "bench/remote_peers/registry.h"

namespace nearcache::remote_peers {

enum class Way {
  kBlocking,   // n threads, each waiting for its own GET.
  kCallbacks,  // n GETs in flight, the next of each issued from the callback of the one before. Not for blocking peers.
  kForeign,    // One thread keeps n in flight, and refills when half of them are back. Not for blocking peers.
  kBatch,      // One thread waits for n GETs that were given to the client together. One operation is the batch.
};

struct LoopPlan {
  Way way = Way::kBlocking;
  int in_flight = 1;
  absl::Duration warm_up = absl::Milliseconds(100);
  absl::Duration duration = absl::Milliseconds(300);
};

Figures RunLoop(const Target& target, pid_t server, const DataSet& data, const Peer& peer, const LoopPlan& plan);

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_LOOPS_H_
