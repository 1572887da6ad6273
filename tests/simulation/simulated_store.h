// remote::Store for one simulated process: data connections and an invalidation connection to the model server, over a
// network that delays at will, cuts, loses and doubles. It keeps the promises that the interface makes (outcomes,
// deadlines, order of events, mechanism M8) and no others.

#ifndef TESTS_SIMULATION_SIMULATED_STORE_H_
#define TESTS_SIMULATION_SIMULATED_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "nearcache/internal/remote/change_group.h"
#include "nearcache/internal/remote/store.h"
#include "tests/simulation/model_server.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/scheduler.h"

namespace nearcache::simulation {

// How bad the network of one run is.
struct NetworkOptions {
  int data_connections = 1;
  int64_t delay_max_nanos = 5 * kMillisecond;  // One way; usual ones are shorter.
  double slow_chance = 0.01;                   // A reply or message that takes up to slow_max.
  int64_t slow_max_nanos = 300 * kMillisecond;
  double message_loss = 0;  // Silently, inside a living connection.
  double message_doubled = 0;
  double message_corrupted = 0;  // One bit of what its writer made; or it is of a later format.
  bool foreign_writers = false;  // Strangers are followed.
  double readings_split = 0;     // Of the two registers that a heartbeat reads, the second is read later.
  int64_t reconnect_max_nanos = 100 * kMillisecond;
  // How long changes gather before they leave together, as in a turn of the event loop that takes its time.
  int64_t turn_max_nanos = 0;
  double group_refused = 0;  // One of a group's keys is forbidden.
};

class SimulatedStore final : public internal::remote::Store {
 public:
  SimulatedStore(int process, const NetworkOptions& network, Mutant mutant, ModelServer* server, Scheduler* scheduler);

  // As Read, and tells how far the histories of all keys had come when the server executed it.
  using WitnessedRead = absl::AnyInvocable<void(absl::StatusOr<internal::remote::ReadReply>, const Position&) &&>;
  void ReadWitnessed(internal::remote::ReadRequest request, WitnessedRead done);

  // --- Faults

  void CutData();     // Requests under way may be executed yet; their answers are lost.
  void CutChannel();  // What was published before may still arrive.
  // The channel loses everything from now on, and nobody is told.
  void DeafenChannel() { channel_deaf_ = true; }
  void StallChannel(int64_t nanos);
  // What is published until then is lost, silently, and what comes later is heard.
  void LoseMessagesUntil(MonotonicNanos until) { messages_lost_until_ = until; }
  // Other behaviour of the network from now on.
  void set_network(const NetworkOptions& network) { network_ = network; }

  uint64_t groups() const { return groups_; }

  // A generation of the channel began; kNone: it ended.
  static constexpr int64_t kNone = -1;
  void set_generation(int64_t generation);
  // Whether this process knows, in the generation that is open, of a change that moved the lane to one of `lane_ids`:
  // because it was its own, made in this generation and acknowledged; because a message told it; or because a reading
  // showed it.
  bool Knows(const std::vector<OperationId>& lane_ids) const;
  // The last Clear that the channel told in this generation, wherever it belongs in the order; empty: none.
  OperationId last_clear_told() const { return last_clear_told_; }

  // --- remote::Store

