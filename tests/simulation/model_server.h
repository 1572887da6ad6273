// A Redis, as far as the protocol sees it: keys with frames, the lane register, the epoch, subscribers, and the scripts
// that change a key, move the lane and publish in one step. Besides, what happens to servers: they pause, refuse,
// forget, come back with an older snapshot, are replaced by their replica.
//
// A frame of the simulation has epoch and id of the write where a real one has them, and ends there: 40 bytes.

#ifndef TESTS_SIMULATION_MODEL_SERVER_H_
#define TESTS_SIMULATION_MODEL_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/store.h"
#include "tests/simulation/mutant.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/truth.h"

namespace nearcache::simulation {

namespace remote = internal::remote;

struct Frame {
  OperationId epoch;
  OperationId id;

  std::string ToBytes() const { return std::string(8, '\0') + epoch.ToBytes() + id.ToBytes(); }
  static absl::optional<Frame> FromBytes(absl::string_view bytes);
};

// One subscription of the channel. The server calls `deliver` at publication; its owner delays, drops, doubles.
struct Subscription {
  std::function<void(std::string payload)> deliver;
  // The server's report of keys that changed, behind the messages of its turn; null: not wanted.
  std::function<void(std::vector<std::string> keys)> touched;
  // For the mutant that repairs the chain: what this subscriber was given last.
  OperationId last_sent;
};

class ModelServer {
 public:
  struct Data {
    std::map<std::string, std::string> values;
    OperationId lane;   // Empty: no register.
    OperationId epoch;  // Empty: none.
    Position position;
    size_t lanes = 0;         // How many ids the lane had had.
    uint64_t operations = 0;  // For the mutant that counts.
  };

  ModelServer(int keys, Mutant mutant, Scheduler* scheduler, Truth* truth);

  // --- Commands. Executed at once, on the primary.

  struct Got {
    std::vector<absl::optional<std::string>> values;
    OperationId epoch;
    Position position;  // How far the histories had come.
  };
  Got Read(const std::vector<std::string>& keys) const;
  remote::ChangeResult Change(const remote::ChangeRequest& request, const std::string& message);
  // A transaction of change_group.h: what EXEC answers. `key_refused`: one of its keys is forbidden.
  remote::OperationResult ChangeGroup(const std::vector<remote::ChangeRequest>& requests, const std::string& message,
                                      bool key_refused);
  remote::LaneReading ReadLane() const;
  OperationId EnsureEpoch(OperationId epoch);
  void Subscribe(std::weak_ptr<Subscription> subscription) { subscribers_.push_back(std::move(subscription)); }

  // --- What happens to it.

  void TakeSnapshot();
  void FlushAll();
  // The lane key is deleted, or goes over to a foreign value, as by SWAPDB.
  void LoseLane() { data_.lane = OperationId(); }
  void ReplaceAll(OperationId foreign_lane, OperationId foreign_epoch);
  // Back to a snapshot, or to nothing.
  void RestoreLatest();
  // Back to the oldest under living connections: only those processes that know of something that came later are sure
  // to notice.
  void PutSnapshotBack(const std::vector<bool>& knows);
  // The lane's ids that this loses.
  std::vector<OperationId> LanesSinceSnapshot() const;
  void LoseEpoch() { data_.epoch = OperationId(); }
  // A stranger who believes that this is still the primary; no history knows of it.
  void StrayChange(OperationId id, const std::string& message);

  // One who does not use the library removes a key, and learns of it after a while: at once, or just behind the next
  // set of it, in the same turn.
  void StrangerRemoves(int key);
  void StrangerFollows(int key) { followed_.insert(key); }
  // The turn of the server's event loop, at the end of which it reports keys. What is sent after an answer of a turn
  // came is executed in a later one.
  uint64_t turn() const { return turn_; }
  void EndTurn(uint64_t turn);

  // From now on this is another server with the same data, without subscribers: a restart, or the promoted replica. The
  // old one stays where it is for those who still hear it, as the result.
  std::unique_ptr<ModelServer> Replace();

  OperationId lane() const { return data_.lane; }
  uint64_t operations() const { return data_.operations; }
  int identity() const { return identity_; }
  bool reachable = true;
  bool refuses_writes = false;   // READONLY, NOREPLICAS.
  bool reports_keys = false;     // Somebody asked it to.
  bool refuses_publish = false;  // The ACL lacks the channel.
  MonotonicNanos paused_until = 0;

 private:
  void Publish(const std::string& payload);
  void Announce(OperationId lane_id, const std::string& message);
  bool OfThisEpoch(const remote::ChangeRequest& request) const;
  void Apply(const remote::ChangeRequest& request);
  void Touch(const std::string& key);
  void Restore(Data data, const std::vector<bool>& knows = {});

  const int keys_;
  const Mutant mutant_;
  Scheduler* const scheduler_;
  Truth* const truth_;
  int identity_ = 1;
  Data data_;
  std::vector<OperationId> lanes_;  // The ids that the lane had, in order.
  std::deque<Data> snapshots_;
  std::vector<std::weak_ptr<Subscription>> subscribers_;
  uint64_t turn_ = 0;
  std::set<std::string> touched_;  // In this turn.
  std::set<int> followed_;         // By strangers.
  uint64_t strangers_ = 0;
};

}  // namespace nearcache::simulation

#endif  // TESTS_SIMULATION_MODEL_SERVER_H_
