#include "tests/simulation/model_server.h"

#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/coherence/message.h"

namespace nearcache::simulation {

namespace coherence = ::nearcache::internal::coherence;
namespace remote = ::nearcache::internal::remote;

namespace {

constexpr size_t kSnapshotsMax = 3;
constexpr uint64_t kStrangerNonce = 0xdead;

int KeyNumber(const std::string& key) {
  int number = 0;
  return absl::SimpleAtoi(key, &number) ? number : 0;
}

OperationId LaneIdOf(const std::string& message) {
  const std::string payload = OperationId().ToBytes() + message;
  return *coherence::PeekLaneId(payload);
}

}  // namespace

absl::optional<Frame> Frame::FromBytes(absl::string_view bytes) {
  if (bytes.size() != 40) return absl::nullopt;
  return Frame{*OperationId::FromBytes(bytes.substr(8, 16)), *OperationId::FromBytes(bytes.substr(24))};
}

ModelServer::ModelServer(int keys, Mutant mutant, Scheduler* scheduler, Truth* truth)
    : keys_(keys), mutant_(mutant), scheduler_(scheduler), truth_(truth) {
  data_.position = Position(static_cast<size_t>(keys), kBefore);
}

ModelServer::Got ModelServer::Read(const std::vector<std::string>& keys) const {
  Got got;
  for (const std::string& key : keys) {
    const auto value = data_.values.find(key);
    got.values.push_back(value == data_.values.end() ? absl::nullopt : absl::make_optional(value->second));
  }
  got.epoch = data_.epoch;
  got.position = truth_->Now();
  return got;
}

remote::ChangeResult ModelServer::Change(const remote::ChangeRequest& request, const std::string& message) {
  remote::ChangeResult result;
  if (refuses_writes) {
    result.status = absl::UnavailableError("READONLY");
    return result;
  }
  if (!OfThisEpoch(request) && mutant_ != Mutant::kStaleWriter) {
    result.status = absl::AbortedError("another epoch");
    result.epoch = data_.epoch;
    return result;
  }
  if (refuses_publish) {
    data_.lane = LaneIdOf(message);
    result.status = absl::PermissionDeniedError("NOPERM no channel");
    return result;
  }
  result.applied = true;
  if (mutant_ == Mutant::kNotAtomic) {
    Apply(request);
    // The writer may die between the two.
    if (!scheduler_->Chance(0.02)) Announce(LaneIdOf(message), message);
    return result;
  }
  Announce(LaneIdOf(message), message);
  if (mutant_ == Mutant::kPublishFirst) {
    scheduler_->After(scheduler_->Between(0, 5) * kMillisecond, Scheduler::World(),
                      [this, request] { Apply(request); });
    return result;
  }
  Apply(request);
  return result;
}

bool ModelServer::OfThisEpoch(const remote::ChangeRequest& request) const {
  if (request.kind != remote::ChangeKind::kSet) return true;
  return !data_.epoch.empty() && Frame::FromBytes(request.value)->epoch == data_.epoch;
}

remote::OperationResult ModelServer::ChangeGroup(const std::vector<remote::ChangeRequest>& requests,
                                                 const std::string& message, bool key_refused) {
  remote::OperationResult result;
  size_t commands = 0;
  for (const remote::ChangeRequest& request : requests) commands += request.kind == remote::ChangeKind::kDelete ? 2 : 1;
  result.replies.resize(commands + 3);
  remote::Reply& exec = result.replies.back();
  if (refuses_writes || key_refused) {
    exec.type = remote::Reply::Type::kError;
    exec.string = Value::Copy("EXECABORT Transaction discarded because of previous errors.");
    return result;
  }
  exec.type = remote::Reply::Type::kArray;
  exec.elements.resize(commands + 1);
  remote::Reply& lane = exec.elements[0];
  if (refuses_publish) {
    data_.lane = LaneIdOf(message);
    lane.type = remote::Reply::Type::kError;
    lane.string = Value::Copy("NOPERM no channel");
  } else {
    Announce(LaneIdOf(message), message);
    lane.type = remote::Reply::Type::kString;
    lane.string = Value::Copy(data_.epoch.empty() ? "" : data_.epoch.ToBytes());
  }
  for (const remote::ChangeRequest& request : requests) {
    if (mutant_ != Mutant::kGroupNotAtomic) {
      Apply(request);
      continue;
    }
    scheduler_->After(scheduler_->Between(0, 5) * kMillisecond, Scheduler::World(),
                      [this, request] { Apply(request); });
  }
  return result;
}

void ModelServer::Apply(const remote::ChangeRequest& request) {
  switch (request.kind) {
    case remote::ChangeKind::kSet:
      data_.values[request.key] = request.value;
      Touch(request.key);
      truth_->Executed(KeyNumber(request.key), request.id, OfThisEpoch(request));
      if (followed_.erase(KeyNumber(request.key)) > 0) StrangerRemoves(KeyNumber(request.key));
      break;
    case remote::ChangeKind::kClear:
      data_.epoch = request.id;
      truth_->ExecutedClear(request.id);
      break;
    case remote::ChangeKind::kForgetAll:
      break;
    default:
      if (data_.values.erase(request.key) > 0) Touch(request.key);
      truth_->Executed(KeyNumber(request.key), request.id, /*counts=*/true, /*may_repeat=*/true);
      break;
  }
}

// --- Strangers

void ModelServer::Touch(const std::string& key) {
  if (!reports_keys) return;
  touched_.insert(key);
  if (touched_.size() > 1) return;
  scheduler_->After(scheduler_->Between(0, 3 * kMillisecond), Scheduler::World(),
                    [this, turn = turn_] { EndTurn(turn); });
}

void ModelServer::EndTurn(uint64_t turn) {
  if (turn != turn_) return;
  ++turn_;
  const std::vector<std::string> keys(touched_.begin(), touched_.end());
  touched_.clear();
  if (keys.empty()) return;
  for (const std::weak_ptr<Subscription>& weak : subscribers_) {
    const std::shared_ptr<Subscription> subscription = weak.lock();
    if (subscription != nullptr && subscription->touched != nullptr) subscription->touched(keys);
  }
}

void ModelServer::StrangerRemoves(int key) {
  const std::string name = absl::StrCat(key);
  if (data_.values.erase(name) == 0) return;
  const OperationId id{kStrangerNonce, ++strangers_};
  truth_->Executed(key, id);
  Touch(name);
  scheduler_->After(scheduler_->Between(20, 500) * kMicrosecond, Scheduler::World(),
                    [this, key, id] { truth_->AcknowledgedToStranger(key, id); });
}

void ModelServer::Announce(OperationId lane_id, const std::string& message) {
  const OperationId previous = std::exchange(data_.lane, lane_id);
  lanes_.push_back(lane_id);
  ++data_.operations;
  Publish(previous.ToBytes() + message);
}

void ModelServer::Publish(const std::string& payload) {
  std::vector<std::weak_ptr<Subscription>> alive;
  for (const std::weak_ptr<Subscription>& weak : subscribers_) {
    const std::shared_ptr<Subscription> subscription = weak.lock();
    if (subscription == nullptr) continue;
    alive.push_back(weak);
    std::string copy = payload;
    if (mutant_ == Mutant::kNoChain && !subscription->last_sent.empty()) {
      copy.replace(0, OperationId::kWireSize, subscription->last_sent.ToBytes());
    }
    subscription->deliver(std::move(copy));
  }
  subscribers_.swap(alive);
}

remote::LaneReading ModelServer::ReadLane() const {
  remote::LaneReading reading;
  if (refuses_writes) {
    reading.status = absl::UnavailableError("READONLY You can't write against a read only replica");
    reading.leave_server = true;
    return reading;
  }
  reading.lane = data_.lane;
  reading.epoch = data_.epoch;
  return reading;
}

OperationId ModelServer::EnsureEpoch(OperationId epoch) {
  if (data_.epoch.empty()) data_.epoch = mutant_ == Mutant::kEpochZero ? OperationId{1, 0} : epoch;
  if (data_.lane.empty()) data_.lane = epoch;
  return data_.epoch;
}

void ModelServer::TakeSnapshot() {
  data_.position = truth_->Now();
  data_.lanes = lanes_.size();
  snapshots_.push_back(data_);
  if (snapshots_.size() > kSnapshotsMax) snapshots_.pop_front();
}

void ModelServer::FlushAll() {
  Data nothing;
  nothing.position = Position(static_cast<size_t>(keys_), kBefore);
  Restore(std::move(nothing));
}

void ModelServer::ReplaceAll(OperationId foreign_lane, OperationId foreign_epoch) {
  FlushAll();
  data_.lane = foreign_lane;
  data_.epoch = foreign_epoch;
}

void ModelServer::PutSnapshotBack(const std::vector<bool>& knows) {
  if (snapshots_.empty()) {
    FlushAll();
    return;
  }
  Restore(snapshots_.front(), knows);
}

std::vector<OperationId> ModelServer::LanesSinceSnapshot() const {
  const size_t begin = snapshots_.empty() ? 0 : snapshots_.front().lanes;
  return {lanes_.begin() + static_cast<ptrdiff_t>(begin), lanes_.end()};
}

void ModelServer::RestoreLatest() {
  if (snapshots_.empty()) {
    FlushAll();
    return;
  }
  Restore(snapshots_.back());
}

void ModelServer::Restore(Data data, const std::vector<bool>& knows) {
  data_ = std::move(data);
  lanes_.resize(data_.lanes);
  snapshots_.clear();
  truth_->Lost(data_.position, knows);
}

void ModelServer::StrayChange(OperationId id, const std::string& message) { Announce(id, message); }

std::unique_ptr<ModelServer> ModelServer::Replace() {
  auto old = std::make_unique<ModelServer>(keys_, mutant_, scheduler_, truth_);
  old->identity_ = identity_++;
  old->data_ = data_;
  old->subscribers_.swap(subscribers_);
  return old;
}

}  // namespace nearcache::simulation
