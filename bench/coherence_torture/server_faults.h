// The kinds of faults of the server: its connections, its speed, its data, its rights and limits, and which server it
// is.

#ifndef BENCH_COHERENCE_TORTURE_SERVER_FAULTS_H_
#define BENCH_COHERENCE_TORTURE_SERVER_FAULTS_H_

#include <vector>

#include "bench/coherence_torture/fault_driver.h"

namespace nearcache::bench::torture {

std::vector<FaultKind> ServerFaultKinds();

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_SERVER_FAULTS_H_
