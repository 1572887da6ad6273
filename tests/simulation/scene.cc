#include "tests/simulation/scene.h"

#include <utility>

#include "nearcache/internal/coherence/message.h"
#include "tests/simulation/reference_tier.h"

namespace nearcache::simulation {

namespace coherence = ::nearcache::internal::coherence;
namespace local = ::nearcache::internal::local;
namespace remote = ::nearcache::internal::remote;

namespace {

constexpr OperationId kEpoch{9, 9};

}  // namespace

std::vector<absl::AnyInvocable<void() &&>> ScriptedStore::TakeDue() {
  std::vector<absl::AnyInvocable<void() &&>> due;
  std::vector<std::pair<internal::MonotonicNanos, absl::AnyInvocable<void() &&>>> later;
  for (auto& task : tasks_) {
    if (task.first <= clock_->Now()) {
      due.push_back(std::move(task.second));
    } else {
      later.push_back(std::move(task));
    }
  }
  tasks_ = std::move(later);
  return due;
}

Scene::Scene(TierKind kind, Mutant mutant) : mutant_(mutant), store_(&clock_) {
  if (kind == TierKind::kReference) {
    tier_ = std::make_unique<ReferenceTier>(absl::ToInt64Nanoseconds(absl::Seconds(1)), &clock_, mutant);
  } else {
    local::LocalTierOptions options;
    options.capacity_bytes = size_t{1} << 20;
    options.stripe_count = 1;
    options.staleness_bound = absl::Seconds(1);
    options.clock = &clock_;
    tier_ = local::LocalTier::Create(options);
  }
  coherence::CoordinatorOptions options;
  options.staleness_bound = absl::Seconds(1);
  options.ids = &ids_;
  options.clock = &clock_;
  coordinator_ = std::make_unique<coherence::Coordinator>(options, &store_, tier_.get());
  Subscribe();
  ExecuteLaneRead();
  AnswerLaneRead();
}

// --- The server

void Scene::Execute(OperationId id, const std::string& key) {
  const remote::Announced change{remote::ChangeKind::kSet, id, key};
  const OperationId previous = std::exchange(lane_, id);
  ++operations_;
  if (key == "k") value_ = id;
  if (std::exchange(lose_next_, false) || channel_left_) return;
  queue_.push_back(previous.ToBytes() + coherence::EncodeMessage(id, 1, {&change, 1}));
}

void Scene::ForeignWriteByDyingWriter() {
  if (mutant_ != Mutant::kNotAtomic) return ForeignWrite();
  value_ = Foreign(++foreign_writes_);
}

void Scene::BeginForeignWrite() {
  const OperationId before = value_;
  ForeignWrite();
  if (mutant_ == Mutant::kPublishFirst) value_ = before;
}

bool Scene::Unpaired() const {
  return mutant_ == Mutant::kNoPair || mutant_ == Mutant::kCountHeartbeat || mutant_ == Mutant::kPingHeartbeat;
}

void Scene::FailOver() {
  old_lane_ = lane_;
  channel_left_ = true;
  if (!Unpaired()) CutChannel();
}

void Scene::StrayWrite() {
  const OperationId id = Foreign(++foreign_writes_);
  const remote::Announced change{remote::ChangeKind::kSet, id, "other"};
  const OperationId previous = std::exchange(old_lane_, id);
  if (Unpaired()) queue_.push_back(previous.ToBytes() + coherence::EncodeMessage(id, 1, {&change, 1}));
}

void Scene::FailOverLosing(OperationId value, OperationId lane) {
  value_ = value;
  lane_ = lane;
  if (mutant_ != Mutant::kNoPair) coordinator_->OnChannelDown(absl::UnavailableError("another server answers"));
}

// --- The channel and time

void Scene::Deliver() {
  std::string payload = std::move(queue_.front());
  queue_.pop_front();
  if (mutant_ == Mutant::kNoChain) payload.replace(0, OperationId::kWireSize, last_delivered_.ToBytes());
  last_delivered_ = *coherence::PeekLaneId(payload);
  ++heard_;
  coordinator_->OnMessage(payload);
}

void Scene::DeliverAll() {
  while (!queue_.empty()) Deliver();
}

void Scene::CutChannel() {
  queue_.clear();
  coordinator_->OnChannelDown(absl::UnavailableError("cut"));
}

void Scene::Subscribe() { coordinator_->OnSubscribed(); }

void Scene::ExecuteLaneRead() {
  for (ScriptedStore::LaneRead& read : store_.lane_reads) {
    if (std::exchange(read.executed, true)) continue;
    read.reading.sent_at = clock_.Now();
    read.reading.lane = lane_;
    read.reading.epoch = kEpoch;
    return;
  }
}

void Scene::AnswerLaneRead() {
  ScriptedStore::LaneRead read = std::move(store_.lane_reads.front());
  store_.lane_reads.pop_front();
  if (mutant_ == Mutant::kPingHeartbeat) read.reading.lane = last_delivered_;
  if (mutant_ == Mutant::kCountHeartbeat && heard_ == operations_) read.reading.lane = last_delivered_;
  std::move(read.done)(read.reading);
  Weaken();
}

void Scene::RunTimers() {
  for (auto& task : store_.TakeDue()) std::move(task)();
}

void Scene::Heartbeat() {
  RunTimers();
  ExecuteLaneRead();
  if (!store_.lane_reads.empty()) AnswerLaneRead();
}

void Scene::Weaken() {
  if (mutant_ == Mutant::kNoLease) tier_->lane(0).Renew(internal::kNever - 1);
}

// --- The process

OperationTag Scene::Memory() {
  Value value;
  local::EntryInfo info;
  return tier_->Get(Key(), clock_.Now(), &value, &info) ? info.id : OperationTag();
}

std::unique_ptr<Scene::Reader> Scene::BeginRead() {
  auto reader = std::make_unique<Reader>();
  Reader* const raw = reader.get();
  raw->begun_at = clock_.Now();
  local::Waiter waiter = [raw](const local::ReadOutcome& outcome) {
    raw->got = outcome.info.id;
    raw->done = true;
  };
  reader->start = tier_->BeginRead(Key(), clock_.Now(), local::FlightKind::kRead, &waiter);
  if (reader->start.role == local::ReadStart::Role::kHit) {
    reader->got = reader->start.info.id;
    reader->done = true;
  }
  return reader;
}

void Scene::AnswerRead(Reader* reader) {
  local::ReadOutcome outcome;
  outcome.found = true;
  outcome.value = Value::Copy("bytes");
  outcome.info.id = reader->fetched;
  outcome.info.fetched_at = reader->begun_at;
  reader->got = reader->fetched;
  reader->done = true;
  if (reader->start.role == local::ReadStart::Role::kLead) {
    tier_->CompleteRead(reader->start.flight, outcome);
  } else {
    tier_->NoteReply(Key(), reader->fetched);
  }
}

OperationTag Scene::Read() {
  const std::unique_ptr<Reader> reader = BeginRead();
  if (reader->done) return reader->got;
  ExecuteRead(reader.get());
  AnswerRead(reader.get());
  return reader->got;
}

void Scene::BeginOwnWrite() { own_write_ = tier_->BeginWrite(Key(), Own(1), clock_.Now(), RemovalCause::kReplaced); }

void Scene::AcknowledgeOwnWrite() {
  tier_->EndWrite(own_write_, local::WriteOutcome::kApplied, Value::Copy("bytes"), internal::kNever);
}

}  // namespace nearcache::simulation
