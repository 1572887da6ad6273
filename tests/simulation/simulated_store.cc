#include "tests/simulation/simulated_store.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "nearcache/internal/base/little_endian.h"
#include "nearcache/internal/coherence/message.h"

namespace nearcache::simulation {

namespace remote = ::nearcache::internal::remote;
namespace coherence = ::nearcache::internal::coherence;

namespace {

// What a message says about itself is true again.
void Seal(std::string* payload) {
  constexpr size_t kFrom = coherence::kMessageVersionOffset;
  const size_t told = payload->size() - coherence::kMessageChecksumSize;
  const uint64_t checksum = coherence::MessageChecksum(absl::string_view(*payload).substr(kFrom, told - kFrom));
  internal::StoreLittleEndian64(payload->data() + told, checksum);
}

}  // namespace

SimulatedStore::SimulatedStore(int process, const NetworkOptions& network, Mutant mutant, ModelServer* server,
                               Scheduler* scheduler)
    : process_(process),
      network_(network),
      mutant_(mutant),
      server_(server),
      scheduler_(scheduler),
      own_ids_(1000 + static_cast<uint64_t>(process)),
      data_(static_cast<size_t>(network.data_connections)) {}

absl::Status SimulatedStore::Start(remote::ChannelEvents* events, const remote::AnnouncementEncoder* encoder) {
  events_ = events;
  encoder_ = encoder;
  for (size_t i = 0; i < data_.size(); ++i) Connect(i);
  ConnectChannel();
  return absl::OkStatus();
}

int64_t SimulatedStore::Delay() {
  if (scheduler_->Chance(network_.slow_chance)) return scheduler_->Between(0, network_.slow_max_nanos);
  return scheduler_->Between(20 * kMicrosecond, network_.delay_max_nanos);
}

// --- Data connections

bool SimulatedStore::DataUp() const {
  return std::all_of(data_.begin(), data_.end(), [](const DataConnection& data) { return data.up; });
}

void SimulatedStore::Connect(size_t index) {
  const int era = ++data_[index].era;
  scheduler_->After(scheduler_->Between(0, network_.reconnect_max_nanos), Scheduler::Loop(process_),
                    [this, index, era] {
                      DataConnection& data = data_[index];
                      if (data.era != era) return;
                      if (!server_->reachable) {
                        Connect(index);
                        return;
                      }
                      data.up = true;
                      data.identity = server_->identity();
                      data.last_arrival = data.last_reply = scheduler_->now();
                      if (data.identity == session_identity_) return;
                      // M8: another server than the one this session belongs to. All connections go.
                      session_identity_ = data.identity;
                      for (size_t other = 0; other < data_.size(); ++other) {
                        if (data_[other].up && data_[other].identity != session_identity_) Cut(other);
                      }
                      if (mutant_ != Mutant::kNoPair && mutant_ != Mutant::kCountHeartbeat)
                        DropChannel(absl::UnavailableError("another server answers"));
                    });
}

void SimulatedStore::Cut(size_t index) {
  DataConnection& data = data_[index];
  if (!data.up) return;
  data.up = false;
  std::vector<std::shared_ptr<Request>> waiting;
  waiting.swap(data.waiting);
  Connect(index);
  for (const std::shared_ptr<Request>& request : waiting) {
    if (std::exchange(request->done, true)) continue;
    request->failure(absl::UnavailableError("connection lost"), true);
  }
}

void SimulatedStore::CutData() {
  for (size_t i = 0; i < data_.size(); ++i) Cut(i);
}

void SimulatedStore::Submit(size_t index, MonotonicNanos deadline, Command command, Failure failure) {
  DataConnection& data = data_[index];
  auto request = std::make_shared<Request>(Request{std::move(command), std::move(failure)});
  if (!data.up) {
    // From inside the call, as the interface allows.
    request->done = true;
    request->failure(absl::UnavailableError("not connected"), false);
    return;
  }
  data.waiting.push_back(request);
  data.last_arrival = std::max(data.last_arrival, scheduler_->now() + Delay());
  // Bytes that have left may reach the server although the connection is cut meanwhile.
  const bool zombie = scheduler_->Chance(0.5);
  scheduler_->At(data.last_arrival, Scheduler::World(),
                 [this, index, era = data.era, request, zombie] { Arrive(index, era, request, zombie); });
  scheduler_->At(deadline, Scheduler::Loop(process_), [request] {
    if (std::exchange(request->done, true)) return;
    request->failure(absl::DeadlineExceededError("no reply in time"), true);
  });
}

void SimulatedStore::Arrive(size_t index, int era, std::shared_ptr<Request> request, bool even_if_cut) {
  if (server_->paused_until > scheduler_->now()) {
    scheduler_->At(server_->paused_until, Scheduler::World(),
                   [this, index, era, request, even_if_cut] { Arrive(index, era, request, even_if_cut); });
    return;
  }
  DataConnection& data = data_[index];
  const bool connected = data.up && data.era == era;
  if (!server_->reachable || (!connected && !even_if_cut)) return;
  // Never to another server than the one the connection was made to.
  if (data.identity != server_->identity()) return;
  std::function<void()> reply = request->command();
  if (!connected) return;
  data.last_reply = std::max(data.last_reply, scheduler_->now() + Delay());
  if (mutant_ == Mutant::kPublishFirst) data.last_reply += 6 * kMillisecond;
  scheduler_->At(data.last_reply, Scheduler::Loop(process_),
                 [this, index, era, request, reply = std::move(reply)] { Reply(index, era, request, reply); });
}

void SimulatedStore::Reply(size_t index, int era, const std::shared_ptr<Request>& request,
                           std::function<void()> reply) {
  DataConnection& data = data_[index];
  if (!data.up || data.era != era) return;
  data.waiting.erase(std::remove(data.waiting.begin(), data.waiting.end(), request), data.waiting.end());
  if (std::exchange(request->done, true)) return;
  reply();
}

// --- Commands

void SimulatedStore::ReadWitnessed(remote::ReadRequest request, WitnessedRead done) {
  auto shared = std::make_shared<WitnessedRead>(std::move(done));
  const size_t connection = static_cast<size_t>(scheduler_->Below(network_.data_connections));
  Submit(
      connection, request.deadline,
      [this, keys = std::vector<std::string>(request.keys.begin(), request.keys.end()), want = request.want_epoch,
       shared]() -> std::function<void()> {
        const ModelServer::Got got = server_->Read(keys);
        return [got, want, shared] {
          remote::ReadReply reply;
          for (const absl::optional<std::string>& value : got.values) {
            remote::Fetched fetched;
            if (value.has_value()) {
              fetched.state = remote::Fetched::State::kFound;
              fetched.bytes = Value::Copy(*value);
            }
            reply.values.push_back(std::move(fetched));
          }
          if (want) reply.epoch = got.epoch;
          std::move (*shared)(std::move(reply), got.position);
        };
      },
      [shared](const absl::Status& status, bool) { std::move (*shared)(status, Position()); });
}

void SimulatedStore::Read(remote::ReadRequest request, remote::ReadCallback done) {
  ReadWitnessed(std::move(request),
                [done = std::move(done)](absl::StatusOr<remote::ReadReply> reply, const Position&) mutable {
                  std::move(done)(std::move(reply));
                });
}

// With strangers about, a reading counts once the channel has answered two PINGs, the second sent after the first was
// answered: the reports of what was executed before have come by then.
void SimulatedStore::ReadLane(MonotonicNanos deadline, remote::LaneCallback done) {
  if (!network_.foreign_writers) return ReadLaneAlone(deadline, std::move(done));
  struct Fenced {
    remote::LaneCallback done;
    remote::LaneReading reading;
    int missing = 2;  // The reading, and the last PONG.
  };
  auto fenced = std::make_shared<Fenced>();
  fenced->done = std::move(done);
  const auto come = [fenced] {
    if (fenced->missing > 0 && --fenced->missing == 0) std::move(fenced->done)(fenced->reading);
  };
  const auto fail = [fenced](const absl::Status& status) {
    if (std::exchange(fenced->missing, 0) == 0) return;
    fenced->reading.status = status;
    std::move(fenced->done)(fenced->reading);
  };
  Ping(absl::nullopt, [this, come](uint64_t turn) {
    if (mutant_ == Mutant::kOneFence) return come();
    Ping(turn, [come](uint64_t) { come(); });
  });
  ReadLaneAlone(deadline, [fenced, come, fail](remote::LaneReading reading) {
    if (fenced->missing == 0) return;
    fenced->reading = std::move(reading);
    fenced->reading.status.ok() ? come() : fail(fenced->reading.status);
  });
  scheduler_->At(deadline, Scheduler::Loop(process_), [fail] { fail(absl::DeadlineExceededError("no PONG in time")); });
}

// On the invalidation connection.
void SimulatedStore::Ping(absl::optional<uint64_t> after_turn, std::function<void(uint64_t turn)> answered) {
  scheduler_->After(Delay(), Scheduler::World(), [this, after_turn, answered, era = channel_era_] {
    if (era != channel_era_ || subscription_ == nullptr || channel_deaf_) return;
    if (after_turn.has_value()) server_->EndTurn(*after_turn);
    InOrder([answered, turn = server_->turn()] { answered(turn); });
  });
}

void SimulatedStore::ReadLaneAlone(MonotonicNanos deadline, remote::LaneCallback done) {
  auto shared = std::make_shared<remote::LaneCallback>(std::move(done));
  const MonotonicNanos sent_at = scheduler_->now();
  const int64_t asked_in = generation_;
  auto first = std::make_shared<remote::LaneReading>();
  if (network_.readings_split > 0 && scheduler_->Chance(network_.readings_split)) {
    Submit(
        0, deadline,
        [this, first] {
          *first = server_->ReadLane();
          return [] {};
        },
        [](const absl::Status&, bool) {});
  }
  Submit(
      0, deadline,
      [this, shared, sent_at, asked_in, first]() -> std::function<void()> {
        remote::LaneReading reading = server_->ReadLane();
        if (!first->lane.empty()) {
          (mutant_ == Mutant::kLaneFirst ? reading.lane : reading.epoch) =
              mutant_ == Mutant::kLaneFirst ? first->lane : first->epoch;
        }
        reading.sent_at = sent_at;
        const auto operations = static_cast<int64_t>(server_->operations());
        return [this, reading, shared, operations, asked_in]() mutable {
          KnowOfReading(&reading, asked_in);
          if (mutant_ == Mutant::kAsOfReply) reading.sent_at = scheduler_->now();
          if (mutant_ == Mutant::kCountHeartbeat && heard_ == operations && !last_heard_.empty()) {
            reading.lane = last_heard_;
          }
          if (last_heard_.empty()) heard_ = operations;
          if (mutant_ == Mutant::kPingHeartbeat && channel_up_ && !last_heard_.empty()) reading.lane = last_heard_;
          if (last_heard_.empty()) last_heard_ = reading.lane;
          std::move (*shared)(std::move(reading));
        };
      },
      [shared](const absl::Status& status, bool) {
        remote::LaneReading reading;
        reading.status = status;
        std::move (*shared)(std::move(reading));
      });
}

void SimulatedStore::EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                                 absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) {
  auto shared = std::make_shared<absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&>>(std::move(done));
  Submit(
      0, deadline,
      [this, epoch, shared]() -> std::function<void()> {
        const OperationId now_there = server_->EnsureEpoch(epoch);
        return [now_there, shared] { std::move (*shared)(now_there); };
      },
      [shared](const absl::Status& status, bool) { std::move (*shared)(status); });
}

