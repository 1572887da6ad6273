// Several threads that begin their measured work at the same moment.

#ifndef BENCH_SUPPORT_THREADS_H_
#define BENCH_SUPPORT_THREADS_H_

#include "absl/functional/function_ref.h"

namespace nearcache::bench {

// Calls work(0) … work(count - 1), each on a thread of its own, and waits for all. With one thread it is the caller's.
// All are released together, after the last one has started.
void RunTogether(int count, absl::FunctionRef<void(int thread)> work);

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_THREADS_H_
