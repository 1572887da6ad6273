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

// So many operations that were alone in a row, and the next one may be sent by its caller. With a few callers at work
// each is alone now and then, and going back and forth costs more than it saves.
constexpr int kLoneRunMin = 16;
// For so long the writer's role is lent; afterwards the loop wants to see another lone operation first.
constexpr absl::Duration kLentMax = absl::Milliseconds(20);
// What a caller may send itself: about what a socket takes at once.
constexpr size_t kForeignWriteBytesMax = 16 << 10;

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

namespace {

BreakerOptions BreakerOptionsOf(const EngineOptions& options) {
  BreakerOptions breaker = options.breaker;
  breaker.random_seed = options.random_seed != 0 ? options.random_seed : OperationIdSource::RandomNonce();
  return breaker;
}

}  // namespace

Engine::Impl::Impl(EngineOptions options, EngineEvents* events, std::unique_ptr<EventLoop> loop)
    : options_(std::move(options)),
      events_(events),
      loop_(std::move(loop)),
      pool_(this),
      retry_budget_(options_.retry_share, options_.retries_max),
      latencies_{metrics::Histogram(1), metrics::Histogram(1), metrics::Histogram(1), metrics::Histogram(1),
                 metrics::Histogram(1)},
      mailbox_(std::make_shared<Mailbox>()),
      wheel_(options_.clock->Now(), options_.timer_tick),
      now_(options_.clock->Now()),
      breaker_(BreakerOptionsOf(options_)),
      slow_call_nanos_(absl::ToInt64Nanoseconds(breaker_.slow_call())),
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
  link.machine.attempts_per_second_max = options_.reconnects_per_second_max;
  link.machine.resp_version = options_.resp_version;
  link.machine.random_seed = seed;
  link.limits.bytes_max = options_.reply_bytes_max;
  link.limits.elements_max = options_.reply_elements_max;
  link.limits.depth_max = options_.reply_depth_max;
  if (role == LinkRole::kChannel) {
    link.channels = options_.channels;
    link.tracking_prefix = options_.tracking_prefix;
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

void Engine::Impl::Submit(OperationNode* node) {
  absl::Status admission = AdmissionStatus(node->operation);
  if (!admission.ok()) {
    if (admission.code() == absl::StatusCode::kResourceExhausted) counters_.rejected.Add();
    OperationResult refused;
    refused.status = std::move(admission);
    auto done = std::move(node->operation.done);
    pool_.Return(node);
    return std::move(done)(std::move(refused));
  }
  counters_.operations.Add();
  node->foreign = !OnLoopThread();
  if (node->foreign) {
    if (!WriteInPlaceOfLoop(node)) Enqueue(node);
    return;
  }
  if (closing_) return node->OnRefused();
  node->OnTaken();
}

bool Engine::Impl::WriteInPlaceOfLoop(OperationNode* node) {
  const Operation& operation = node->operation;
  if (operation.bytes.size() > kForeignWriteBytesMax || !writer_.Claim()) return false;
  node->sent_at = options_.clock->Now();
  // What this thread submitted or posted before goes first; and the loop will not wake for an early deadline.
  const MonotonicNanos loop_awake_at = AddDuration(node->sent_at, kLentMax + 2 * options_.timer_tick);
  if (!submissions_.empty() || operation.deadline < loop_awake_at) {
    node->sent_at = 0;
    writer_.Decline();
    return false;
  }
  node->taken_at = node->sent_at;
  counters_.direct_writes.Add();
  // From here on the loop may complete it.
  if (!writer_.Write(node) && loop_->Wake()) counters_.wakeups.Add();
  return true;
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
  stats.retries_refused = counters_.retries_refused.value();
  stats.retry_budget = retry_budget_.level();
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
  stats.direct_writes = counters_.direct_writes.value();
  stats.queued_operations = queued_operations_.load(std::memory_order_relaxed);
  stats.queued_bytes = queued_bytes_.load(std::memory_order_relaxed);
  stats.crowded_since = crowded_since_.load(std::memory_order_relaxed);
  stats.pooled_operations = pool_.nodes();
  stats.breaker_opened = gate_.opened();
  stats.breaker_refused = gate_.refused();
  stats.breaker_state = gate_.state();
  stats.breaker_closed_until = gate_.closed_until();
  return stats;
}

// --- The loop

void Engine::Impl::RunLoop() {
  loop_engine = this;
  WakeBatch wakes;
  wakes_ = &wakes;
  now_ = options_.clock->Now();
  data_->Start();
  if (channel_ != nullptr) channel_->Start();
  while (!stop_.load(std::memory_order_relaxed)) Turn();
  CloseOnLoop();
  loop_engine = nullptr;
}

absl::Duration Engine::Impl::TimeToWait() const {
  const absl::Duration longest = writer_.lent() ? kLentMax : kIdleWait;
  const MonotonicNanos next = wheel_.NextExpiry();
  if (next == kNever) return longest;
  return std::min(absl::Nanoseconds(next - options_.clock->Now()), longest);
}

void Engine::Impl::LendWriter() {
  if (lone_run_ < kLoneRunMin || !pending_.empty() || writer_.lent()) return;
  Connection* const connection = data_->ready_connection();
  if (connection == nullptr || !connection->idle() || !connection->transport().AllowsForeignWrites()) return;
  lent_connection_ = connection;
  writer_.Lend(&connection->transport());
}

void Engine::Impl::TakeWriterBack() {
  if (!writer_.lent()) return;
  const WriterRole::Written written = writer_.TakeBack();
  if (written.node == nullptr) return;
  lent_at_ = now_;
  wheel_.Arm(written.node, written.node->operation.deadline);
  // Not the link's ready connection: it may be about to be dropped.
  lent_connection_->AdoptSent(written.node, written.bytes);
}

// A loan that nobody took up ends, so that an idle loop sleeps on.
void Engine::Impl::WatchLoan() {
  if (!writer_.lent()) return;
  const MonotonicNanos lent_at = lent_at_;
  TakeWriterBack();
  if (lent_at_ == lent_at && now_ >= AddDuration(lent_at, kLentMax)) lone_run_ = std::min(lone_run_, kLoneRunMin - 1);
}

void Engine::Impl::Turn() {
  LendWriter();
  loop_->Wait(TimeToWait(), [this] {
    return !submissions_.empty() || stop_.load(std::memory_order_seq_cst) || data_->wants_turn() ||
           (channel_ != nullptr && channel_->wants_turn());
  });
  now_ = options_.clock->Now();
  WatchLoan();
  loop_->Dispatch();
  data_->ContinueReading();
  if (channel_ != nullptr) channel_->ContinueReading();
  wheel_.Advance(now_);
  TakeSubmissions();
  WatchQueue();
  data_->Flush();
  if (channel_ != nullptr) channel_->Flush();
  graveyard_.clear();
  WakeCallers();
}

// From nine tenths of a limit on, callers will soon be refused.
void Engine::Impl::WatchQueue() {
  const auto crowded = [](size_t used, size_t limit) { return used > 0 && used >= limit - limit / 10; };
  const bool is = crowded(queued_operations_.load(std::memory_order_relaxed), options_.operations_max) ||
                  crowded(queued_bytes_.load(std::memory_order_relaxed), options_.bytes_max);
  const bool was = crowded_since_.load(std::memory_order_relaxed) != 0;
  if (is != was) crowded_since_.store(is ? now_ : 0, std::memory_order_relaxed);
}

void Engine::Impl::TakeSubmissions() {
  if (submissions_.empty()) return;
  TakeWriterBack();              // What is taken here must leave before what its caller submits next.
  now_ = options_.clock->Now();  // Nothing may seem to have been sent before it was submitted.
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
  wheel_.Cancel(&breaker_timer_);
  graveyard_.clear();
}

}  // namespace nearcache::internal::remote
