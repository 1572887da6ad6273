#include "nearcache/internal/coherence/coordinator.h"

#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/coherence/announcement_log.h"
#include "nearcache/internal/coherence/channel_machine.h"
#include "nearcache/internal/coherence/message.h"
#include "nearcache/internal/coherence/waiting_syncs.h"

namespace nearcache::internal::coherence {
namespace {

using Done = absl::AnyInvocable<void(absl::Status) &&>;

// Syncs that wait at the same time; calls of the cache have their own, usual limit.
constexpr size_t kSyncsMax = 65536;

// Less than this is the noise of reading two clocks one after the other.
constexpr int64_t kSuspendedNanosMin = 10'000'000;

ChannelMachineOptions MachineOptions(const CoordinatorOptions& options) {
  ChannelMachineOptions machine;
  machine.staleness_bound_nanos = absl::ToInt64Nanoseconds(options.staleness_bound);
  machine.clock_lag_nanos = options.clock->CoarseLagNanos();
  machine.key_version = static_cast<uint32_t>(options.key_version);
  machine.foreign_writers = options.foreign_writers;
  return machine;
}

}  // namespace

class Coordinator::Impl {
 public:
  Impl(const CoordinatorOptions& options, remote::Store* store, local::LocalTier* tier)
      : bound_nanos_(absl::ToInt64Nanoseconds(options.staleness_bound)),
        drop_on_close_(options.drop_on_close),
        key_version_(static_cast<uint32_t>(options.key_version)),
        ids_(options.ids),
        clock_(options.clock),
        on_generation_(options.on_generation),
        on_history_lost_(options.on_history_lost),
        store_(store),
        tier_(tier),
        lane_(&tier->lane(0)),
        report_(absl::ToInt64Nanoseconds(options.staleness_bound), options.clock),
        machine_(MachineOptions(options), &epochs_),
        suspended_nanos_(options.clock->SuspendedNanos()),
        encoder_([this](OperationId lane_id, absl::Span<const remote::Announced> changes) {
          announcements_.Note(lane_id, clock_->Now());
          return EncodeMessage(lane_id, key_version_, changes);
        }) {}

  // --- Any thread

  absl::optional<OperationId> Epoch(MonotonicNanos now) const {
    // The lease first: the epoch that is read after it is that of the lease or a newer one.
    const bool leased = lane_->FillGeneration() != local::kNoGeneration && now <= lane_->deadline();
    if (!leased) return absl::nullopt;
    return epochs_.Vouched();
  }

  MonotonicNanos leased_since() const { return lane_->deadline() + clock_->CoarseLagNanos() - bound_nanos_; }

  OperationId LastEpoch() const { return epochs_.Last(); }

  void AdoptEpoch(OperationId epoch) {
    if (!epochs_.Hear(epoch)) return;
    // The epoch changed before this: a read that began before it is void, one that begins now sees
    // the new epoch.
    tier_->Clear();
    store_->RunAt(clock_->Now(), [this] {
      Handle([this](MonotonicNanos now, Actions* actions) { machine_.OnEpochDoubt(now, actions); });
    });
  }

  void Sync(MonotonicNanos deadline, Done done) {
    uint64_t id = 0;
    const absl::Status refused = syncs_.Add(&done, &id);
    if (!refused.ok()) {
      std::move(done)(refused);
      return;
    }
    store_->RunAt(clock_->Now(), [this, id, deadline] {
      Handle(
          [this, id, deadline](MonotonicNanos now, Actions* actions) { machine_.OnSync(now, id, deadline, actions); });
    });
  }

  void Stop() { syncs_.Stop(); }

  const remote::AnnouncementEncoder& encoder() const { return encoder_; }
  const CoherenceReport& report() const { return report_; }

  // --- The loop's thread

  void OnSubscribed() {
    report_.SetCause("the base of the invalidation channel is not known yet");
    Handle([this](MonotonicNanos now, Actions* actions) { machine_.OnSubscribed(now, actions); });
  }

