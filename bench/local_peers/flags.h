// The command line of the comparison.

#ifndef BENCH_LOCAL_PEERS_FLAGS_H_
#define BENCH_LOCAL_PEERS_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/local_peers/runner.h"

namespace nearcache::local_peers {

struct Flags {
  RunOptions run;
  bool quick = false;
  std::string json;
  // Empty: all.
  std::vector<std::string> loads;
  std::vector<std::string> candidates;
};

// kInvalidArgument names the flag and its limit. Unknown flags end the process with a message, as Abseil does it.
absl::StatusOr<Flags> ParseFlags(int argc, char** argv);

// Whether `list` is empty or holds `name`.
bool Chosen(const std::vector<std::string>& list, const std::string& name);

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_FLAGS_H_
