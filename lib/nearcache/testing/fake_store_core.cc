#include "nearcache/testing/fake_store_core.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {

// --- Calls

void FakeStore::Core::Submit(FakeCallPointer call) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) {
      refused = absl::CancelledError("the store was shut down");
    } else if (stats_.queued_operations >= options_.operations_max) {
      ++stats_.rejected;
      refused = absl::ResourceExhaustedError(
          absl::StrCat("operations_max: ", options_.operations_max, " operations are queued already"));
    } else {
      ++stats_.commands;
      ++stats_.queued_operations;
      inbox_.push_back(call);
    }
  }
  if (!refused.ok()) {
    call->finished = true;
    std::move(call->finish)(*call, refused, /*unknown=*/false);
    return;
  }
  server_->loop().Post([self = shared_from_this()] { self->DrainInbox(); });
}

std::vector<FakeCallPointer> FakeStore::Core::TakeInbox() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(inbox_, {});
}

void FakeStore::Core::DrainInbox() {
  for (const FakeCallPointer& call : TakeInbox()) Accept(call);
}

void FakeStore::Core::Accept(const FakeCallPointer& call) {
  open_.push_back(call);
  if (call->deadline != kNever) {
    server_->loop().Post(call->deadline, [self = shared_from_this(), call] { self->Expire(call); });
  }
  if (data_connection_ != 0) {
    Send(call);
  } else {
    waiting_.push_back(call);
  }
}

void FakeStore::Core::Send(const FakeCallPointer& call) {
  call->connection = data_connection_;
  call->sent_at = server_->loop().Now();
  Count(&StoreStats::batches);
  if ((requests_.closed & call->kind) != 0) {
    requests_.held.push_back(call);
  } else {
    TravelToServer(call);
  }
}

void FakeStore::Core::TravelToServer(const FakeCallPointer& call) {
  // A request that was held over a cut is on its own: nobody waits for it, and it executes all the same.
  const bool zombie = call->connection != data_connection_;
  server_->loop().Post(NextDue(request_lane_), [self = shared_from_this(), call, zombie] {
    if (zombie || call->connection == self->data_connection_) self->Arrive(call);
  });
}

void FakeStore::Core::Arrive(const FakeCallPointer& call) {
  if (FailByScript(call)) return;
  if (call->run) std::move(call->run)();
  call->run = nullptr;
  if (call->connection != data_connection_) return;
  if (replies_to_drop_ > 0) {
    --replies_to_drop_;
  } else if ((replies_.closed & call->kind) != 0) {
    replies_.held.push_back(call);
  } else {
    TravelBack(call);
  }
}

bool FakeStore::Core::FailByScript(const FakeCallPointer& call) {
  const auto found = std::find_if(failures_.begin(), failures_.end(),
                                  [&call](const Failure& failure) { return (failure.kinds & call->kind) != 0; });
  if (found == failures_.end()) return false;
  const Failure failure = *found;
  failures_.erase(found);
  if (failure.executed && call->run) std::move(call->run)();
  Finish(call, failure.status, failure.unknown);
  return true;
}

void FakeStore::Core::TravelBack(const FakeCallPointer& call) {
  server_->loop().Post(NextDue(reply_lane_), [self = shared_from_this(), call] { self->Deliver(call); });
}

void FakeStore::Core::Deliver(const FakeCallPointer& call) {
  if (dead_ || call->connection != data_connection_) return;
  if (call->finished) {
    Count(&StoreStats::late_replies);
    return;
  }
  Finish(call, absl::OkStatus(), /*unknown=*/false);
}

void FakeStore::Core::Expire(const FakeCallPointer& call) {
  if (call->finished) return;
  Count(&StoreStats::timeouts);
  if (call->connection == 0) {
    Finish(call, absl::UnavailableError("no connection to the fake server came within the deadline"), false);
  } else {
    Finish(call, absl::DeadlineExceededError("no reply of the fake server within the deadline"), true);
  }
}

void FakeStore::Core::Finish(const FakeCallPointer& call, const absl::Status& status, bool unknown) {
  if (call->finished) return;
  call->finished = true;
  open_.erase(std::remove(open_.begin(), open_.end(), call), open_.end());
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), call), waiting_.end());
  {
    absl::MutexLock lock(&mutex_);
    --stats_.queued_operations;
    if (!status.ok()) ++stats_.failures;
  }
  std::move(call->finish)(*call, status, unknown);
}

// --- Connections

void FakeStore::Core::Start(ChannelEvents* events) {
  if (dead_) return;
  events_ = events;
  started_ = true;
  server_->Attach(this);
  ReconnectLater();
}

void FakeStore::Core::ReconnectLater() {
  const MonotonicNanos due = AddDuration(server_->loop().Now(), options_.reconnect_delay);
  server_->loop().Post(due, [self = shared_from_this()] { self->TryConnect(); });
}