  void OnChannelDown(const absl::Status& cause) {
    report_.SetCause(absl::StrCat("the invalidation channel is down: ", cause.message()));
    Handle([this](MonotonicNanos now, Actions* actions) { machine_.OnChannelDown(now, actions); });
  }

  void OnAcknowledged(OperationId lane_id) {
    const absl::optional<MonotonicNanos> made_at = announcements_.Find(lane_id);
    if (made_at.has_value()) machine_.OnAcknowledged(lane_id, *made_at);
  }

  void OnMessage(absl::string_view payload) {
    report_.CountMessage();
    if (!handling_) {
      Hear(payload);
      return;
    }
    Handle([this, copy = std::string(payload)](MonotonicNanos now, Actions* actions) {
      const absl::optional<Message> message = DecodeMessage(copy);
      if (message.has_value()) {
        machine_.OnMessage(now, *message, actions);
      } else {
        report_.CountRejectedMessage();
      }
      Perform(*actions);
      actions->clear();
    });
  }

  void OnKeysTouched(absl::Span<const absl::string_view> keys) {
    report_.CountTouches(keys.size() > ChannelMachine::kTouchesMax);
    // Never from inside an action: it comes from the socket.
    HandleNow([this, keys](MonotonicNanos now, Actions* actions) { machine_.OnKeysTouched(now, keys, actions); });
  }

  void OnServerChanged() {
    if (on_history_lost_ != nullptr) on_history_lost_(epochs_.Last());
  }

  void OnServerFlushed() {
    Handle([this](MonotonicNanos now, Actions* actions) { machine_.OnFlushed(now, actions); });
  }

 private:
  using Event = absl::AnyInvocable<void(MonotonicNanos now, Actions* actions)>;

  void Handle(Event event);
  void HandleNow(absl::FunctionRef<void(MonotonicNanos now, Actions* actions)> event);
  void Hear(absl::string_view payload);
  void Perform(const Actions& actions);

  // One per action; see channel_action.h for what each asks for.
  void Do(const ReadLane& action);
  void Do(const EnsureEpoch& action);
  void Do(const OpenGeneration& action);
  void Do(const RenewLease& action);
  void Do(const CloseGeneration& action);
  void Do(const ApplyInvalidations& action);
  void Do(const ApplyTouches& action);
  void Do(const ForgetKeys& action) {
    for (const std::string& key : action.keys) tier_->Invalidate(HashKey(key, tier_->hash_seed()), OperationId());
  }
  void Do(const ApplyClear&) { tier_->Clear(); }
  void Do(const DropLocal&) { tier_->Clear(); }
  void Do(const AnnounceLoss& action);
  void Do(const ResetChannel& action) { store_->ResetChannel(CauseStatus(action.cause)); }
  void Do(const ResetSession& action) { store_->ResetSession(CauseStatus(action.cause)); }
  void Do(const SetTimer& action);
  void Do(const CompleteSync& action);

  void OnReading(uint64_t ticket, remote::LaneReading reading);
  void OnTick();
  void CheckSuspended();

  static absl::Status CauseStatus(CloseCause cause) { return absl::UnavailableError(CloseCauseName(cause)); }

  const int64_t bound_nanos_;
  const bool drop_on_close_;
  const uint32_t key_version_;
  OperationIdSource* const ids_;
  const Clock* const clock_;
  const std::function<void(const GenerationChange&)> on_generation_;
  const std::function<void(OperationId epoch)> on_history_lost_;
  remote::Store* const store_;
  local::LocalTier* const tier_;
  local::LaneLease* const lane_;
  EpochRegister epochs_;
  AnnouncementLog announcements_;
  CoherenceReport report_;

  // The loop's thread only.
  ChannelMachine machine_;
  int64_t suspended_nanos_;
  bool handling_ = false;
  std::deque<Event> events_;  // That came from inside an action.

  const remote::AnnouncementEncoder encoder_;

