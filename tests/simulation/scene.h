// A stage for one observed process, one foreign writer and one key, moved by hand, step by step: replays the
// counter-examples of the protocol's checked model against the real coordinator and a local tier. One tick of the model
// is one staleness bound.
//
// The initial value has id Initial(); ids of the foreign writer are numbered from 1 in the order of execution. The
// channel is open and the lease proven at time 0.

#ifndef TESTS_SIMULATION_SCENE_H_
#define TESTS_SIMULATION_SCENE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/store.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/simulation.h"

namespace nearcache::simulation {

using internal::OperationId;
using internal::OperationTag;

// A store whose every answer is given by hand.
class ScriptedStore final : public internal::remote::Store {
 public:
  struct LaneRead {
    internal::remote::LaneCallback done;
    internal::remote::LaneReading reading;
    bool executed = false;
  };

  explicit ScriptedStore(const internal::Clock* clock) : clock_(clock) {}

  std::deque<LaneRead> lane_reads;
  // The tasks that are due now.
  std::vector<absl::AnyInvocable<void() &&>> TakeDue();

  absl::Status Start(internal::remote::ChannelEvents*, const internal::remote::AnnouncementEncoder*) override {
    return absl::OkStatus();
  }
  void Read(internal::remote::ReadRequest, internal::remote::ReadCallback) override {}
  void Change(internal::remote::ChangeRequest, internal::remote::ChangeCallback) override {}
  void ReadTimeToLive(std::string, internal::MonotonicNanos, internal::remote::ReadCallback) override {}
  void Execute(std::vector<std::string>, internal::MonotonicNanos,
               absl::AnyInvocable<void(absl::StatusOr<internal::remote::Reply>) &&>) override {}
  void ReadLane(internal::MonotonicNanos, internal::remote::LaneCallback done) override {
    lane_reads.push_back({std::move(done), {}, false});
  }
  void EnsureEpoch(OperationId epoch, internal::MonotonicNanos,
                   absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) override {
    std::move(done)(epoch);
  }
  void ResetChannel(const absl::Status&) override {}
  void ResetSession(const absl::Status&) override {}
  void RunAt(internal::MonotonicNanos when, absl::AnyInvocable<void() &&> task) override {
    tasks_.emplace_back(when, std::move(task));
  }
  void Shutdown() override {}
  bool IsDown() const override { return false; }
  internal::remote::StoreStats GetStats() const override { return {}; }
  absl::Status LinkStatus() const override { return absl::OkStatus(); }

 private:
  const internal::Clock* const clock_;
  std::vector<std::pair<internal::MonotonicNanos, absl::AnyInvocable<void() &&>>> tasks_;
};

class Scene {
 public:
  Scene(TierKind tier, Mutant mutant);

  static OperationId Initial() { return {100, 1}; }
  static OperationId Foreign(uint64_t number) { return {200, number}; }
  static OperationId Own(uint64_t number) { return {300, number}; }

  // --- The server

  // The foreign writer changes the key, or another one: value, lane and message in one step.
  void ForeignWrite() { Execute(Foreign(++foreign_writes_), "k"); }
  void ForeignWriteOfAnotherKey() { Execute(Foreign(++foreign_writes_), "other"); }
  void LoseNextMessage() { lose_next_ = true; }
  // A foreign writer ends in the middle of a change: one step, so it is made as a whole; in two, without a message.
  void ForeignWriteByDyingWriter();
  // A change whose message comes first: one step, made as a whole at the beginning; in two, the value at the end.
  void BeginForeignWrite();
  void EndForeignWrite() { value_ = Foreign(foreign_writes_); }
  // The replica takes over, with all that there was; the channel stays with the old primary, on which somebody still
  // writes.
  void FailOver();
  void StrayWrite();
  // The replica takes over, without the last `lost` operation; the channel stays with the old primary.
  void FailOverLosing(OperationId value, OperationId lane);

  // --- The channel and time

  void Deliver();  // The oldest message.
  void DeliverAll();
  void CutChannel();  // What was queued is lost.
  void Subscribe();
  void ExecuteLaneRead();  // The oldest that was not executed yet.
  void AnswerLaneRead();
  void Heartbeat();  // Sends one, executes and answers it.
  void Tick() { clock_.Advance(absl::Seconds(1) + absl::Nanoseconds(1)); }
  void RunTimers();

  // --- The process

  struct Reader {
    internal::MonotonicNanos begun_at = 0;
    internal::local::ReadStart start;
    OperationId fetched;  // What the server answered.
    OperationTag got;     // What the caller got.
    bool done = false;
  };
  // Looks into memory, else joins or leads.
  std::unique_ptr<Reader> BeginRead();
  void ExecuteRead(Reader* reader) { reader->fetched = value_; }
  void AnswerRead(Reader* reader);
  // All of it at once; what the caller gets.
  OperationTag Read();
  // What memory answers; empty if it does not.
  OperationTag Memory();

  void BeginOwnWrite();
  void ExecuteOwnWrite() { Execute(Own(1), "k"); }
  void AcknowledgeOwnWrite();

 private:
  void Execute(OperationId id, const std::string& key);
  internal::HashedKey Key() const { return internal::HashKey("k", tier_->hash_seed()); }
  void Weaken();
  // Whether the session may stay in two parts: without M8, as in the traces of these mutants.
  bool Unpaired() const;

  const Mutant mutant_;
  internal::FakeClock clock_;
  ScriptedStore store_;
  internal::OperationIdSource ids_{300};
  std::unique_ptr<internal::local::LocalTier> tier_;
  std::unique_ptr<internal::coherence::Coordinator> coordinator_;

  OperationId value_ = Initial();
  OperationId lane_ = Initial();
  OperationId old_lane_;  // Of the old primary, after a fail-over.
  bool channel_left_ = false;
  // For the mutant that counts.
  uint64_t operations_ = 0;
  uint64_t heard_ = 0;
  uint64_t foreign_writes_ = 0;
  bool lose_next_ = false;
  std::deque<std::string> queue_;
  OperationId last_delivered_ = Initial();
  internal::local::WriteRef own_write_;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_SCENE_H_
