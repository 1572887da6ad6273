#include "nearcache/testing/fake_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/remote/command_filter.h"
#include "nearcache/internal/remote/logical_presence.h"
#include "nearcache/internal/remote/server_error.h"
#include "nearcache/testing/fake_store_core.h"

namespace nearcache::internal::remote {
namespace {

FakeCallPointer MakeCall(unsigned kind, MonotonicNanos deadline) {
  auto call = std::make_shared<FakeCall>();
  call->kind = kind;
  call->deadline = deadline;
  return call;
}

}  // namespace

FakeStore::FakeStore(FakeServer* server, FakeStoreOptions options)
    : core_(std::make_shared<Core>(server, std::move(options))) {}

FakeStore::~FakeStore() { Shutdown(); }

absl::Status FakeStore::Start(ChannelEvents* events, const AnnouncementEncoder* encoder) {
  if (core_->encoder_ != nullptr) return absl::FailedPreconditionError("the store was started before");
  core_->encoder_ = encoder;
  core_->server_->loop().Run([this, events] { core_->Start(events); });
  return absl::OkStatus();
}

void FakeStore::Shutdown() {
  core_->server_->loop().Run([this] { core_->Shutdown(); });
}

// --- Calls

void FakeStore::Read(ReadRequest request, ReadCallback done) {
  FakeCallPointer call = MakeCall(kReadCalls, request.deadline);
  auto reply = std::make_shared<ReadReply>();
  call->run = [core = core_.get(), request = std::move(request), reply] {
    const FakeKeyspace& keyspace = core->server_->keyspace();
    const MonotonicNanos now = core->server_->loop().Now();
    if (request.want_epoch) reply->epoch = keyspace.FindId(core->names_.epoch_key, now);
    for (const std::string& key : request.keys) reply->values.push_back(keyspace.Fetch(key, now));
  };
  call->finish = [reply, done = std::move(done)](const FakeCall&, absl::Status status, bool) mutable {
    if (status.ok()) {
      std::move(done)(std::move(*reply));
    } else {
      std::move(done)(std::move(status));
    }
  };
  core_->Submit(std::move(call));
}

void FakeStore::ReadTimeToLive(std::string redis_key, MonotonicNanos deadline, ReadCallback done) {
  FakeCallPointer call = MakeCall(kReadCalls, deadline);
  auto reply = std::make_shared<ReadReply>();
  call->run = [core = core_.get(), redis_key = std::move(redis_key), reply] {
    const FakeKeyspace& keyspace = core->server_->keyspace();
    const MonotonicNanos now = core->server_->loop().Now();
    reply->epoch = keyspace.FindId(core->names_.epoch_key, now);
    Fetched fetched = keyspace.Fetch(redis_key, now);
    if (fetched.state == Fetched::State::kFound && !IsLogicallyPresent(fetched.bytes.view(), reply->epoch)) {
      fetched = Fetched();
    }
    fetched.bytes = Value::Copy(fetched.bytes.view().substr(0, kFrameHeaderSize));
    reply->values.push_back(std::move(fetched));
  };
  call->finish = [reply, done = std::move(done)](const FakeCall&, absl::Status status, bool) mutable {
    if (status.ok()) {
      std::move(done)(std::move(*reply));
    } else {
      std::move(done)(std::move(status));
    }
  };
  core_->Submit(std::move(call));
}

void FakeStore::Change(ChangeRequest request, ChangeCallback done) {
  auto result = std::make_shared<ChangeResult>();
  result->status =
      core_->encoder_ == nullptr ? absl::FailedPreconditionError("the store was not started") : ValidateChange(request);
  if (!result->status.ok()) {
    std::move(done)(std::move(*result));
    return;
  }
  const Announced announced = {request.kind, request.id, request.key};
  std::string message = (*core_->encoder_)(request.id, absl::MakeConstSpan(&announced, 1));
  FakeCallPointer call = MakeCall(kChangeCalls, request.deadline);
  const ChangeKind kind = request.kind;
  const OperationId lane_id = request.id;
  call->run = [core = core_.get(), request = std::move(request), message = std::move(message), result] {
    FakeServer& server = *core->server_;
    const FakeKeyspace::ScriptOutcome outcome =
        server.keyspace().RunChange(core->names_, request, request.id, message, server.refusals(), server.loop().Now());
    *result = ParseScriptReply(request.kind, request.redis_key, outcome.reply);
    if (outcome.published.has_value()) server.PublishNow(core->names_.channel, *outcome.published);
  };
  call->finish = [core = core_.get(), kind, lane_id, result, done = std::move(done)](
                     const FakeCall&, absl::Status status, bool unknown) mutable {
    if (!status.ok()) {
      *result = ChangeResult();
      result->status = std::move(status);
      result->unknown = unknown;
    }
    if (WasAnnounced(kind, *result)) core->events_->OnAcknowledged(lane_id);
    std::move(done)(std::move(*result));
  };
  core_->Submit(std::move(call));
}

void FakeStore::ReadLane(MonotonicNanos deadline, LaneCallback done) {
  FakeCallPointer call = MakeCall(kLaneCalls, deadline);
  auto reading = std::make_shared<LaneReading>();
  call->run = [core = core_.get(), reading] {
    FakeKeyspace& keyspace = core->server_->keyspace();
    const MonotonicNanos now = core->server_->loop().Now();
    const std::string& refusal = core->server_->refusals().writes;
    const FakeKeyspace::Entry* const lane = keyspace.Find(core->names_.lane_key, now);
    if (!refusal.empty()) {
      reading->status = ServerErrorToStatus(refusal, core->names_.missing_key);
      reading->leave_server = MeansLeaveServer(refusal);
    } else if (lane != nullptr && lane->other_type) {
      reading->status = ServerErrorToStatus("WRONGTYPE not a string", core->names_.lane_key);
      keyspace.Erase(core->names_.lane_key);
    } else {
      reading->lane = keyspace.FindId(core->names_.lane_key, now);
      reading->epoch = keyspace.FindId(core->names_.epoch_key, now);
    }
  };
  call->finish = [reading, done = std::move(done)](const FakeCall& sent, absl::Status status, bool) mutable {
    if (!status.ok()) *reading = LaneReading();
    if (!status.ok()) reading->status = std::move(status);
    reading->sent_at = sent.sent_at;
    std::move(done)(std::move(*reading));
  };
  core_->Submit(std::move(call));
}

void FakeStore::EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                            absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) {
  FakeCallPointer call = MakeCall(kOtherCalls, deadline);
  auto reply = std::make_shared<Reply>();
  call->run = [core = core_.get(), epoch, reply] {
    FakeServer& server = *core->server_;
    *reply = server.keyspace().RunEnsureEpoch(core->names_, epoch, server.refusals(), server.loop().Now());
  };
  call->finish = [reply, done = std::move(done)](const FakeCall&, absl::Status status, bool) mutable {
    if (status.ok() && reply->is_error()) status = ServerErrorToStatus(reply->text());
    if (status.ok()) {
      std::move(done)(OperationId::FromBytes(reply->text()).value_or(OperationId()));
    } else {
      std::move(done)(std::move(status));
    }
  };
  core_->Submit(std::move(call));
}

