// Messages of the invalidation channel: how late they are handled, and how many can be.
//
// Both contenders are one subscribed connection on one thread: nearcache's channel link, which gives each message to
// EngineEvents::OnMessage, and a blocking hiredis connection in a loop of redisGetReply. What the coherence layer does
// with a message (its chain of lane ids, the erase from memory) is not in it.

#ifndef BENCH_REMOTE_PEERS_CHANNEL_H_
#define BENCH_REMOTE_PEERS_CHANNEL_H_

#include <sys/types.h>

#include "absl/time/time.h"
#include "bench/remote_peers/client.h"
#include "bench/remote_peers/figures.h"

namespace nearcache::remote_peers {

enum class Subscriber { kEngineLink, kHiredisConnection };

// One connection sends SET and PUBLISH, pipelined, `per_second` times a second, and waits for the replies. Latencies
// are from just before it sends to the handler; corrected as in loops.h, by the interval of the schedule. `wrong`
// counts messages that did not come within thirty seconds after the last.
Figures RunLag(const Target& target, pid_t server, Subscriber subscriber, int per_second, absl::Duration duration);

// One connection PUBLISHes 40 bytes, 64 at a time, as fast as it can; per_second is what was handled until the last
// one was, client_cpu_micros the CPU time of the subscriber's thread alone.
Figures RunFlood(const Target& target, pid_t server, Subscriber subscriber, absl::Duration duration);

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_CHANNEL_H_
