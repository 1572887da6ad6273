#include "tests/nearcache/internal/remote/store_contract.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "nearcache/internal/base/clock.h"

namespace nearcache::internal::remote {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

bool CarriesFrame(ChangeKind kind) {
  return kind == ChangeKind::kSet || kind == ChangeKind::kAdd || kind == ChangeKind::kReplace ||
         kind == ChangeKind::kIncrement;
}

// Runs an asynchronous call to its end.
template <typename Result, typename Call>
Result Await(Call call) {
  struct Shared {
    absl::Notification done;
    absl::optional<Result> result;
  };
  const auto shared = std::make_shared<Shared>();
  call([shared](Result result) {
    shared->result = std::move(result);
    shared->done.Notify();
  });
  shared->done.WaitForNotification();
  return *std::move(shared->result);
}

}  // namespace

std::string MakeFrame(OperationId epoch, OperationId id, absl::string_view payload, FrameCodec codec,
                      FrameState state) {
  std::string frame(kFrameHeaderSize, '\0');
  frame.replace(kFrameMagicOffset, 2, absl::string_view(kFrameMagic, 2).data(), 2);
  frame[kFrameVersionOffset] = static_cast<char>(kFrameVersion);
  frame[kFrameStateOffset] = static_cast<char>(state);
  frame[kFrameCodecOffset] = static_cast<char>(codec);
  frame.replace(kFrameEpochOffset, kFrameEpochSize, epoch.ToBytes());
  frame.replace(kFrameOperationIdOffset, kFrameOperationIdSize, id.ToBytes());
  absl::StrAppend(&frame, payload);
  return frame;
}

std::string PayloadOf(absl::string_view frame) {
  return std::string(frame.size() < kFrameHeaderSize ? frame : frame.substr(kFrameHeaderSize));
}

OperationId IdOf(absl::string_view frame) {
  if (frame.size() < kFrameHeaderSize) return OperationId();
  return *OperationId::FromBytes(frame.substr(kFrameOperationIdOffset, kFrameOperationIdSize));
}

std::string Announcement(OperationId lane_id, absl::Span<const Announced> changes) {
  std::string message = lane_id.ToBytes();
  for (const Announced& change : changes) {
    absl::StrAppend(&message, static_cast<int>(change.kind), ",", change.id.ToBytes(), ",", change.key, ";");
  }
  return message;
}

std::string Announcement(const ChangeRequest& request) {
  const Announced announced = {request.kind, request.id, request.key};
  return Announcement(request.id, absl::MakeConstSpan(&announced, 1));
}

bool Eventually(absl::FunctionRef<bool()> condition) {
  const absl::Time end = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// --- Process

Process::Process(StoreHarness* harness, uint64_t nonce)
    : encoder_([](OperationId id, absl::Span<const Announced> changes) { return Announcement(id, changes); }),
      ids_(nonce),
      store_(harness->NewStore()) {
  EXPECT_EQ(store_->Start(this, &encoder_), absl::OkStatus());
  EXPECT_TRUE(WaitForSubscriptions(1)) << store_->LinkStatus();
}

Process::~Process() { store_->Shutdown(); }

MonotonicNanos Process::Deadline() const { return AddDuration(Clock::Real()->Now(), timeout_); }

ChangeRequest Process::Request(ChangeKind kind, absl::string_view key, OperationId epoch, absl::string_view payload) {
  ChangeRequest request;
  request.kind = kind;
  if (HasKey(kind)) {
    request.redis_key = absl::StrCat("ns:1:", key);
    request.key = std::string(key);
  }
  request.id = ids_.Next();
  if (CarriesFrame(kind)) request.value = MakeFrame(epoch, request.id, payload);
  if (kind == ChangeKind::kTouch) request.time_to_live = absl::Seconds(1000);
  return request;
}

ChangeRequest Process::Increment(absl::string_view key, OperationId epoch, int64_t delta) {
  ChangeRequest request = Request(ChangeKind::kIncrement, key, epoch);
  // These digits count for nothing.
  request.value = MakeFrame(epoch, request.id, "77 77", FrameCodec::kInteger);
  request.delta = delta;
  return request;
}

ChangeResult Process::Change(ChangeRequest request) {
  if (request.deadline == kNever) request.deadline = Deadline();
  return Await<ChangeResult>([&](ChangeCallback done) { store_->Change(std::move(request), std::move(done)); });
}

std::vector<ChangeResult> Process::ChangeTogether(std::vector<ChangeRequest> requests) {
  absl::Notification held, go_on;
  store_->RunAt(0, [&] {
    held.Notify();
    go_on.WaitForNotification();
  });
  held.WaitForNotification();
  std::vector<ChangeResult> results(requests.size());
  absl::BlockingCounter left(static_cast<int>(requests.size()));
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].deadline == kNever) requests[i].deadline = Deadline();
    store_->Change(std::move(requests[i]), [&results, &left, i](ChangeResult result) {
      results[i] = std::move(result);
      left.DecrementCount();
    });
  }
  go_on.Notify();
  left.Wait();
  return results;
}