void FakeStore::Execute(std::vector<std::string> argv, MonotonicNanos deadline,
                        absl::AnyInvocable<void(absl::StatusOr<Reply>) &&> done) {
  const absl::Status allowed = CheckUserCommand(argv);
  if (!allowed.ok()) {
    std::move(done)(allowed);
    return;
  }
  FakeCallPointer call = MakeCall(kOtherCalls, deadline);
  auto reply = std::make_shared<Reply>();
  call->run = [core = core_.get(), argv = std::move(argv), reply] {
    *reply = core->server_->keyspace().RunCommand(argv, core->server_->loop().Now());
  };
  call->finish = [reply, done = std::move(done)](const FakeCall&, absl::Status status, bool) mutable {
    if (status.ok()) {
      std::move(done)(std::move(*reply));
    } else {
      std::move(done)(std::move(status));
    }
  };
  core_->Submit(std::move(call));
}

void FakeStore::ResetChannel(const absl::Status& cause) {
  core_->server_->loop().Run([&] { core_->CutChannel(cause); });
}

void FakeStore::ResetSession(const absl::Status& cause) {
  core_->server_->loop().Run([&] { core_->OnServerGone(cause); });
}

void FakeStore::RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) { core_->RunAt(when, std::move(task)); }

bool FakeStore::IsDown() const { return core_->IsDown(); }

