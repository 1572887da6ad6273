#include "nearcache/internal/remote/engine_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::remote {
namespace {

// The engine whose loop runs on this thread.
thread_local const void* loop_engine = nullptr;

// Submissions are taken this often per turn at most, for tasks that post tasks.
constexpr int kTakesPerTurn = 4;
constexpr absl::Duration kIdleWait = absl::Minutes(1);

}  // namespace

// --- Tasks

class Engine::Impl::TaskNode final : public Submission, public Timer {
 public:
  TaskNode(Impl* engine, MonotonicNanos when, Task task) : engine_(engine), when_(when), task_(std::move(task)) {}

  void OnTaken() override {
    if (when_ <= engine_->now_) return Run();
    engine_->armed_tasks_.insert(this);
    engine_->wheel_.Arm(this, when_);
  }
  void OnRefused() override { delete this; }
  void OnTimer() override {
    engine_->armed_tasks_.erase(this);
    Run();
  }

 private:
  void Run() {
    const std::unique_ptr<TaskNode> self(this);
    std::move(task_)();
  }

  Impl* const engine_;
  const MonotonicNanos when_;
  Task task_;
};

// --- Making and ending

Engine::Impl::Impl(EngineOptions options, EngineEvents* events, std::unique_ptr<EventLoop> loop)
    : options_(std::move(options)),
      events_(events),
      loop_(std::move(loop)),
      mailbox_(std::make_shared<Mailbox>()),
      wheel_(options_.clock->Now(), options_.timer_tick),
      now_(options_.clock->Now()),
      read_buffer_(Connection::kReadBytes) {
  const uint64_t seed = options_.random_seed != 0 ? options_.random_seed : OperationIdSource::RandomNonce();
  data_ = std::make_unique<Link>(MakeLinkOptions(LinkRole::kData, seed), this);
  if (!options_.channels.empty()) {
    channel_ = std::make_unique<Link>(MakeLinkOptions(LinkRole::kChannel, seed + 1), this);
  }
  absl::MutexLock lock(&mailbox_->mutex);
  mailbox_->engine = this;
}

Engine::Impl::~Impl() { Shutdown(); }

LinkOptions Engine::Impl::MakeLinkOptions(LinkRole role, uint64_t seed) const {
  LinkOptions link;
  link.role = role;
  link.address = options_.address;
  link.user_timeout = options_.health_timeout;
  link.handshake.address = options_.address.ToString();
  link.handshake.user = options_.user;
  link.handshake.password = options_.password;
  link.handshake.client_name = options_.client_name;
  link.handshake.database = options_.database;
  link.handshake.require_primary = options_.require_primary;
  link.machine.address = options_.address.ToString();
  link.machine.connect_timeout = options_.connect_timeout;
  link.machine.health_timeout = options_.health_timeout;
  link.machine.backoff_max = options_.reconnect_backoff_max;
  link.machine.resp_version = options_.resp_version;
  link.machine.random_seed = seed;
  link.limits.bytes_max = options_.reply_bytes_max;
  link.limits.elements_max = options_.reply_elements_max;
  link.limits.depth_max = options_.reply_depth_max;
  if (role == LinkRole::kChannel) {
    link.channels = options_.channels;
    if (!options_.client_name.empty()) link.handshake.client_name += "-channel";
  }
  return link;
}

absl::Status Engine::Impl::Start() {
  absl::MutexLock lock(&lifecycle_mutex_);
  if (lifecycle_ != Lifecycle::kNew) {
    return absl::FailedPreconditionError("the engine was started or shut down before");
  }
  const absl::Status started = thread_.Start([this] { RunLoop(); });
  if (started.ok()) lifecycle_ = Lifecycle::kRunning;
  return started;
}

void Engine::Impl::Shutdown() {
  stop_.store(true);
  loop_->Wake();
  if (OnLoopThread()) return;  // It cannot wait for itself; the owner's Shutdown, or the destructor, will.
  {
    absl::MutexLock lock(&mailbox_->mutex);
    mailbox_->engine = nullptr;
  }
  absl::MutexLock lock(&lifecycle_mutex_);
  if (lifecycle_ == Lifecycle::kRunning) thread_.Join();
  if (lifecycle_ == Lifecycle::kNew) CloseOnLoop();
  lifecycle_ = Lifecycle::kStopped;
}

// --- From any thread

bool Engine::Impl::OnLoopThread() const { return loop_engine == this; }

absl::Status Engine::Impl::AdmissionStatus(const Operation& operation) {
  if (operation.bytes.empty() || operation.reply_count <= 0) {
    return absl::InvalidArgumentError("operation: it has no bytes, or no replies to wait for");
  }
  const size_t bytes = operation.bytes.size();
  if (queued_operations_.fetch_add(1) >= options_.operations_max) {
    queued_operations_.fetch_sub(1);
    return absl::ResourceExhaustedError(
        absl::StrCat("operations_max, ", options_.operations_max,
                     ", operations are queued or in flight; try again when some have ended"));
  }
  const size_t before = queued_bytes_.fetch_add(bytes);
  if (before > options_.bytes_max || bytes > options_.bytes_max - before) {
    ReleaseBudget(bytes);
    return absl::ResourceExhaustedError(absl::StrCat("an operation of ", bytes, " bytes does not fit: ", before,
                                                     " bytes are queued or in flight, the limit bytes_max is ",
                                                     options_.bytes_max));
  }
  return absl::OkStatus();
}

