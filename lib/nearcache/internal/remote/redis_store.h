// The Store on one Redis or Valkey server: scripts and pipelines over the engine, and the session rule that ties the
// invalidation connection to the server that executes the writes.
//
//   Change        Alone: EVALSHA of one script (scripts.h); after NOSCRIPT one EVAL with the text, which also loads it.
//                 While others are under way it waits for the next turn of the loop, and the sets and deletes that
//                 are ready then leave as groups (change_group.h). Never retried after that, except kDelete: when a
//                 connection is lost under it, it is sent again within its deadline and the budget of retries, at most
//                 kDeleteAttempts times in all, under a new lane id each time.
//   Read          one pipeline (read_replies.h), sent again once when a connection is lost under it.
//   OnSubscribed  once both links stand at the same server and a probe, published by a script over the data link, came
//                 back over the channel (session.h). It shows that the ACL lets this user run scripts and publish, and
//                 that what is published here is heard here. Probes bear a lane id of 16 bytes 0xFF, which no operation
//                 has, and are never passed on. They move no lane.
//
//   ReadLane      With foreign writers the reading is followed by two PINGs on the channel, one after the other. A
//   server
//                 reports the keys of a turn of its loop behind the replies of that turn, so the first PONG may
//                 overtake them, the second cannot. (That the reading's own reply is here says little: a server with
//                 I/O threads may have sent it in the middle of a turn.)
//
// Two changes of one key that are in flight together keep their order, unless one of them has to be sent a second time
// (NOSCRIPT, a group that was refused as a whole).
//
// Cost. A change keeps its arguments beside their encoding until it is answered, for the second time that it may need:
// a value in flight is held twice. A script costs the server about 10 us, one of 64 sets in a group about 4 us, a GET
// with its PTTL about 2 us.
//
// Thread-safe. All work beyond encoding happens on the engine's thread.

#ifndef NEARCACHE_INTERNAL_REMOTE_REDIS_STORE_H_
#define NEARCACHE_INTERNAL_REMOTE_REDIS_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/remote/change_group.h"
#include "nearcache/internal/remote/engine.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/session.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/remote_event.h"

namespace nearcache::internal::remote {

struct RedisStoreOptions {
  // `channels` is filled in by the store.
  EngineOptions engine;

  // Names of one namespace; all processes that share it must use the same ones, and nobody else any of them.
  std::string lane_key;     // The lane register.
  std::string epoch_key;    // The namespace's epoch.
  std::string missing_key;  // Never exists: what heartbeats and scripts unlink, to be refused where
                            // writes are.
  std::string channel;      // Of the announcements.

  // With foreign writers: what all data keys of the namespace begin with; the user's key follows. Empty: nobody else
  // writes. The name itself must be no data key: it marks the probe.
  std::string foreign_prefix;

  // Whether StoreObserver::OnRemoteOperation is called.
  bool trace_operations = false;

  // How long a probe may take to come back before the channel is replaced, and the pause before another is sent after
  // one that was refused. Not shorter than a round trip.
  absl::Duration probe_timeout = absl::Seconds(1);
};

class RedisStore final : public Store, private EngineEvents {
 public:
  static constexpr int kDeleteAttempts = 3;

  // kInvalidArgument names the option. Connects to nothing yet.
  static absl::StatusOr<std::unique_ptr<RedisStore>> Create(RedisStoreOptions options);

  // Shutdown().
  ~RedisStore() override;
  RedisStore(const RedisStore&) = delete;
  RedisStore& operator=(const RedisStore&) = delete;

