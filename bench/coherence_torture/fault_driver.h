// Makes things break: three tracks of faults (of the server, of the processes, of the network between them) run side by
// side, one fault at a time on each, drawn at random from what was asked for. Single-threaded; never blocks for longer
// than a server takes to start.

#ifndef BENCH_COHERENCE_TORTURE_FAULT_DRIVER_H_
#define BENCH_COHERENCE_TORTURE_FAULT_DRIVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/fault_proxy.h"
#include "bench/coherence_torture/fault_record.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/processes/resp_client.h"
#include "bench/processes/server_process.h"
#include "bench/processes/worker_processes.h"
#include "bench/support/random.h"

namespace nearcache::bench::torture {

enum class Track { kServer, kProcess, kNetwork };
constexpr int kTrackCount = 3;

class FaultDriver {
 public:
  // What a fault that has begun still needs.
  struct Running {
    int64_t lasts_nanos = 0;
    std::function<absl::Status()> end;
    // `end` cannot make it stop before its time.
    bool outlives_finish = false;
    // Null: it happened.
    FaultTally tally;
    int worker = -1;  // As in FaultRecord.
  };

  // None is owned. `names`: "all", or a list with commas.
  static absl::StatusOr<std::unique_ptr<FaultDriver>> Create(absl::string_view names, Arena* arena, FaultProxy* proxy,
                                                             ServerProcess* server, WorkerProcesses* workers);

  // "flush_all, …", of all kinds there are.
  static std::string KindNames();

  void Advance(int64_t now_nanos);

  // Ends what is under way, so that everything works again, and returns from when on: some faults end by themselves.
  int64_t Finish();

  const std::vector<FaultRecord>& records() const { return records_; }
  uint64_t happened() const;
  size_t kinds_happened() const;
  // Names of those under way.
  std::string UnderWay() const;
  // What could not be done as it was meant to.
  const std::vector<std::string>& problems() const { return problems_; }

  // For the kinds.
  Random& random() { return random_; }
  FaultProxy& proxy() { return *proxy_; }
  ServerProcess& server() { return *server_; }
  WorkerProcesses& workers() { return *workers_; }
  int64_t bound_nanos() const { return arena_->setup().bound_nanos; }
  int worker_count() const { return static_cast<int>(arena_->setup().worker_count); }
  int64_t Millis(uint32_t least, uint32_t most);
  // Around a loss of what the server held.
  void BeginLoss(bool into_past);
  void EndLoss(bool into_past);
  // Another server takes the place of server(), with the snapshot of its last SAVE, for whoever connects from now on;
  // the old one goes on until StopReplaced.
  absl::Status StartReplacement();
  void StopReplaced();

 private:
  struct Place {
    std::vector<int> kinds;
    bool busy = false;
    Running running;
    size_t record = 0;
    int64_t next_nanos = 0;
  };

  FaultDriver(Arena* arena, FaultProxy* proxy, ServerProcess* server, WorkerProcesses* workers);
  void Begin(Place* place, int64_t now_nanos);
  void End(Place* place, int64_t now_nanos);

  Arena* const arena_;
  FaultProxy* const proxy_;
  ServerProcess* server_;
  WorkerProcesses* const workers_;
  Random random_;
  Place places_[kTrackCount];
  std::vector<FaultRecord> records_;
  std::vector<std::string> problems_;
  int64_t loss_begun_nanos_ = 0;
  ServerProcess* replaced_ = nullptr;
  // The last one is server(), unless there is none; those before it were replaced and are stopped.
  std::vector<std::unique_ptr<ServerProcess>> replacements_;
};

// A kind of fault; the table of them is in fault_kinds.cc.
struct FaultKind {
  const char* name;
  Track track;
  std::function<absl::StatusOr<FaultDriver::Running>(FaultDriver&)> begin;
};
const std::vector<FaultKind>& FaultKinds();

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_FAULT_DRIVER_H_
