// How the server of a torture run is set up.

#ifndef BENCH_COHERENCE_TORTURE_TORTURE_SERVER_H_
#define BENCH_COHERENCE_TORTURE_TORTURE_SERVER_H_

#include "absl/strings/str_cat.h"
#include "bench/coherence_torture/arena.h"
#include "bench/processes/server_process.h"

namespace nearcache::bench::torture {

// With DEBUG, which faults need, and the workers' user, whose rights faults take away.
inline ServerOptions TortureServer() {
  ServerOptions options;
  options.arguments = {"--enable-debug-command", "yes", "--user", kUser, "on", absl::StrCat(">", kPassword)};
  options.arguments.insert(options.arguments.end(), {"~*", "&*", "+@all"});
  return options;
}

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_TORTURE_SERVER_H_