absl::StatusOr<ReadReply> Process::Read(std::vector<std::string> keys, bool want_epoch) {
  ReadRequest request;
  for (const std::string& key : keys) request.keys.push_back(absl::StrCat("ns:1:", key));
  request.want_epoch = want_epoch;
  request.deadline = Deadline();
  return Await<absl::StatusOr<ReadReply>>(
      [&](ReadCallback done) { store_->Read(std::move(request), std::move(done)); });
}

absl::StatusOr<ReadReply> Process::ReadTimeToLive(const std::string& key) {
  return Await<absl::StatusOr<ReadReply>>(
      [&](ReadCallback done) { store_->ReadTimeToLive(absl::StrCat("ns:1:", key), Deadline(), std::move(done)); });
}

LaneReading Process::ReadLane() {
  return Await<LaneReading>([&](LaneCallback done) { store_->ReadLane(Deadline(), std::move(done)); });
}

absl::StatusOr<OperationId> Process::EnsureEpoch(OperationId epoch) {
  return Await<absl::StatusOr<OperationId>>([&](absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) {
    store_->EnsureEpoch(epoch, Deadline(), std::move(done));
  });
}

absl::StatusOr<Reply> Process::Execute(std::vector<std::string> arguments) {
  return Await<absl::StatusOr<Reply>>([&](absl::AnyInvocable<void(absl::StatusOr<Reply>) &&> done) {
    store_->Execute(std::move(arguments), Deadline(), std::move(done));
  });
}

void Process::OnSubscribed() {
  absl::MutexLock lock(&mutex_);
  ++subscriptions_;
}

void Process::OnMessage(absl::string_view payload) {
  absl::MutexLock lock(&mutex_);
  messages_.emplace_back(payload);
}

void Process::OnAcknowledged(OperationId lane_id) {
  absl::MutexLock lock(&mutex_);
  acknowledged_.push_back(lane_id);
}

std::vector<OperationId> Process::Acknowledged() const {
  absl::MutexLock lock(&mutex_);
  return acknowledged_;
}

void Process::OnChannelDown(const absl::Status& cause) {
  EXPECT_FALSE(cause.ok());
  absl::MutexLock lock(&mutex_);
  ++downs_;
}

std::vector<std::string> Process::Messages() const {
  absl::MutexLock lock(&mutex_);
  return messages_;
}

std::vector<std::string> Process::WaitForMessages(size_t count) const {
  Eventually([&] { return Messages().size() >= count; });
  return Messages();
}

bool Process::WaitForSubscriptions(int count) const {
  return Eventually([&] { return subscriptions() >= count; });
}

bool Process::WaitForDowns(int count) const {
  return Eventually([&] { return downs() >= count; });
}

int Process::subscriptions() const {
  absl::MutexLock lock(&mutex_);
  return subscriptions_;
}

int Process::downs() const {
  absl::MutexLock lock(&mutex_);
  return downs_;
}

// --- The fixture

void StoreContract::SetUp() {
  harness_ = GetParam().make();
  if (harness_ == nullptr) GTEST_SKIP() << GetParam().name << " is not installed";
  process_ = std::make_unique<Process>(harness_.get(), 1);
  const absl::StatusOr<OperationId> epoch = process_->EnsureEpoch({99, 1});
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  epoch_ = *epoch;
  // Tests begin without a lane, so that an empty one shows that nothing was announced.
  ASSERT_TRUE(process_->Execute({"DEL", "ns:lane"}).ok());
}

OperationId StoreContract::StoreValue(const std::string& key, absl::string_view payload) {
  ChangeRequest request = process().Request(ChangeKind::kSet, key, epoch_, payload);
  const OperationId id = request.id;
  const ChangeResult result = process().Change(std::move(request));
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_TRUE(result.applied);
  return id;
}

void StoreContract::ExpectChain(const std::vector<std::string>& messages, OperationId before_first) {
  OperationId previous = before_first;
  for (const std::string& message : messages) {
    ASSERT_GE(message.size(), 32u);
    EXPECT_EQ(message.substr(0, 16), previous.ToBytes());
    previous = *OperationId::FromBytes(absl::string_view(message).substr(16, 16));
  }
}

}  // namespace nearcache::internal::remote