  absl::Status Start(internal::remote::ChannelEvents* events,
                     const internal::remote::AnnouncementEncoder* encoder) override;
  void Read(internal::remote::ReadRequest request, internal::remote::ReadCallback done) override;
  void Change(internal::remote::ChangeRequest request, internal::remote::ChangeCallback done) override;
  void ReadTimeToLive(std::string, MonotonicNanos, internal::remote::ReadCallback) override {}
  void Execute(std::vector<std::string>, MonotonicNanos,
               absl::AnyInvocable<void(absl::StatusOr<internal::remote::Reply>) &&>) override {}
  void ReadLane(MonotonicNanos deadline, internal::remote::LaneCallback done) override;
  void EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                   absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) override;
  void ResetChannel(const absl::Status& cause) override;
  void ResetSession(const absl::Status& cause) override;
  void RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) override;
  void Shutdown() override {}
  bool IsDown() const override { return false; }
  internal::remote::StoreStats GetStats() const override { return {}; }
  absl::Status LinkStatus() const override { return absl::OkStatus(); }

 private:
  // Runs on the server; what it returns runs with the reply.
  using Command = std::function<std::function<void()>()>;
  // Instead of the reply: the request was lost, or its answer. Unknown: it may have been executed.
  using Failure = std::function<void(const absl::Status&, bool unknown)>;

  struct Request {
    Command command;
    Failure failure;
    bool done = false;
  };
  struct DataConnection {
    bool up = false;
    int era = 0;       // Counts connects and cuts.
    int identity = 0;  // Of the server it is connected to.
    MonotonicNanos last_arrival = 0;
    MonotonicNanos last_reply = 0;
    std::vector<std::shared_ptr<Request>> waiting;
  };

  // Group commit, with the real plans and verdicts (remote/change_group.h).
  void Acknowledge(OperationId lane_id, int64_t made_in);
  void SendWaiting();
  void SendAlone(internal::remote::PendingChange change, int attempt, bool maybe_executed);
  void SendGroup(internal::remote::ChangeGroup group);
  void OnGroupAnswered(OperationId lane_id, int64_t made_in, internal::remote::ChangeGroup group,
                       internal::remote::OperationResult result);
  void Follow(internal::remote::PendingChange change, internal::remote::GroupVerdict verdict);
  void SendAgain(internal::remote::PendingChange change, int attempt);

  int64_t Delay();
  void Submit(size_t connection, MonotonicNanos deadline, Command command, Failure failure);
  void Arrive(size_t connection, int era, std::shared_ptr<Request> request, bool even_if_cut);
  void Reply(size_t connection, int era, const std::shared_ptr<Request>& request, std::function<void()> reply);
  void Cut(size_t connection);
  void Connect(size_t connection);
  void ConnectChannel();
  void DropChannel(const absl::Status& cause);
  void Deliver(std::string payload);
  bool Corrupt(std::string* payload);
  void Upgrade(std::string* payload);
  void Damage(std::string* payload);
  void Hear(OperationId id, const std::string& payload);
  void HearTouched(const std::vector<std::string>& keys);
  void ReadLaneAlone(MonotonicNanos deadline, internal::remote::LaneCallback done);
  void Ping(absl::optional<uint64_t> after_turn, std::function<void(uint64_t turn)> answered);
  void KnowOfReading(internal::remote::LaneReading* reading, int64_t asked_in);
  void InOrder(std::function<void()> event);
  bool DataUp() const;

  const int process_;
  NetworkOptions network_;
  const Mutant mutant_;
  ModelServer* const server_;
  Scheduler* const scheduler_;
  internal::remote::ChannelEvents* events_ = nullptr;
  const internal::remote::AnnouncementEncoder* encoder_ = nullptr;

  internal::OperationIdSource own_ids_;
  std::vector<internal::remote::PendingChange> waiting_;
  uint64_t groups_ = 0;
  std::vector<DataConnection> data_;
  int session_identity_ = 0;

  int channel_era_ = 0;
  bool channel_up_ = false;
  bool channel_deaf_ = false;
  MonotonicNanos messages_lost_until_ = 0;
  MonotonicNanos channel_last_ = 0;
  std::shared_ptr<Subscription> subscription_;
  // By lane id: the generation in which it became known.
  std::map<std::pair<uint64_t, uint64_t>, int64_t> known_;
  int64_t generation_ = kNone;
  OperationId last_clear_told_;
  std::set<std::string> announced_;  // For the mutant that trusts an echo: keys that were told and not reported yet.
  // For mutants: the last reading, and whether what follows it has been heard since the generation began.
  OperationId base_;
  bool anchored_ = false;
  OperationId last_heard_;  // For the mutant whose heartbeat is a PING.
  int64_t heard_ = 0;       // For the one that counts: messages heard, and how many there had been at the base.
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_SIMULATED_STORE_H_
