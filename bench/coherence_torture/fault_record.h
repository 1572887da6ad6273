// One fault as it happened.

#ifndef BENCH_COHERENCE_TORTURE_FAULT_RECORD_H_
#define BENCH_COHERENCE_TORTURE_FAULT_RECORD_H_

#include <cstdint>
#include <string>

namespace nearcache::bench::torture {

struct FaultRecord {
  std::string name;
  int worker = -1;  // Whom it was done to; -1: all, or the server.
  int64_t begun_nanos = 0;
  int64_t ended_nanos = 0;  // 0: it lasts.
  bool happened = false;    // One that met nothing to break does not count.
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_FAULT_RECORD_H_
