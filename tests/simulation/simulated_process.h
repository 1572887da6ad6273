// One process of the simulation: a local tier, the real coordinator, a store, and a small model of the conductor that
// walks the ways of cache.h through them, with a few callers that read and write at random and tell the truth (truth.h)
// what they saw.

#ifndef TESTS_SIMULATION_SIMULATED_PROCESS_H_
#define TESTS_SIMULATION_SIMULATED_PROCESS_H_

#include <memory>
#include <string>

#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/local/local_tier.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_store.h"
#include "tests/simulation/truth.h"

namespace nearcache::simulation {

struct WorkloadOptions {
  int keys = 3;
  int callers = 3;                              // Per process.
  int64_t pause_max_nanos = 60 * kMillisecond;  // Between two calls of one caller.
  double write_chance = 0.12;
  double delete_chance = 0.03;
  double clear_chance = 0.004;
  double sync_chance = 0.01;
  double fresh_chance = 0.03;
  int64_t call_timeout_nanos = 800 * kMillisecond;
};

class SimulatedProcess {
 public:
  SimulatedProcess(int number, int64_t bound_nanos, const WorkloadOptions& workload, const NetworkOptions& network,
                   Mutant mutant, std::unique_ptr<internal::local::LocalTier> tier, ModelServer* server,
                   Scheduler* scheduler, Truth* truth);

  // Connects, and sets the callers to work until `end`.
  void Start(MonotonicNanos end);

  // One call of a caller. `then` runs when it ended.
  using Then = absl::AnyInvocable<void() &&>;
  void Get(int key, Then then);
  void FreshGet(int key, Then then);
  void Set(int key, Then then);
  void Delete(int key, Then then);
  void Clear(Then then);
  void Sync(Then then);

  SimulatedStore& store() { return store_; }
  internal::coherence::Coordinator& coordinator() { return coordinator_; }
  internal::local::LocalTier& tier() { return *tier_; }
  // From now on the callers read.
  void StopWriting() { workload_.write_chance = workload_.delete_chance = workload_.clear_chance = 0; }
  int number() const { return number_; }
  // What memory would answer; empty: nothing.
  OperationTag Remembers(int key);
  int calls_waiting() const { return calls_waiting_; }
  uint64_t syncs_completed() const { return syncs_completed_; }

 private:
  using FlightRef = internal::local::FlightRef;

  internal::HashedKey Hashed(const std::string& key) const { return internal::HashKey(key, tier_->hash_seed()); }
  absl::optional<OperationId> TakeEpoch(const FlightRef& flight);
  void NextCall(MonotonicNanos end);
  void Call(Then then);
  void Fetch(const Truth::Read& read, FlightRef flight, absl::optional<OperationId> epoch, Truth::Way way, Then then);
  internal::local::ReadOutcome Judge(absl::optional<OperationId> epoch,
                                     const absl::StatusOr<internal::remote::ReadReply>& reply, bool* truly_absent);
  struct PendingWrite;
  void Write(int key, bool remove, Then then);
  void SendWrite(std::shared_ptr<PendingWrite> write);
  void OnWritten(std::shared_ptr<PendingWrite> write, internal::remote::ChangeResult result);
  void Weaken();

  const int number_;
  const int64_t bound_;
  WorkloadOptions workload_;
  const Mutant mutant_;
  Scheduler* const scheduler_;
  Truth* const truth_;
  internal::OperationIdSource ids_;
  const std::unique_ptr<internal::local::LocalTier> tier_;
  SimulatedStore store_;
  internal::coherence::Coordinator coordinator_;
  int calls_waiting_ = 0;
  uint64_t syncs_completed_ = 0;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_SIMULATED_PROCESS_H_
