#include "nearcache/internal/remote/link_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

using Event = LinkEvent::Kind;
using Action = LinkAction::Kind;

constexpr absl::Duration kBackoffBase = absl::Milliseconds(20);
// 20 ms doubled this often is more than any sensible maximum.
constexpr int kDoublingsMax = 20;

}  // namespace

LinkEvent LinkEvent::Resolved(int address_count) {
  LinkEvent event = Of(Event::kResolved);
  event.address_count = address_count;
  return event;
}
LinkEvent LinkEvent::Failed(absl::Status status, bool permanent) {
  LinkEvent event = Of(Event::kFailed);
  event.status = std::move(status);
  event.permanent = permanent;
  return event;
}
LinkEvent LinkEvent::Timer(MonotonicNanos oldest_sent_at, MonotonicNanos received_at) {
  LinkEvent event = Of(Event::kTimer);
  event.oldest_sent_at = oldest_sent_at;
  event.received_at = received_at;
  return event;
}
LinkEvent LinkEvent::Reset(absl::Status cause) {
  LinkEvent event = Of(Event::kReset);
  event.status = std::move(cause);
  return event;
}
LinkEvent LinkEvent::Close(absl::Status cause) {
  LinkEvent event = Of(Event::kClose);
  event.status = std::move(cause);
  return event;
}

std::ostream& operator<<(std::ostream& out, const LinkAction& action) {
  switch (action.kind) {
    case Action::kResolve:
      return out << "resolve";
    case Action::kConnect:
      return out << "connect to address " << action.number;
    case Action::kHandshake:
      return out << "handshake in RESP" << action.number;
    case Action::kDisconnect:
      return out << "disconnect: " << action.status;
    case Action::kArmTimer:
      return action.when == kNever ? out << "no timer" : out << "timer at " << action.when;
    case Action::kPing:
      return out << "ping";
    case Action::kReportReady:
      return out << "report ready";
    case Action::kReportDown:
      return out << "report down: " << action.status;
    case Action::kReportConnectFailed:
      return out << "report failed attempt: " << action.status;
  }
  return out << "?";
}

LinkMachine::LinkMachine(const LinkMachineOptions& options) : options_(options), random_(options.random_seed) {}

LinkAction& LinkMachine::Emit(Action kind) {
  actions_.push_back(LinkAction{kind, 0, 0, absl::OkStatus()});
  return actions_.back();
}

LinkActions LinkMachine::Handle(const LinkEvent& event, MonotonicNanos now) {
  actions_.clear();
  if (state_ == LinkState::kClosed) return {};
  switch (event.kind) {
    case Event::kStart:
      if (state_ == LinkState::kIdle) BeginAttempt(now);
      break;
    case Event::kResolved:
      if (state_ == LinkState::kResolving) OnResolved(event.address_count, now);
      break;
    case Event::kConnected:
      if (state_ == LinkState::kConnecting) SendHandshake(options_.resp_version);
      break;
    case Event::kNoHello:
      if (state_ == LinkState::kHandshaking && resp_version_ == 3) SendHandshake(2);
      break;
    case Event::kHandshakeDone:
      if (state_ == LinkState::kHandshaking) OnReady(now);
      break;
    case Event::kFailed:
      OnFailed(event.status, event.permanent, now);
      break;
    case Event::kTimer:
      OnTimer(event, now);
      break;
    case Event::kReset:
      OnReset(event.status, now);
      break;
    case Event::kClose:
      OnClose(event.status);
      break;
  }
  return std::move(actions_);
}

void LinkMachine::BeginAttempt(MonotonicNanos now) {
  if (attempts_.size() < static_cast<size_t>(options_.attempts_per_second_max)) {
    attempts_.push_back(now);
  } else {
    MonotonicNanos& oldest = attempts_[next_attempt_];
    const MonotonicNanos earliest = AddDuration(oldest, absl::Seconds(1));
    if (now < earliest) {
      state_ = LinkState::kBackingOff;
      Emit(Action::kArmTimer).when = earliest;
      return;
    }
    oldest = now;
    next_attempt_ = (next_attempt_ + 1) % attempts_.size();
  }
  state_ = LinkState::kResolving;
  attempt_ends_ = AddDuration(now, options_.connect_timeout);
  Emit(Action::kArmTimer).when = attempt_ends_;
  Emit(Action::kResolve);
}

void LinkMachine::OnResolved(int address_count, MonotonicNanos now) {
  address_count_ = address_count;
  address_index_ = 0;
  state_ = LinkState::kConnecting;
  Connect(now);
}

// Each address gets its share of the time that is left, so that a silent first one cannot use it all up.
void LinkMachine::Connect(MonotonicNanos now) {
  const int addresses_left = address_count_ - address_index_;
  const MonotonicNanos left = std::max<MonotonicNanos>(attempt_ends_ - now, 0);
  Emit(Action::kArmTimer).when = now + left / std::max(addresses_left, 1);
  Emit(Action::kConnect).number = address_index_;
}

