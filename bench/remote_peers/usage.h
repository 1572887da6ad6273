// What a turn costs: processor time of this process and of the server, context switches, allocations.

#ifndef BENCH_REMOTE_PEERS_USAGE_H_
#define BENCH_REMOTE_PEERS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

namespace nearcache::remote_peers {

struct Usage {
  int64_t client_cpu_nanos = 0;  // All threads.
  int64_t server_cpu_nanos = 0;
  int64_t switches = 0;     // Of all threads.
  int64_t allocations = 0;  // malloc, calloc, realloc and operator new, of all threads.

  static Usage Now(pid_t server);
  friend Usage operator-(const Usage& a, const Usage& b) {
    return {a.client_cpu_nanos - b.client_cpu_nanos, a.server_cpu_nanos - b.server_cpu_nanos, a.switches - b.switches,
            a.allocations - b.allocations};
  }
};

// Whether this build counts allocations: sanitizers bring an allocator of their own.
bool CountsAllocations();

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_USAGE_H_