  absl::Status Start(ChannelEvents* events, const AnnouncementEncoder* encoder) override;
  void Read(ReadRequest request, ReadCallback done) override;
  void Change(ChangeRequest request, ChangeCallback done) override;
  void ReadTimeToLive(std::string redis_key, MonotonicNanos deadline, ReadCallback done) override;
  void Execute(std::vector<std::string> argv, MonotonicNanos deadline,
               absl::AnyInvocable<void(absl::StatusOr<Reply>) &&> done) override;
  void ReadLane(MonotonicNanos deadline, LaneCallback done) override;
  void EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                   absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) override;
  void ResetChannel(const absl::Status& cause) override;
  void ResetSession(const absl::Status& cause) override;
  void RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) override;
  void Shutdown() override;
  void SetObserver(StoreObserver* observer) override { observer_ = observer; }
  absl::Status BreakerStatus() const override { return engine_->BreakerStatus(); }
  bool IsDown() const override { return data_down_.load(std::memory_order_relaxed) || !engine_->BreakerWouldAdmit(); }
  StoreStats GetStats() const override;
  std::vector<NodeStats> GetNodeStats() const override;
  absl::Status LinkStatus() const override;

 private:
  using ResultCallback = OperationCallback;

  // Of changes that are accepted and not answered, and of the bytes of those that wait for the loop.
  struct ChangeLimits {
    size_t changes_max = 0;
    size_t bytes_max = 0;
    GroupLimits group;
  };
  static ChangeLimits LimitsOf(const EngineOptions& engine);

  RedisStore(RedisStoreOptions options, const ChangeLimits& limits, std::string node);

  // EngineEvents, on the loop's thread.
  void OnReady(LinkRole role, const ServerIdentity& identity) override;
  void OnDown(LinkRole role, const absl::Status& cause) override;
  void OnMessage(absl::string_view channel, absl::string_view payload) override;
  void OnConnectFailed(LinkRole role, const absl::Status& cause) override;
  void OnBreaker(BreakerState state, absl::string_view text) override;
  void OnOperation(const OperationTrace& trace) override;
  void Tell(RemoteEvent::Kind kind, LinkRole role, absl::string_view text);
  void OnInvalidation(const Reply& keys) override;

  // Foreign writers, redis_store_tracking.cc.
  struct FencedReading;
  void Fence(std::shared_ptr<FencedReading> reading, int pings);
  void HearProbe();
  void ReadLaneAlone(MonotonicNanos deadline, LaneCallback done);

  void RunScript(const Script& script, CommandClass command_class, std::vector<std::string> arguments,
                 MonotonicNanos deadline, ResultCallback done);

  // Group commit, redis_store_changes.cc.
  absl::Status AdmitChange(const ChangeRequest& request);
  void Enlist(PendingChange change) ABSL_LOCKS_EXCLUDED(changes_mutex_);
  std::vector<PendingChange> TakeWaitingChanges() ABSL_LOCKS_EXCLUDED(changes_mutex_);
  void CancelWaitingChanges() ABSL_LOCKS_EXCLUDED(changes_mutex_);
  void SendWaitingChanges();
  void SendAlone(PendingChange change);
  void SendGroup(ChangeGroup group);
  void Follow(PendingChange change, GroupVerdict verdict);
  void TakeAway(PendingChange change, ChangeResult outcome);
  void PrepareServer();

  // `maybe_executed`: an earlier attempt may have been, or may yet be.
  void SendChange(ChangeRequest request, int attempt, bool maybe_executed, ChangeCallback done);

  void Perform(const SessionActions& actions, const absl::Status& cause);
  void ResetLinkLater(LinkRole role, absl::Duration pause);
  absl::Status QueueStatus(const EngineStats& engine) const;
  void StartProbe();
  void OnProbeAnswered(OperationId probe, const OperationResult& result);
  void SetChannelState(bool up, const absl::Status& cause);

  const ScriptNames names_;
  const std::string node_;  // The server's address, in words.
  const std::string foreign_prefix_;
  const absl::Duration probe_timeout_;
  const ChangeLimits limits_;
  OperationIdSource own_ids_;  // Of lanes and probes, where no operation's id will do.
  std::unique_ptr<Engine> engine_;
  ChannelEvents* events_ = nullptr;
  StoreObserver* observer_ = nullptr;
  const AnnouncementEncoder* encoder_ = nullptr;

  // On the loop's thread.
  Session session_;
  OperationId probe_;             // The one that is awaited; empty: none.
  bool probe_announced_ = false;  // Its message came; with foreign writers the server's report of its key is to follow.
  bool transactions_allowed_ = false;

  std::atomic<uint64_t> session_changes_{0};
  std::atomic<uint64_t> scripts_reloaded_{0};
  std::atomic<uint64_t> foreign_unknown_{0};
  std::atomic<bool> data_ready_{false};
  std::atomic<bool> data_down_{false};           // Neither ready nor in its first attempt.
  std::atomic<MonotonicNanos> data_changed_at_;  // When data_ready_ changed last.

  std::atomic<size_t> changes_{0};  // Accepted and not answered.
  std::atomic<uint64_t> changes_rejected_{0};
  std::atomic<uint64_t> change_groups_{0};
  std::atomic<uint64_t> grouped_changes_{0};
  std::atomic<uint64_t> delete_retries_{0};

  mutable absl::Mutex changes_mutex_;
  bool changes_closed_ ABSL_GUARDED_BY(changes_mutex_) = false;
  size_t waiting_bytes_ ABSL_GUARDED_BY(changes_mutex_) = 0;
  std::vector<PendingChange> waiting_changes_ ABSL_GUARDED_BY(changes_mutex_);

  mutable absl::Mutex mutex_;
  bool channel_up_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status channel_cause_ ABSL_GUARDED_BY(mutex_);
  std::string last_disconnect_ ABSL_GUARDED_BY(mutex_);
  MonotonicNanos channel_changed_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_REDIS_STORE_H_