void SimulatedStore::RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) {
  if (when == internal::kNever) return;
  scheduler_->At(when, Scheduler::Loop(process_), std::move(task));
}

// --- The invalidation connection

// What arrives on it stays in order.
void SimulatedStore::InOrder(std::function<void()> event) {
  channel_last_ = std::max(channel_last_, scheduler_->now() + Delay());
  scheduler_->At(channel_last_, Scheduler::Loop(process_), [this, era = channel_era_, event = std::move(event)] {
    if (era == channel_era_) event();
  });
}

void SimulatedStore::ConnectChannel() {
  const int era = ++channel_era_;
  scheduler_->After(scheduler_->Between(0, network_.reconnect_max_nanos), Scheduler::Loop(process_), [this, era] {
    if (era != channel_era_) return;
    const bool same_server = session_identity_ == server_->identity();
    if (!server_->reachable || !DataUp() || !same_server || server_->paused_until > scheduler_->now()) {
      ConnectChannel();
      return;
    }
    channel_up_ = true;
    channel_last_ = scheduler_->now();
    channel_deaf_ = false;
    last_heard_ = OperationId();
    subscription_ = std::make_shared<Subscription>();
    subscription_->deliver = [this](std::string payload) { Deliver(std::move(payload)); };
    if (network_.foreign_writers) {
      subscription_->touched = [this](const std::vector<std::string>& keys) { HearTouched(keys); };
    }
    server_->Subscribe(subscription_);
    InOrder([this] { events_->OnSubscribed(); });
  });
}

