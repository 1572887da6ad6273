// `bazel run -c opt //bench:tour`: the promise of nearcache, shown and checked on a real server in half a minute.

#include <cstdint>
#include <iostream>

#include "absl/status/statusor.h"
#include "bench/tour/coordinator.h"
#include "bench/tour/flags.h"
#include "bench/tour/worker.h"

int main(int argc, char** argv) {
  const absl::StatusOr<nearcache::bench::tour::Flags> flags = nearcache::bench::tour::ParseFlags(argc, argv);
  if (!flags.ok()) {
    std::cerr << "nearcache tour: " << flags.status().message() << "\n";
    return 2;
  }
  if (flags->worker >= 0) {
    return nearcache::bench::tour::RunWorker(static_cast<uint32_t>(flags->worker), flags->memory_fd);
  }
  return nearcache::bench::tour::RunTour(*flags);
}
