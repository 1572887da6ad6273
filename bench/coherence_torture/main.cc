// `bazel run -c opt //bench:coherence_torture`: the contract under fault, checked by a program that knows only the
// public interface of the library.

#include <cstdint>
#include <iostream>

#include "absl/status/statusor.h"
#include "bench/coherence_torture/coordinator.h"
#include "bench/coherence_torture/flags.h"
#include "bench/coherence_torture/worker.h"

int main(int argc, char** argv) {
  const absl::StatusOr<nearcache::bench::torture::Flags> flags = nearcache::bench::torture::ParseFlags(argc, argv);
  if (!flags.ok()) {
    std::cerr << "coherence_torture: " << flags.status().message() << "\n";
    return 2;
  }
  if (flags->worker >= 0) {
    return nearcache::bench::torture::RunWorker(static_cast<uint32_t>(flags->worker), flags->memory_fd);
  }
  return nearcache::bench::torture::RunTorture(*flags);
}
