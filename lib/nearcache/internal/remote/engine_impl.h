// The inside of the engine: what the loop's thread owns, and what other threads may touch of it.
//
// One turn of the loop: wait, read and complete, fire timers, take submissions, send. Inside the reading of one link
// submissions are taken and sent too, so that the server never runs dry while replies are being worked off.
//
// When operations have come one at a time for a while, the loop lends the role of the data connection's writer to
// whoever submits next (writer_role.h), before it wakes the caller whose reply came last: he may well be the next.
// Whatever wants the data connection takes the role back first. A caller that writes does not wake the loop, so the
// loop sleeps for kLentMax at most while it is lent, and operations with an earlier deadline go the usual way.

#ifndef NEARCACHE_INTERNAL_REMOTE_ENGINE_IMPL_H_
#define NEARCACHE_INTERNAL_REMOTE_ENGINE_IMPL_H_

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/wake_batch.h"
#include "nearcache/internal/metrics/histogram.h"
#include "nearcache/internal/remote/breaker.h"
#include "nearcache/internal/remote/breaker_gate.h"
#include "nearcache/internal/remote/connection.h"
#include "nearcache/internal/remote/engine.h"
#include "nearcache/internal/remote/engine_counters.h"
#include "nearcache/internal/remote/event_loop.h"
#include "nearcache/internal/remote/link.h"
#include "nearcache/internal/remote/loop_thread.h"
#include "nearcache/internal/remote/mpsc_queue.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/operation_node.h"
#include "nearcache/internal/remote/operation_pool.h"
#include "nearcache/internal/remote/retry_budget.h"
#include "nearcache/internal/remote/timer_wheel.h"
#include "nearcache/internal/remote/writer_role.h"

namespace nearcache::internal::remote {

class Engine::Impl final : public LinkHost, public OperationOwner {
 public:
  Impl(EngineOptions options, EngineEvents* events, std::unique_ptr<EventLoop> loop);
  ~Impl() override;

  // As in Engine.
  absl::Status Start();
  void Shutdown();
  void Submit(OperationNode* node);
  OperationPool& pool() { return pool_; }
  bool RunAt(MonotonicNanos when, Task task);
  void Reset(LinkRole role, const absl::Status& cause);
  void PingChannel(OperationCallback done);
  EngineStats GetStats() const;
  LinkStatus GetLinkStatus(LinkRole role) const;
  bool OnLoopThread() const;
  const Clock& clock() const { return *options_.clock; }
  absl::Status AdmitCall();
  absl::Status BreakerStatus() const;
  bool BreakerWouldAdmit() const { return gate_.WouldAdmit(); }
  bool SpendRetry();
  metrics::HistogramSnapshot GetLatencies(CommandClass command_class) const;

 private:
  class TaskNode;
  class BreakerTimer final : public Timer {
   public:
    explicit BreakerTimer(Impl* engine) : engine_(engine) {}
    void OnTimer() override;

   private:
    Impl* const engine_;
  };
  enum class Lifecycle { kNew, kRunning, kStopped };

  // What outlives the engine where a look-up does: its way back.
  struct Mailbox {
    absl::Mutex mutex;
    Impl* engine ABSL_GUARDED_BY(mutex) = nullptr;
  };

  // LinkHost.
  MonotonicNanos now() const override { return now_; }
  EventLoop& loop() override { return *loop_; }
  TimerWheel& wheel() override { return wheel_; }
  EngineCounters& counters() override { return counters_; }
  char* read_buffer() override { return read_buffer_.data(); }
  absl::StatusOr<std::unique_ptr<Transport>> OpenTransport(const TransportRequest& r) override;
  void Resolve(Link* link) override;
  OperationNode* NewOwnNode(Operation operation) override;
  bool Refill(Connection* connection) override;
  bool HasPending() const override { return !pending_.empty(); }
  void TakeSubmissions() override;
  void WakeCallers() override { wakes_->Flush(); }
  void UpdateNow() override { now_ = options_.clock->Now(); }
  void TakeWriterBack() override;
  void OnAnswered(OperationNode* node) override;
  void OnLost(OperationList operations, const absl::Status& cause) override;
  void Bury(std::unique_ptr<Connection> connection) override;
  void OnStateChanged(const Link& link) override;
  void OnReady(LinkRole role, const ServerIdentity& identity) override;
  void OnDown(LinkRole role, const absl::Status& cause) override;
  void OnConnectFailed(LinkRole role, const absl::Status& cause) override;
  void OnMessage(absl::string_view channel, absl::string_view payload) override;
  void OnInvalidation(const Reply& keys) override;
  void OnPush(LinkRole role, const Reply& push) override;

