// The three ways of asking: threads that block, callbacks that ask again, one foreign thread with many in flight.

#ifndef NEARCACHE_BENCH_REMOTE_MODES_H_
#define NEARCACHE_BENCH_REMOTE_MODES_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "bench/remote/driver.h"

namespace nearcache::bench {

enum class Mode {
  kBlocking,   // n threads, each waiting for its own GET.
  kCallbacks,  // n GETs in flight, the next of each issued from the callback of the one before.
  kForeign,    // One thread keeps n in flight, and refills when half of them are back.
};

enum class Client { kEngine, kHiredisLoop, kBlockingConnections };

struct RunPlan {
  Mode mode = Mode::kBlocking;
  Client client = Client::kEngine;
  int in_flight = 1;
  int key_count = 10000;
  absl::Duration warm_up = absl::Milliseconds(100);
  absl::Duration duration = absl::Milliseconds(300);
};

// Per GET.
struct RunResult {
  double per_second = 0;
  double client_cpu_micros = 0;
  double context_switches = 0;
  double allocations = 0;
  double p50_micros = 0;
  double p99_micros = 0;
};

// How the key of a number is written.
std::string KeyOf(int number);

// kBlockingConnections knows kBlocking alone, with a connection for each thread.
RunResult RunOnce(const Target& target, const RunPlan& plan);

}  // namespace nearcache::bench

#endif  // NEARCACHE_BENCH_REMOTE_MODES_H_
