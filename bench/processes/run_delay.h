// How long threads of this process had to wait for a processor although they wanted to run, as Linux counts it
// (/proc/…/schedstat). What a busy machine does to a call is told by this, not by the cache. A thread that waits just
// now is counted once it runs. 0 where the kernel does not count.

#ifndef BENCH_PROCESSES_RUN_DELAY_H_
#define BENCH_PROCESSES_RUN_DELAY_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace nearcache::bench {

// Of the thread that made it, and used by it alone. About a microsecond per look.
class OwnRunDelay {
 public:
  OwnRunDelay();
  ~OwnRunDelay();
  OwnRunDelay(const OwnRunDelay&) = delete;
  OwnRunDelay& operator=(const OwnRunDelay&) = delete;

  int64_t Nanos() const;

 private:
  const int descriptor_;
};

// The sum over all threads that live now but `excepted`. A few microseconds per thread.
int64_t RunDelayOfProcess(const std::vector<pid_t>& excepted);

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_RUN_DELAY_H_