  // OperationOwner.
  void OnOperationTaken(OperationNode* node) override;
  void OnOperationRefused(OperationNode* node) override;
  void OnDeadline(OperationNode* node) override;

  LinkOptions MakeLinkOptions(LinkRole role, uint64_t seed) const;
  absl::Status AdmissionStatus(const Operation& operation);
  void ReleaseBudget(size_t bytes);
  void Enqueue(Submission* submission);
  bool WriteInPlaceOfLoop(OperationNode* node);

  void RunLoop();
  void Turn();
  void LendWriter();
  void WatchLoan();
  void CloseOnLoop();
  absl::Duration TimeToWait() const;

  // Ends a node that is in no list, and gives it back.
  void Complete(OperationNode* node, absl::Status status, bool unknown);
  // Calls `done` with its result; a node that does not stay as a tombstone is given back afterwards.
  void Finish(OperationNode* node);
  void Release(const OperationNode* node);
  void CountLone(const OperationNode& answered);
  void WatchQueue();

  // How operations went, as the breaker sees it; engine_breaker.cc.
  void JudgeAnswer(OperationNode* node);
  void JudgeFailure(OperationNode* node, const absl::Status& status);
  void ShowBreaker(OperationNode* node, Breaker::Outcome outcome);
  void FollowBreaker();
  absl::Status Refusal() const ABSL_LOCKS_EXCLUDED(status_mutex_);

  bool MayBeSentAgain(const OperationNode& node);
  void Trace(const OperationNode& node, const OperationResult& result) const;
  absl::Status UnsentStatus(const OperationNode& node) const;
  Link* link(LinkRole role) const { return role == LinkRole::kData ? data_.get() : channel_.get(); }

  EngineOptions options_;
  EngineEvents* const events_;
  const std::unique_ptr<EventLoop> loop_;

  // Any thread.
  EngineCounters counters_;
  OperationPool pool_;
  WriterRole writer_;
  RetryBudget retry_budget_;
  std::array<metrics::Histogram, kCommandClasses> latencies_;
  std::atomic<size_t> queued_operations_{0};
  std::atomic<size_t> queued_bytes_{0};
  std::atomic<MonotonicNanos> crowded_since_{0};
  MpscQueue submissions_;
  std::atomic<bool> stop_{false};
  const std::shared_ptr<Mailbox> mailbox_;
  absl::Mutex lifecycle_mutex_;
  Lifecycle lifecycle_ ABSL_GUARDED_BY(lifecycle_mutex_) = Lifecycle::kNew;
  LoopThread thread_ ABSL_GUARDED_BY(lifecycle_mutex_);
  mutable absl::Mutex status_mutex_;
  LinkStatus status_[2] ABSL_GUARDED_BY(status_mutex_);
  absl::Status refusal_ ABSL_GUARDED_BY(status_mutex_);  // Of calls while the breaker is not closed.
  BreakerGate gate_;

  // The loop's thread.
  TimerWheel wheel_;
  WakeBatch* wakes_ = nullptr;
  MonotonicNanos now_ = 0;
  bool closing_ = false;
  Breaker breaker_;
  const int64_t slow_call_nanos_;
  BreakerTimer breaker_timer_{this};
  MonotonicNanos breaker_timer_at_ = kNever;
  std::vector<char> read_buffer_;
  OperationList pending_;
  OperationList ready_front_;  // Submitted from inside OnReady(kData).
  bool in_data_ready_ = false;
  int lone_run_ = 0;  // Operations of other threads that were alone in flight, one after the other.
  MonotonicNanos lent_at_ = 0;
  Connection* lent_connection_ = nullptr;  // Whose writer's role was lent last.
  absl::flat_hash_set<TaskNode*> armed_tasks_;
  std::unique_ptr<Link> data_;
  std::unique_ptr<Link> channel_;  // Null without channels.
  std::vector<std::unique_ptr<Connection>> graveyard_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_ENGINE_IMPL_H_