void FakeStore::Core::TryConnect() {
  if (!started_ || dead_ || connects_held_ || !server_->reachable()) return;
  if (data_connection_ == 0) {
    data_connection_ = ++connections_made_;
    Count(&StoreStats::connects);
    if (identity_ != 0 && identity_ != server_->identity()) {
      Count(&StoreStats::session_changes);
      events_->OnServerChanged();
      CutChannel(absl::UnavailableError("another server answers than before"));
    }
    identity_ = server_->identity();
    for (const FakeCallPointer& call : std::exchange(waiting_, {})) Send(call);
  }
  if (channel_connection_ == 0) {
    channel_connection_ = ++connections_made_;
    Count(&StoreStats::connects);
    server_->loop().Post(NextDue(message_lane_), [self = shared_from_this(), connection = channel_connection_] {
      if (self->dead_ || self->channel_connection_ != connection) return;
      self->reported_up_ = true;
      self->events_->OnSubscribed();
    });
  }
  SetGauges();
}

void FakeStore::Core::CutData(const absl::Status& cause) {
  if (data_connection_ == 0) return;
  SetCause(cause);
  data_connection_ = 0;
  Count(&StoreStats::disconnects);
  SetGauges();
  replies_.held.clear();
  for (const FakeCallPointer& call : std::vector<FakeCallPointer>(open_)) {
    if (call->connection == 0) continue;
    server_->loop().Post([self = shared_from_this(), call, cause] { self->Finish(call, cause, /*unknown=*/true); });
  }
  ReconnectLater();
}

void FakeStore::Core::CutChannel(const absl::Status& cause) {
  if (channel_connection_ == 0) return;
  SetCause(cause);
  channel_connection_ = 0;
  Count(&StoreStats::disconnects);
  SetGauges();
  held_messages_.clear();
  server_->loop().Post([self = shared_from_this(), cause] {
    if (!self->dead_ && std::exchange(self->reported_up_, false)) self->events_->OnChannelDown(cause);
  });
  ReconnectLater();
}

void FakeStore::Core::OnServerGone(const absl::Status& cause) {
  CutData(cause);
  CutChannel(cause);
}

void FakeStore::Core::Shutdown() {
  if (!dead_ && started_) server_->Detach(this);
  dead_ = true;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  for (const FakeCallPointer& call : TakeInbox()) open_.push_back(call);
  for (const FakeCallPointer& call : std::vector<FakeCallPointer>(open_)) {
    Finish(call, absl::CancelledError("the store was shut down"),
           /*unknown=*/call->connection != 0);
  }
  data_connection_ = 0;
  channel_connection_ = 0;
  SetGauges();
}

// --- Messages

void FakeStore::Core::OnPublished(absl::string_view channel, absl::string_view payload) {
  if (channel_connection_ == 0 || channel != names_.channel) return;
  if (messages_to_drop_ > 0) {
    --messages_to_drop_;
  } else if (messages_closed_) {
    held_messages_.emplace_back(payload);
  } else {
    SendMessage(std::string(payload));
  }
}

void FakeStore::Core::SendMessage(std::string payload) {
  server_->loop().Post(NextDue(message_lane_),
                       [self = shared_from_this(), payload = std::move(payload), connection = channel_connection_] {
                         if (!self->dead_ && self->channel_connection_ == connection) self->events_->OnMessage(payload);
                       });
}

void FakeStore::Core::RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) {
  server_->loop().Post(when, [self = shared_from_this(), task = std::move(task)]() mutable {
    if (!self->dead_) std::move(task)();
  });
}

// --- Gates and gauges

MonotonicNanos FakeStore::Core::NextDue(Lane& lane) const {
  lane.last_due = std::max(lane.last_due, AddDuration(server_->loop().Now(), lane.delay));
  return lane.last_due;
}

void FakeStore::Core::ReleaseRequests(size_t count) {
  for (; count > 0 && !requests_.held.empty(); --count) {
    const FakeCallPointer call = requests_.held.front();
    requests_.held.pop_front();
    TravelToServer(call);
  }
}

void FakeStore::Core::ReleaseReplies(size_t count) {
  for (; count > 0 && !replies_.held.empty(); --count) {
    TravelBack(replies_.held.front());
    replies_.held.pop_front();
  }
}

void FakeStore::Core::ReleaseMessages(size_t count) {
  for (; count > 0 && !held_messages_.empty(); --count) {
    SendMessage(std::move(held_messages_.front()));
    held_messages_.pop_front();
  }
}

void FakeStore::Core::Count(uint64_t StoreStats::* counter) {
  absl::MutexLock lock(&mutex_);
  ++(stats_.*counter);
}

void FakeStore::Core::SetGauges() {
  absl::MutexLock lock(&mutex_);
  stats_.connected = data_connection_ != 0;
  stats_.subscribed = channel_connection_ != 0;
}

void FakeStore::Core::SetCause(const absl::Status& cause) {
  absl::MutexLock lock(&mutex_);
  cause_ = std::string(cause.message());
}

std::string FakeStore::Core::cause() const {
  absl::MutexLock lock(&mutex_);
  return cause_;
}

bool FakeStore::Core::IsDown() const {
  absl::MutexLock lock(&mutex_);
  return !stats_.connected && stats_.disconnects > 0;
}

StoreStats FakeStore::Core::GetStats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace nearcache::internal::remote