void Engine::Impl::ReleaseBudget(size_t bytes) {
  queued_operations_.fetch_sub(1);
  queued_bytes_.fetch_sub(bytes);
}

void Engine::Impl::Submit(Operation operation) {
  absl::Status admission = AdmissionStatus(operation);
  if (!admission.ok()) {
    if (admission.code() == absl::StatusCode::kResourceExhausted) counters_.rejected.Add();
    OperationResult refused;
    refused.status = std::move(admission);
    return std::move(operation.done)(std::move(refused));
  }
  counters_.operations.Add();
  auto* const node = new OperationNode(this, std::move(operation));
  if (!OnLoopThread()) return Enqueue(node);
  if (closing_) return node->OnRefused();
  node->OnTaken();
}

void Engine::Impl::Enqueue(Submission* submission) {
  if (!submissions_.Push(submission)) return submission->OnRefused();
  if (loop_->Wake()) counters_.wakeups.Add();
}

bool Engine::Impl::RunAt(MonotonicNanos when, Task task) {
  auto* const node = new TaskNode(this, when, std::move(task));
  if (submissions_.Push(node)) {
    if (loop_->Wake()) counters_.wakeups.Add();
    return true;
  }
  node->OnRefused();
  return false;
}

void Engine::Impl::Reset(LinkRole role, const absl::Status& cause) {
  Link* const link = this->link(role);
  if (link == nullptr) return;
  const absl::Status named = cause.ok() ? absl::UnavailableError("reset") : cause;
  if (OnLoopThread()) return link->Reset(named);
  RunAt(0, [link, named] { link->Reset(named); });
}

LinkStatus Engine::Impl::GetLinkStatus(LinkRole role) const {
  absl::MutexLock lock(&status_mutex_);
  return status_[static_cast<int>(role)];
}

EngineStats Engine::Impl::GetStats() const {
  EngineStats stats;
  stats.operations = counters_.operations.value();
  stats.completed = counters_.completed.value();
  stats.failed = counters_.failed.value();
  stats.timeouts = counters_.timeouts.value();
  stats.rejected = counters_.rejected.value();
  stats.resends = counters_.resends.value();
  stats.late_replies = counters_.late_replies.value();
  stats.protocol_errors = counters_.protocol_errors.value();
  stats.health_failures = counters_.health_failures.value();
  stats.connects = counters_.connects.value();
  stats.connect_failures = counters_.connect_failures.value();
  stats.disconnects = counters_.disconnects.value();
  stats.pushes_ignored = counters_.pushes_ignored.value();
  stats.bytes_sent = counters_.bytes_sent.value();
  stats.bytes_received = counters_.bytes_received.value();
  stats.writes = counters_.writes.value();
  stats.reads = counters_.reads.value();
  stats.wakeups = counters_.wakeups.value();
  stats.queued_operations = queued_operations_.load(std::memory_order_relaxed);
  stats.queued_bytes = queued_bytes_.load(std::memory_order_relaxed);
  return stats;
}

// --- The loop

void Engine::Impl::RunLoop() {
  loop_engine = this;
  now_ = options_.clock->Now();
  data_->Start();
  if (channel_ != nullptr) channel_->Start();
  while (!stop_.load(std::memory_order_relaxed)) Turn();
  CloseOnLoop();
  loop_engine = nullptr;
}

absl::Duration Engine::Impl::TimeToWait() const {
  const MonotonicNanos next = wheel_.NextExpiry();
  if (next == kNever) return kIdleWait;
  return std::min(absl::Nanoseconds(next - options_.clock->Now()), kIdleWait);
}

void Engine::Impl::Turn() {
  loop_->Wait(TimeToWait(), [this] {
    return !submissions_.empty() || stop_.load(std::memory_order_seq_cst) || data_->wants_turn() ||
           (channel_ != nullptr && channel_->wants_turn());
  });
  now_ = options_.clock->Now();
  loop_->Dispatch();
  data_->ContinueReading();
  if (channel_ != nullptr) channel_->ContinueReading();
  wheel_.Advance(now_);
  TakeSubmissions();
  data_->Flush();
  if (channel_ != nullptr) channel_->Flush();
  graveyard_.clear();
}

void Engine::Impl::TakeSubmissions() {
  for (int i = 0; i < kTakesPerTurn && !submissions_.empty(); ++i) {
    MpscLink* link = submissions_.TakeAll();
    while (link != nullptr) {
      auto* const submission = static_cast<Submission*>(link);
      link = link->mpsc_next;
      submission->OnTaken();
    }
  }
}

// Also on the thread that shuts an engine down that never ran.
void Engine::Impl::CloseOnLoop() {
  closing_ = true;
  const absl::Status cancelled = absl::CancelledError("the engine was shut down");
  data_->Close(cancelled);
  if (channel_ != nullptr) channel_->Close(cancelled);
  for (MpscLink* link = submissions_.Close(); link != nullptr;) {
    auto* const submission = static_cast<Submission*>(link);
    link = link->mpsc_next;
    submission->OnRefused();
  }
  while (OperationNode* const node = pending_.PopFront()) {
    Complete(node, cancelled, node->maybe_executed);
  }
  for (TaskNode* const task : std::exchange(armed_tasks_, {})) {
    wheel_.Cancel(task);
    task->OnRefused();
  }
  graveyard_.clear();
}

}  // namespace nearcache::internal::remote
