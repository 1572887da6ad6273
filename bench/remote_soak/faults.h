// Faults, one at a time: of the server, and of the network between it and the cache. Single-threaded.

#ifndef BENCH_REMOTE_SOAK_FAULTS_H_
#define BENCH_REMOTE_SOAK_FAULTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/fault_proxy.h"
#include "bench/processes/server_process.h"
#include "bench/support/random.h"

namespace nearcache::remote_soak {

class Faults {
 public:
  // Neither is owned.
  Faults(bench::ServerProcess* server, bench::torture::FaultProxy* proxy, uint64_t seed)
      : server_(*server), proxy_(*proxy), random_(seed) {}

  // Breaks something, waits, and mends it, all within a second. Each kind comes once before any comes again. Not ok:
  // it could not be mended.
  absl::Status BreakOnce();

  int count() const { return count_; }
  // How many kinds there are, and how many did break something so far.
  static size_t kinds();
  size_t kinds_happened() const;
  // "kill 3, stop 3, …".
  std::string ToString() const;

 private:
  absl::Duration Between(int least_millis, int most_millis);

  bench::ServerProcess& server_;
  bench::torture::FaultProxy& proxy_;
  bench::Random random_;
  std::vector<size_t> bag_;
  std::vector<int> happened_;
  int count_ = 0;
};

}  // namespace nearcache::remote_soak

#endif  // BENCH_REMOTE_SOAK_FAULTS_H_
