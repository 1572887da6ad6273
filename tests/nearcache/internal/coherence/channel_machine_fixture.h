// The channel machine on a bench: its events by name, each giving the actions that it caused. Times are in nanoseconds;
// the bound is 1000, so that a heartbeat leaves every 200, and the clock of hits lags by 10.

#ifndef TESTS_NEARCACHE_INTERNAL_COHERENCE_CHANNEL_MACHINE_FIXTURE_H_
#define TESTS_NEARCACHE_INTERNAL_COHERENCE_CHANNEL_MACHINE_FIXTURE_H_

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/coherence/channel_machine.h"

namespace nearcache::internal::coherence {

using State = ChannelMachine::State;

inline constexpr int64_t kBound = 1000;
inline constexpr int64_t kInterval = 200;
inline constexpr int64_t kLag = 10;
inline constexpr MonotonicNanos kPatience = 1'000'000'000;
inline constexpr OperationId kEpoch{9, 1};

inline OperationId Id(uint64_t counter) { return {7, counter}; }

class ChannelMachineTest : public ::testing::Test {
 protected:
  ChannelMachineTest() : machine_({kBound, kLag, /*key_version=*/1}, &epochs_) {}

  // --- Events; each returns the actions it caused, timers left out.

  std::vector<Action> Subscribed() {
    return Event([this](Actions* a) { machine_.OnSubscribed(now_, a); });
  }
  std::vector<Action> Down() {
    return Event([this](Actions* a) { machine_.OnChannelDown(now_, a); });
  }
  std::vector<Action> Hear(const Message& message) {
    return Event([&](Actions* a) { machine_.OnMessage(now_, message, a); });
  }
  std::vector<Action> Hear(uint64_t previous, uint64_t id) { return Hear(Change(previous, id)); }
  std::vector<Action> Read(uint64_t ticket, remote::LaneReading reading) {
    return Event([&](Actions* a) { machine_.OnLaneRead(now_, ticket, reading, a); });
  }
  std::vector<Action> Read(uint64_t ticket, uint64_t lane, MonotonicNanos sent_at) {
    return Read(ticket, Reading(lane, sent_at));
  }
  std::vector<Action> EpochEnsured(uint64_t ticket, const absl::Status& status) {
    return Event([&](Actions* a) { machine_.OnEpochEnsured(now_, ticket, status, a); });
  }
  std::vector<Action> Tick() {
    return Event([this](Actions* a) { machine_.OnTick(now_, a); });
  }
  std::vector<Action> TickAt(MonotonicNanos at) {
    now_ = at;
    return Tick();
  }
  std::vector<Action> Heartbeat(MonotonicNanos at, uint64_t lane) {
    TickAt(at);
    return Read(last_ticket_, lane, at);
  }
  std::vector<Action> Suspended() {
    return Event([this](Actions* a) { machine_.OnSuspended(now_, a); });
  }
  std::vector<Action> EpochDoubt() {
    return Event([this](Actions* a) { machine_.OnEpochDoubt(now_, a); });
  }
  std::vector<Action> Sync(uint64_t id, MonotonicNanos deadline) {
    return Event([&](Actions* a) { machine_.OnSync(now_, id, deadline, a); });
  }

  template <typename Cause>
  std::vector<Action> Event(Cause cause) {
    Actions actions;
    cause(&actions);
    std::vector<Action> result;
    for (Action& action : actions) {
      if (std::holds_alternative<SetTimer>(action)) {
        timer_ = std::get<SetTimer>(action).at;
      } else {
        if (std::holds_alternative<ReadLane>(action)) last_ticket_ = std::get<ReadLane>(action).ticket;
        result.push_back(std::move(action));
      }
    }
    return result;
  }

  // --- Values

  static Message Change(uint64_t previous, uint64_t id, absl::string_view key = "k") {
    Message message;
    message.previous = Id(previous);
    message.lane_id = Id(id);
    message.key_version = 1;
    if (!key.empty()) message.changes.push_back({MessageKind::kSet, Id(id), key});
    return message;
  }
  static Message Clear(uint64_t previous, uint64_t id) {
    Message message = Change(previous, id, "");
    message.changes.push_back({MessageKind::kClear, Id(id), ""});
    return message;
  }
  static remote::LaneReading Reading(uint64_t lane, MonotonicNanos sent_at, OperationId epoch = kEpoch) {
    remote::LaneReading reading;
    reading.lane = lane == 0 ? OperationId() : Id(lane);
    reading.epoch = epoch;
    reading.sent_at = sent_at;
    return reading;
  }
  static remote::LaneReading Failure(bool leave_server) {
    remote::LaneReading reading;
    reading.status = absl::UnavailableError("LOADING");
    reading.leave_server = leave_server;
    return reading;
  }

  // Brings the machine to `open` with lane id `lane` at time 100; tickets used: 1. The first heartbeat is due at 300.
  void Open(uint64_t lane) {
    now_ = 100;
    Subscribed();
    Read(1, lane, 100);
    ASSERT_EQ(machine_.state(), State::kOpen);
  }

  static Action Lease(MonotonicNanos as_of) { return RenewLease{as_of + kBound - kLag}; }
  static Action HeartbeatWithTicket(uint64_t ticket, MonotonicNanos now) {
    return ReadLane{ReadPurpose::kHeartbeat, ticket, now + kBound};
  }
  static Action OnDemand(uint64_t ticket, MonotonicNanos now) {
    return ReadLane{ReadPurpose::kOnDemand, ticket, now + kPatience};
  }
  static Action Base(uint64_t ticket, MonotonicNanos now) {
    return ReadLane{ReadPurpose::kBase, ticket, now + kPatience};
  }

  EpochRegister epochs_;
  ChannelMachine machine_;
  MonotonicNanos now_ = 100;
  MonotonicNanos timer_ = kNever;
  uint64_t last_ticket_ = 0;
};

inline auto Closes(CloseCause cause) {
  return ::testing::ElementsAre(Action(CloseGeneration{cause}), Action(ResetChannel{cause}));
}

}  // namespace nearcache::internal::coherence

#endif  // TESTS_NEARCACHE_INTERNAL_COHERENCE_CHANNEL_MACHINE_FIXTURE_H_
