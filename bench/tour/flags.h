// The command line of the tour.

#ifndef BENCH_TOUR_FLAGS_H_
#define BENCH_TOUR_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {

struct Flags {
  // Without the path of the socket.
  Setup setup;
  double seconds = 0;
  bool faults = false;
  bool plain = false;
  std::string server;
  std::string html;
  // Only given to workers, by the coordinator. -1: this is the coordinator.
  int worker = -1;
  int memory_fd = -1;
};

// Parses and checks the command line. kInvalidArgument names the flag and its limit. Unknown flags end the process with
// a message, as Abseil does it.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv);

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_FLAGS_H_