  WaitingSyncs syncs_{kSyncsMax};
};

// --- Events

// An action may cause the next event from inside itself (a call that is refused, a reset that reports). That one waits
// until all actions of this one are done.
void Coordinator::Impl::Handle(Event event) {
  events_.push_back(std::move(event));
  if (handling_) return;
  handling_ = true;
  while (!events_.empty()) {
    Event next = std::move(events_.front());
    events_.pop_front();
    Actions actions;
    next(clock_->Now(), &actions);
    Perform(actions);
  }
  handling_ = false;
}

// For what need not wait: nothing is allocated or copied. REQUIRES: !handling_
void Coordinator::Impl::HandleNow(absl::FunctionRef<void(MonotonicNanos now, Actions* actions)> event) {
  handling_ = true;
  Actions actions;
  event(clock_->Now(), &actions);
  Perform(actions);
  handling_ = false;
  if (!events_.empty()) Handle([](MonotonicNanos, Actions*) {});
}

// The usual way of a message.
void Coordinator::Impl::Hear(absl::string_view payload) {
  const absl::optional<Message> message = DecodeMessage(payload);
  if (!message.has_value()) {
    // It does not advance the chain, so if the lane moved with it the next message shows a gap, or no heartbeat can be
    // proven any more (catalogue 62).
    report_.CountRejectedMessage();
    return;
  }
  const absl::optional<MonotonicNanos> announced_at = announcements_.Find(message->lane_id);
  if (announced_at.has_value()) report_.RecordLag(clock_->Now() - *announced_at);
  HandleNow([this, &message](MonotonicNanos now, Actions* actions) { machine_.OnMessage(now, *message, actions); });
}

void Coordinator::Impl::Perform(const Actions& actions) {
  // First: a Sync that an action completes may be followed by a look at the report.
  report_.SetAsOf(machine_.as_of());
  for (const Action& action : actions) {
    std::visit([this](const auto& a) { Do(a); }, action);
  }
}

void Coordinator::Impl::OnTick() {
  CheckSuspended();
  Handle([this](MonotonicNanos now, Actions* actions) { machine_.OnTick(now, actions); });
}

void Coordinator::Impl::OnReading(uint64_t ticket, remote::LaneReading reading) {
  CheckSuspended();
  if (reading.status.ok()) {
    report_.NoteAnswer(clock_->Now() - reading.sent_at);
  } else {
    report_.NoteFailure(reading.status);
  }
  Handle([this, ticket, reading = std::move(reading)](MonotonicNanos now, Actions* actions) {
    machine_.OnLaneRead(now, ticket, reading, actions);
  });
}

// Catalogue 58: while the machine slept the monotonic clock stood still, and the lease with it.
void Coordinator::Impl::CheckSuspended() {
  const int64_t suspended = clock_->SuspendedNanos();
  if (suspended < suspended_nanos_ + kSuspendedNanosMin) return;
  suspended_nanos_ = suspended;
  Handle([this](MonotonicNanos now, Actions* actions) { machine_.OnSuspended(now, actions); });
}

// --- Actions

void Coordinator::Impl::Do(const ReadLane& action) {
  report_.CountHeartbeat();
  store_->ReadLane(action.deadline, [this, ticket = action.ticket](remote::LaneReading reading) {
    OnReading(ticket, std::move(reading));
  });
}

void Coordinator::Impl::Do(const EnsureEpoch& action) {
  store_->EnsureEpoch(ids_->Next(), action.deadline, [this, ticket = action.ticket](absl::StatusOr<OperationId> epoch) {
    if (!epoch.ok()) report_.NoteFailure(epoch.status());
    Handle([this, ticket, status = epoch.status()](MonotonicNanos now, Actions* actions) {
      machine_.OnEpochEnsured(now, ticket, status, actions);
    });
  });
}

void Coordinator::Impl::Do(const OpenGeneration& action) {
  lane_->Open(action.deadline);
  report_.NoteOpen();
  if (on_generation_ != nullptr) on_generation_({/*opened=*/true, {}, 0, report_.HeartbeatAge()});
}

void Coordinator::Impl::Do(const RenewLease& action) { lane_->Renew(action.deadline); }

void Coordinator::Impl::Do(const CloseGeneration& action) {
  lane_->Close();
  const uint64_t suspect = tier_->GetStats().entries;
  report_.NoteClose(action.cause, suspect);
  if (drop_on_close_) tier_->Clear();
  if (action.cause == CloseCause::kLaneRegressed) OnServerChanged();
  if (on_generation_ != nullptr) on_generation_({/*opened=*/false, action.cause, suspect, report_.HeartbeatAge()});
}

void Coordinator::Impl::Do(const ApplyInvalidations& action) {
  for (const MessageChange& change : action.changes) {
    if (change.kind == MessageKind::kClear) continue;
    tier_->Invalidate(HashKey(change.key, tier_->hash_seed()), change.id);
  }
}

void Coordinator::Impl::Do(const ApplyTouches& action) {
  uint64_t echoes = 0;
  for (const Touch& touch : action.touches) {
    const HashedKey key = HashKey(touch.key, tier_->hash_seed());
    const bool echo = !touch.echo_of.empty();
    echo ? tier_->Doubt(key, touch.echo_of) : tier_->Invalidate(key, OperationId());
    echoes += echo ? 1 : 0;
  }
  report_.CountTouchedKeys(action.touches.size() - echoes, echoes);
}

void Coordinator::Impl::Do(const AnnounceLoss& action) {
  remote::ChangeRequest request;
  request.kind = remote::ChangeKind::kForgetAll;
  request.id = ids_->Next();
  request.deadline = action.deadline;
  store_->Change(std::move(request), [this, number = action.number](const remote::ChangeResult& result) {
    machine_.OnLossAnnounced(number, result.status.ok());
  });
}

void Coordinator::Impl::Do(const SetTimer& action) {
  store_->RunAt(action.at, [this] { OnTick(); });
}

void Coordinator::Impl::Do(const CompleteSync& action) {
  if (action.ok) return syncs_.Complete(action.ids, absl::OkStatus());
  const std::string why = report_.Obstacle();
  syncs_.Complete(action.ids, absl::DeadlineExceededError(absl::StrCat(
                                  "Sync: not proven in time that everything was heard", why.empty() ? "" : ": ", why)));
}

// --- The class itself

Coordinator::Coordinator(const CoordinatorOptions& options, remote::Store* store, local::LocalTier* tier)
    : impl_(std::make_unique<Impl>(options, store, tier)) {}

Coordinator::~Coordinator() = default;

void Coordinator::Stop() { impl_->Stop(); }
absl::optional<OperationId> Coordinator::Epoch(MonotonicNanos now) const { return impl_->Epoch(now); }
MonotonicNanos Coordinator::leased_since() const { return impl_->leased_since(); }
OperationId Coordinator::LastEpoch() const { return impl_->LastEpoch(); }
void Coordinator::AdoptEpoch(OperationId epoch) { impl_->AdoptEpoch(epoch); }
void Coordinator::Sync(MonotonicNanos deadline, Done done) { impl_->Sync(deadline, std::move(done)); }
const remote::AnnouncementEncoder& Coordinator::encoder() const { return impl_->encoder(); }
bool Coordinator::open() const { return impl_->report().open(); }
CoherenceStats Coordinator::GetStats() const { return impl_->report().GetStats(); }
absl::Status Coordinator::Status() const { return impl_->report().Status(); }
void Coordinator::OnSubscribed() { impl_->OnSubscribed(); }
void Coordinator::OnMessage(absl::string_view payload) { impl_->OnMessage(payload); }
void Coordinator::OnKeysTouched(absl::Span<const absl::string_view> keys) { impl_->OnKeysTouched(keys); }
void Coordinator::OnServerChanged() { impl_->OnServerChanged(); }
void Coordinator::OnServerFlushed() { impl_->OnServerFlushed(); }
void Coordinator::OnChannelDown(const absl::Status& cause) { impl_->OnChannelDown(cause); }
void Coordinator::OnAcknowledged(OperationId lane_id) { impl_->OnAcknowledged(lane_id); }

}  // namespace nearcache::internal::coherence