StoreStats FakeStore::GetStats() const { return core_->GetStats(); }

absl::Status FakeStore::LinkStatus() const {
  const StoreStats stats = core_->GetStats();
  if (stats.connected && stats.subscribed) return absl::OkStatus();
  const char* const what = stats.connected ? "no invalidation channel" : "no connection";
  return absl::UnavailableError(absl::StrCat(what, " to the fake server: ", core_->cause()));
}

// --- Gates and faults

void FakeStore::HoldRequests(unsigned kinds) {
  core_->server_->loop().Run([&] { core_->requests_.closed = kinds; });
}

void FakeStore::HoldReplies(unsigned kinds) {
  core_->server_->loop().Run([&] { core_->replies_.closed = kinds; });
}

void FakeStore::HoldMessages() {
  core_->server_->loop().Run([&] { core_->messages_closed_ = true; });
}

void FakeStore::ReleaseRequests(size_t count) {
  core_->server_->loop().Run([&] { core_->ReleaseRequests(count); });
}

void FakeStore::ReleaseReplies(size_t count) {
  core_->server_->loop().Run([&] { core_->ReleaseReplies(count); });
}

void FakeStore::ReleaseMessages(size_t count) {
  core_->server_->loop().Run([&] { core_->ReleaseMessages(count); });
}

void FakeStore::ResumeRequests() {
  core_->server_->loop().Run([&] {
    core_->requests_.closed = 0;
    core_->ReleaseRequests(kAll);
  });
}

void FakeStore::ResumeReplies() {
  core_->server_->loop().Run([&] {
    core_->replies_.closed = 0;
    core_->ReleaseReplies(kAll);
  });
}

void FakeStore::ResumeMessages() {
  core_->server_->loop().Run([&] {
    core_->messages_closed_ = false;
    core_->ReleaseMessages(kAll);
  });
}

size_t FakeStore::held_requests() const {
  size_t count = 0;
  core_->server_->loop().Run([&] { count = core_->requests_.held.size(); });
  return count;
}

size_t FakeStore::held_replies() const {
  size_t count = 0;
  core_->server_->loop().Run([&] { count = core_->replies_.held.size(); });
  return count;
}

size_t FakeStore::held_messages() const {
  size_t count = 0;
  core_->server_->loop().Run([&] { count = core_->held_messages_.size(); });
  return count;
}

void FakeStore::SetDelays(absl::Duration request, absl::Duration reply, absl::Duration message) {
  core_->server_->loop().Run([&] {
    core_->request_lane_.delay = request;
    core_->reply_lane_.delay = reply;
    core_->message_lane_.delay = message;
  });
}

void FakeStore::DropMessages(size_t count) {
  core_->server_->loop().Run([&] { core_->messages_to_drop_ = count; });
}

void FakeStore::DropReplies(size_t count) {
  core_->server_->loop().Run([&] { core_->replies_to_drop_ = count; });
}

void FakeStore::FailNext(unsigned kinds, absl::Status status, bool unknown, bool executed) {
  core_->server_->loop().Run([&] { core_->failures_.push_back({kinds, status, unknown, executed}); });
}

void FakeStore::CutData() {
  core_->server_->loop().Run([&] { core_->CutData(absl::UnavailableError("the data connection was cut")); });
}

void FakeStore::CutChannel() {
  core_->server_->loop().Run([&] { core_->CutChannel(absl::UnavailableError("the channel was cut")); });
}

void FakeStore::ReportKeys(std::vector<std::string> keys) {
  core_->server_->loop().Run([&] {
    const std::vector<absl::string_view> views(keys.begin(), keys.end());
    if (core_->reported_up()) core_->events_->OnKeysTouched(views);
  });
}

void FakeStore::ReportFlush() {
  core_->server_->loop().Run([&] {
    if (core_->reported_up()) core_->events_->OnServerFlushed();
  });
}

void FakeStore::HoldConnects(bool held) {
  core_->server_->loop().Run([&] {
    core_->connects_held_ = held;
    if (!held) core_->TryConnect();
  });
}

}  // namespace nearcache::internal::remote