void LinkMachine::SendHandshake(int resp_version) {
  state_ = LinkState::kHandshaking;
  resp_version_ = resp_version;
  Emit(Action::kArmTimer).when = attempt_ends_;
  Emit(Action::kHandshake).number = resp_version;
}

void LinkMachine::OnReady(MonotonicNanos now) {
  state_ = LinkState::kReady;
  ready_since_ = now;
  Emit(Action::kArmTimer).when = AddDuration(now, options_.health_timeout);
  Emit(Action::kReportReady);
}

void LinkMachine::OnTimer(const LinkEvent& event, MonotonicNanos now) {
  switch (state_) {
    case LinkState::kReady:
      return CheckHealth(event, now);
    case LinkState::kBackingOff:
      return BeginAttempt(now);
    case LinkState::kResolving:
    case LinkState::kConnecting:
    case LinkState::kHandshaking:
      return OnTimeout(now);
    case LinkState::kIdle:
    case LinkState::kClosed:
      return;
  }
}

void LinkMachine::CheckHealth(const LinkEvent& event, MonotonicNanos now) {
  const bool owed = event.oldest_sent_at != kNever;
  MonotonicNanos due = AddDuration(owed ? event.oldest_sent_at : event.received_at, options_.health_timeout);
  if (owed && due <= now) {
    return OnLost(
        absl::UnavailableError(absl::StrCat(options_.address, ": no reply to the oldest command for ",
                                            absl::FormatDuration(options_.health_timeout), " (health_timeout)")),
        now);
  }
  if (due <= now) {
    Emit(Action::kPing);
    due = AddDuration(now, options_.health_timeout);
  }
  Emit(Action::kArmTimer).when = due;
}

void LinkMachine::OnTimeout(MonotonicNanos now) {
  const char* const where = state_ == LinkState::kResolving ? "the name was not resolved"
                            : state_ == LinkState::kConnecting
                                ? "no connection"
                                : "connected, but the server did not answer the handshake";
  OnFailed(
      absl::DeadlineExceededError(absl::StrCat(options_.address, ": ", where, " within ",
                                               absl::FormatDuration(options_.connect_timeout), " (connect_timeout)")),
      false, now);
}

bool LinkMachine::HasSocket() const {
  return state_ == LinkState::kConnecting || state_ == LinkState::kHandshaking || state_ == LinkState::kReady;
}

void LinkMachine::OnFailed(const absl::Status& status, bool permanent, MonotonicNanos now) {
  if (state_ == LinkState::kReady) return OnLost(status, now);
  if (state_ != LinkState::kResolving && !HasSocket()) return;
  if (HasSocket()) Emit(Action::kDisconnect).status = status;
  if (state_ == LinkState::kConnecting && address_index_ + 1 < address_count_) {
    ++address_index_;
    return Connect(now);
  }
  cause_ = status;
  Emit(Action::kReportConnectFailed).status = status;
  BackOff(permanent, now);
}

void LinkMachine::OnLost(const absl::Status& status, MonotonicNanos now) {
  cause_ = status;
  Emit(Action::kDisconnect).status = status;
  Emit(Action::kReportDown).status = status;
  if (now < AddDuration(ready_since_, options_.health_timeout)) return BackOff(false, now);
  failures_ = 0;
  BeginAttempt(now);
}

void LinkMachine::OnReset(const absl::Status& status, MonotonicNanos now) {
  if (state_ == LinkState::kIdle) return;
  if (state_ == LinkState::kReady) return OnLost(status, now);
  if (HasSocket()) Emit(Action::kDisconnect).status = status;
  cause_ = status;
  BeginAttempt(now);
}

void LinkMachine::OnClose(const absl::Status& status) {
  const bool was_ready = state_ == LinkState::kReady;
  if (HasSocket()) Emit(Action::kDisconnect).status = status;
  if (was_ready) Emit(Action::kReportDown).status = status;
  Emit(Action::kArmTimer).when = kNever;
  state_ = LinkState::kClosed;
  cause_ = status;
}

void LinkMachine::BackOff(bool permanent, MonotonicNanos now) {
  state_ = LinkState::kBackingOff;
  const absl::Duration ceiling =
      std::min(options_.backoff_max, kBackoffBase * (int64_t{1} << std::min(failures_, kDoublingsMax)));
  ++failures_;
  const double fraction = std::uniform_real_distribution<double>(0, 1)(random_);
  const absl::Duration delay = permanent ? options_.backoff_max * (0.5 + fraction / 2) : ceiling * fraction;
  Emit(Action::kArmTimer).when = AddDuration(now, delay);
}

}  // namespace nearcache::internal::remote
