// Ctrl-C and its relatives (SIGINT, SIGTERM, SIGHUP) as a question that loops ask.

#ifndef BENCH_PROCESSES_INTERRUPT_H_
#define BENCH_PROCESSES_INTERRUPT_H_

namespace nearcache::bench {

// From now on these signals set a flag instead of ending the process; writing to a closed pipe is an error, not a
// signal.
void CatchInterrupts();

bool Interrupted();

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_INTERRUPT_H_
