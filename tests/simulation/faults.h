// The faults of a simulation, drawn at random and injected into a world of one server and several processes.

#ifndef TESTS_SIMULATION_FAULTS_H_
#define TESTS_SIMULATION_FAULTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/simulation/model_server.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_process.h"
#include "tests/simulation/truth.h"

namespace nearcache::simulation {

class Faults {
 public:
  Faults(int64_t bound_nanos, Scheduler* scheduler, ModelServer* server,
         std::vector<std::unique_ptr<SimulatedProcess>>* processes, bool verbose);

  // Injects one every `pause_nanos` on average, until `end`.
  void Run(MonotonicNanos end, int64_t pause_nanos);
  // The world of lossy fail-overs under channels that hear nothing: nothing else, and the last writes are always lost.
  void OnlyFailOvers() { only_fail_overs_ = true; }
  // The world of old snapshots that come back under living connections, where some heard nothing since they were taken.
  void OnlySnapshots() { only_snapshots_ = true; }
  // The world of channels that are made anew while messages are late.
  void OnlyJoins() { only_joins_ = true; }
  // The world in which strangers remove keys, and of connections that come and go.
  void OnlyStrangers() { only_strangers_ = true; }
  // The world of channels that hear nothing for a while.
  void OnlyOfChannels() { only_of_channels_ = true; }
  uint64_t injected() const { return injected_; }

  // Data that the server lost while a process was open: it must have noticed by now. In words; empty: all did.
  std::string Undetected() const;

  // Whether all who are open must have been told that what was lost at `lost_at` is: somebody has seen it.
  bool WasTold(MonotonicNanos lost_at) const;

 private:
  enum class Kind {
    // Of one process.
    kCutChannel,
    kCutData,
    kDeafen,
    kStall,
    kPause,
    // Of the server.
    kServerPause,
    kRefuse,
    kForbidPublish,
    kFlush,
    kSwap,
    kLoseLane,
    kLoseEpoch,
    kRestart,
    kFailOver,
  };
  static constexpr int kKinds = static_cast<int>(Kind::kFailOver) + 1;

  struct Loss {
    MonotonicNanos at = 0;
    std::string what;
    // Generations each process had ended; -1: it was not open, and need not notice.
    std::vector<int64_t> generations;
  };

  void Next();
  void InjectOne();
  void InjectIntoProcess(Kind kind, SimulatedProcess& process, int64_t time);
  void InjectIntoServer(Kind kind, int64_t time);
  void KeepSnapshots(int64_t pause);
  void KeepRemoving();
  void NoteLoss(absl::string_view what, const std::vector<bool>& knows = {});
  uint64_t LossesSeen() const;
  void CutAllData();
  void CutAllChannels();
  void Restart(int keep);
  void FailOver(bool lossy, bool deaf);
  void Swap();
  void PutSnapshotBack();
  void PutBackWhatIsUnheard();
  SimulatedProcess& AnyProcess();
  int64_t SomeTime();
  void Say(absl::string_view what);

  const int64_t bound_;
  Scheduler* const scheduler_;
  ModelServer* const server_;
  std::vector<std::unique_ptr<SimulatedProcess>>* const processes_;
  const bool verbose_;
  bool only_fail_overs_ = false;
  bool only_of_channels_ = false;
  bool only_snapshots_ = false;
  bool only_joins_ = false;
  bool only_strangers_ = false;
  MonotonicNanos end_ = 0;
  int64_t pause_ = 0;
  std::vector<Kind> kinds_;
  uint64_t injected_ = 0;
  uint64_t strays_ = 0;
  std::vector<Loss> losses_;
  // When an old snapshot was put back under living connections, and how often anybody had seen a loss by then.
  std::map<MonotonicNanos, uint64_t> restores_;
  // Former primaries, which some still hear.
  std::vector<std::unique_ptr<ModelServer>> former_;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_FAULTS_H_