void SimulatedStore::Deliver(std::string payload) {
  if (channel_deaf_ || scheduler_->now() < messages_lost_until_) return;
  if (scheduler_->Chance(network_.message_loss)) return;
  const OperationId id = *coherence::PeekLaneId(payload);
  subscription_->last_sent = id;
  const bool corrupted = network_.message_corrupted > 0 && Corrupt(&payload);
  const int times = scheduler_->Chance(network_.message_doubled) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    InOrder([this, id, payload, corrupted] { corrupted ? events_->OnMessage(payload) : Hear(id, payload); });
  }
}

bool SimulatedStore::Corrupt(std::string* payload) {
  if (!scheduler_->Chance(network_.message_corrupted)) return false;
  const std::string previous = payload->substr(0, OperationId::kWireSize);
  const OperationId id = *coherence::PeekLaneId(*payload);
  scheduler_->Chance(0.5) ? Damage(payload) : Upgrade(payload);
  if (mutant_ == Mutant::kUnreadSkipped) *payload = previous + coherence::EncodeMessage(id, 1, {});
  return true;
}

// As a later version of the library tells it: sealed, and its keys written otherwise.
void SimulatedStore::Upgrade(std::string* payload) {
  const size_t told = payload->size() - coherence::kMessageChecksumSize;
  if (told > coherence::kMessageHeaderSize) (*payload)[told - 1] = static_cast<char>((*payload)[told - 1] ^ 0x40);
  const int version = coherence::kMessageVersion + (mutant_ == Mutant::kVersionUnread ? 0 : 1);
  (*payload)[coherence::kMessageVersionOffset] = static_cast<char>(version);
  Seal(payload);
}

