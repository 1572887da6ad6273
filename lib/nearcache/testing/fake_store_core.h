// The inside of a FakeStore: its calls on their way, its two connections, its gates. Only for fake_store*.cc.
//
// Lives on the server's loop, except for Submit, TakeInbox and the counters.

#ifndef NEARCACHE_TESTING_FAKE_STORE_CORE_H_
#define NEARCACHE_TESTING_FAKE_STORE_CORE_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/testing/fake_server.h"
#include "nearcache/testing/fake_store.h"

namespace nearcache::internal::remote {

// One call on its way. A null `run` means that the server executed it, or never will.
struct FakeCall {
  unsigned kind = kOtherCalls;
  MonotonicNanos deadline = kNever;
  absl::AnyInvocable<void() &&> run;                                        // At the server.
  absl::AnyInvocable<void(const FakeCall&, absl::Status, bool) &&> finish;  // Status, unknown.
  bool finished = false;
  int connection = 0;  // Which data connection it was sent on; 0: not sent.
  MonotonicNanos sent_at = 0;
};
using FakeCallPointer = std::shared_ptr<FakeCall>;

class FakeStore::Core final : public FakePeer, public std::enable_shared_from_this<FakeStore::Core> {
 public:
  Core(FakeServer* server, FakeStoreOptions options)
      : server_(server),
        options_(std::move(options)),
        names_{options_.lane_key, options_.epoch_key, options_.missing_key, options_.channel} {}

  // --- Any thread
  // Takes a call over, or finishes it at once: too many of them, or shut down.
  void Submit(FakeCallPointer call);
  void Count(uint64_t StoreStats::* counter);
  StoreStats GetStats() const;
  bool IsDown() const;
  void RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task);
  // Why a connection was lost last.
  std::string cause() const ABSL_LOCKS_EXCLUDED(mutex_);

  // --- The loop
  void Start(ChannelEvents* events);
  void Shutdown();
  void TryConnect();
  void CutData(const absl::Status& cause);
  void CutChannel(const absl::Status& cause);
  bool reported_up() const { return reported_up_; }
  void OnPublished(absl::string_view channel, absl::string_view payload) override;
  void OnServerGone(const absl::Status& cause) override;
  void OnServerBack() override { TryConnect(); }

  struct Gate {
    unsigned closed = 0;  // For these kinds.
    std::deque<FakeCallPointer> held;
  };
  void ReleaseRequests(size_t count);
  void ReleaseReplies(size_t count);
  void ReleaseMessages(size_t count);

  // A connection, and what is behind it in the order of time.
  struct Lane {
    absl::Duration delay;
    MonotonicNanos last_due = 0;
  };
  // When something that leaves now arrives.
  MonotonicNanos NextDue(Lane& lane) const;

  struct Failure {
    unsigned kinds;
    absl::Status status;
    bool unknown;
    bool executed;
  };

  FakeServer* const server_;
  const FakeStoreOptions options_;
  const ScriptNames names_;
  ChannelEvents* events_ = nullptr;
  const AnnouncementEncoder* encoder_ = nullptr;  // Set before the loop knows of the store.

  Gate requests_;
  Gate replies_;
  bool messages_closed_ = false;
  std::deque<std::string> held_messages_;
  Lane request_lane_, reply_lane_, message_lane_;
  size_t messages_to_drop_ = 0;
  size_t replies_to_drop_ = 0;
  bool connects_held_ = false;
  std::deque<Failure> failures_;

 private:
  void DrainInbox();
  std::vector<FakeCallPointer> TakeInbox();
  void Accept(const FakeCallPointer& call);
  void Send(const FakeCallPointer& call);
  void TravelToServer(const FakeCallPointer& call);
  void Arrive(const FakeCallPointer& call);
  bool FailByScript(const FakeCallPointer& call);
  void TravelBack(const FakeCallPointer& call);
  void Deliver(const FakeCallPointer& call);
  void Expire(const FakeCallPointer& call);
  void Finish(const FakeCallPointer& call, const absl::Status& status, bool unknown);
  void ReconnectLater();
  void SendMessage(std::string payload);
  void SetGauges();
  void SetCause(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(mutex_);

  bool started_ = false;
  bool dead_ = false;
  bool reported_up_ = false;    // OnSubscribed was called, OnChannelDown was not yet.
  int data_connection_ = 0;     // Number of the one that is up; 0: none.
  int channel_connection_ = 0;  // The same.
  int connections_made_ = 0;
  int identity_ = 0;                     // Of the session; 0: none yet.
  std::deque<FakeCallPointer> waiting_;  // For a connection.
  std::vector<FakeCallPointer> open_;    // Sent, not finished.

  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<FakeCallPointer> inbox_ ABSL_GUARDED_BY(mutex_);
  StoreStats stats_ ABSL_GUARDED_BY(mutex_);
  std::string cause_ ABSL_GUARDED_BY(mutex_) = "not connected yet";
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTING_FAKE_STORE_CORE_H_
