// The faults of a tour, in their order: a worker is killed and started again, every connection is cut, a worker is
// paused for longer than the staleness bound, the server is killed and started again empty.
//
// The times are fractions of the whole run, so that a short run suffers all of them in a compressed form.
// Single-threaded: Advance is called often and does what is due.

#ifndef BENCH_TOUR_FAULT_SCRIPT_H_
#define BENCH_TOUR_FAULT_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/processes/server_process.h"
#include "bench/processes/worker_processes.h"

namespace nearcache::bench::tour {

struct FaultEvent {
  double at_seconds = 0;
  // When what was done was undone: the worker started again or resumed. 0: at once, or not yet.
  double until_seconds = 0;
  // "kill -9 worker 2"
  std::string name;
  // What it means, in a sentence for a newcomer.
  std::string meaning;
};

class FaultScript {
 public:
  // Neither pointer is owned. REQUIRES: at least two workers
  FaultScript(double run_seconds, double bound_seconds, uint32_t worker_count, WorkerProcesses* workers,
              ServerProcess* server);

  // Does what is due at `now_seconds`. Returns lines that say what was done just now.
  std::vector<std::string> Advance(double now_seconds);

  // Undoes what is still to be undone, so that everybody can stop.
  void Finish();

  const std::vector<FaultEvent>& events() const { return events_; }

  // Things that went wrong in doing this, and are no part of it.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  using Action = std::string (FaultScript::*)();
  struct Step {
    double at_seconds;
    Action action;
  };

  std::string KillWorker();
  std::string StartWorker();
  std::string CutConnections();
  std::string PauseWorker();
  std::string ResumeWorker();
  std::string RestartServer();

  // Notes a fault of now.
  void Record(std::string name, std::string meaning);
  void EndLast() { events_.back().until_seconds = now_seconds_; }

  const double bound_seconds_;
  const uint32_t killed_worker_;
  const uint32_t paused_worker_;
  WorkerProcesses* const workers_;
  ServerProcess* const server_;
  std::vector<Step> steps_;
  size_t next_step_ = 0;
  double now_seconds_ = 0;
  bool paused_ = false;
  std::vector<FaultEvent> events_;
  std::vector<std::string> problems_;
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_FAULT_SCRIPT_H_