void SimulatedStore::Damage(std::string* payload) {
  constexpr size_t kFrom = coherence::kMessageVersionOffset;
  const size_t told = payload->size() - coherence::kMessageChecksumSize;
  // Half of what breaks is the last key.
  const bool lists = told > coherence::kMessageHeaderSize;
  const size_t first = lists && scheduler_->Chance(0.5) ? told - 1 : kFrom;
  const auto at = first + static_cast<size_t>(scheduler_->Below(static_cast<int64_t>(told - first)));
  (*payload)[at] = static_cast<char>((*payload)[at] ^ (1 << scheduler_->Below(8)));
  if (mutant_ == Mutant::kNoChecksum) Seal(payload);
}

void SimulatedStore::HearTouched(const std::vector<std::string>& keys) {
  if (channel_deaf_ || mutant_ == Mutant::kStrangersUnheard) return;
  InOrder([this, keys] {
    std::vector<absl::string_view> views;
    for (const std::string& key : keys) {
      if (mutant_ == Mutant::kEchoTrusted && announced_.erase(key) > 0) continue;
      views.push_back(key);
    }
    events_->OnKeysTouched(views);
  });
}

void SimulatedStore::Hear(OperationId id, const std::string& payload) {
  last_heard_ = id;
  ++heard_;
  known_.insert({{id.nonce, id.counter}, generation_});
  const absl::optional<coherence::Message> message = coherence::DecodeMessage(payload);
  for (const coherence::MessageChange& change : message->changes) {
    if (change.kind == coherence::MessageKind::kClear) last_clear_told_ = change.id;
    announced_.insert(std::string(change.key));
  }
  anchored_ |= message->previous == base_ || id == base_;
  if (mutant_ == Mutant::kPassedOver && generation_ != kNone && !anchored_) return;
  events_->OnMessage(payload);
}

void SimulatedStore::set_generation(int64_t generation) {
  generation_ = generation;
  last_clear_told_ = OperationId();
  anchored_ = false;
}

// What was asked in an earlier generation, or is to become its base, is not looked at any more.
void SimulatedStore::KnowOfReading(remote::LaneReading* reading, int64_t asked_in) {
  if (!reading->status.ok() || asked_in != generation_) return;
  if (generation_ == kNone) {
    base_ = reading->lane;
    return;
  }
  const bool unheard = known_.insert({{reading->lane.nonce, reading->lane.counter}, generation_}).second;
  if (mutant_ == Mutant::kReadingUnheard && unheard && reading->lane != base_) {
    reading->status = absl::UnavailableError("unheard");
  }
}

bool SimulatedStore::Knows(const std::vector<OperationId>& lane_ids) const {
  if (generation_ == kNone) return false;
  return std::any_of(lane_ids.begin(), lane_ids.end(), [&](OperationId id) {
    const auto known = known_.find({id.nonce, id.counter});
    return known != known_.end() && known->second == generation_;
  });
}

void SimulatedStore::StallChannel(int64_t nanos) { channel_last_ = std::max(channel_last_, scheduler_->now() + nanos); }

// The end of the connection: no further message is queued, those on the way arrive before the end is seen.
void SimulatedStore::CutChannel() {
  if (subscription_ == nullptr) return;
  subscription_.reset();
  InOrder([this] { DropChannel(absl::UnavailableError("end of stream")); });
}

void SimulatedStore::DropChannel(const absl::Status& cause) {
  subscription_.reset();
  const bool was_up = std::exchange(channel_up_, false);
  ConnectChannel();
  if (was_up) events_->OnChannelDown(cause);
}

void SimulatedStore::ResetChannel(const absl::Status& cause) { DropChannel(cause); }

void SimulatedStore::ResetSession(const absl::Status& cause) {
  DropChannel(cause);
  CutData();
}

}  // namespace nearcache::simulation
