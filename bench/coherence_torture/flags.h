// The command line of the torture run.

#ifndef BENCH_COHERENCE_TORTURE_FLAGS_H_
#define BENCH_COHERENCE_TORTURE_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "bench/coherence_torture/arena.h"

namespace nearcache::bench::torture {

struct Flags {
  // Without folder and start.
  Setup setup;
  double seconds = 0;
  std::string faults;  // As given; "none" for none.
  std::string server;
  std::string history;
  // Only given to workers, by the coordinator. -1: this is the coordinator.
  int worker = -1;
  int memory_fd = -1;
};

// Parses and checks the command line. kInvalidArgument names the flag and its limit. Unknown flags end the process with
// a message, as Abseil does it.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv);

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_FLAGS_H_
