// Runs the whole: server, proxy and workers are started, broken for as long as was asked, left alone until they have
// recovered, stopped, and reported on.

#ifndef BENCH_COHERENCE_TORTURE_COORDINATOR_H_
#define BENCH_COHERENCE_TORTURE_COORDINATOR_H_

#include "bench/coherence_torture/flags.h"

namespace nearcache::bench::torture {

// Returns the program's exit code. The last line of its output is
// `checked_reads=… writes=… faults=… kinds=… violations=… oldest_ms=… bound_ms=… hit_share=…`.
int RunTorture(const Flags& flags);

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_COORDINATOR_H_
