// The engine: one thread that owns the connections to one server and moves commands and replies over them.
//
//   callers --Submit--> lock-free list --> pending queue --> data link: FIFO of expected replies --> completions
//                                                            channel link: subscriptions          --> OnMessage
//
// Two links of the same kind. The *data* link carries operations, pipelined: whatever is ready in one turn of the loop
// leaves with one system call. The *channel* link, there only if EngineOptions::channels is not empty, is subscribed to
// those channels. Each link connects on its own, finds out in its handshake who answers, and reconnects for ever: at
// once the first time, then with full jitter, random(0, min(reconnect_backoff_max, 20 ms * 2^n)).
//
// Every operation ends by its deadline, in every state. On a live connection a timed-out operation leaves a tombstone
// behind, so that its late reply is dropped and never given to another. A connection whose oldest unanswered command is
// older than health_timeout is replaced, and writing more does not postpone that. While the link is down operations
// wait for it within operations_max and bytes_max until their deadlines; nothing grows beyond these limits.
//
// Threads. Submit, RunAt, Post, Reset..., GetStats, GetLinkStatus and Shutdown may be called on any thread at any time.
// Completions, tasks and EngineEvents run on the loop's thread: they must not block, and must not run a user's code.
//
// Breaker. How calls of users end is shown to a circuit breaker (breaker.h). The engine refuses nothing by itself: who
// submits for a user asks AdmitCall first. Heartbeats, handshakes and invalidations do not ask.
//
// Cost. Submit: three compare-and-swaps, and one system call (eventfd) only when the loop sleeps; with a Draft nothing
// is allocated in steady state. A reply: one allocation, for the block that becomes the caller's Value, and one copy
// out of the read buffer. A caller that has been alone for a while, on a plain socket, sends its operation itself (one
// system call, no eventfd), and the loop only reads: a lone blocking call then costs two context switches.

#ifndef NEARCACHE_INTERNAL_REMOTE_ENGINE_H_
#define NEARCACHE_INTERNAL_REMOTE_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/metrics/histogram.h"
#include "nearcache/internal/remote/address.h"
#include "nearcache/internal/remote/breaker.h"
#include "nearcache/internal/remote/link_state.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/resolver.h"
#include "nearcache/internal/remote/server_identity.h"
#include "nearcache/internal/remote/transport.h"
#include "nearcache/remote_event.h"

namespace nearcache::internal::remote {

struct EngineOptions {
  Address address;

  // Empty user and a password: the server's default user. Both empty: no AUTH is sent.
  std::string user;
  std::string password;
  int database = 0;
  // Shown by CLIENT LIST; the channel link adds "-channel". Printable ASCII without spaces; empty: none is set.
  std::string client_name = "nearcache";

  // Channels the channel link subscribes to; empty: there is no channel link. SUBSCRIBE, not SSUBSCRIBE.
  std::vector<std::string> channels;

  // The channel link has the server report every key that begins with this and changes, whoever changes it
  // (tracking.h). Empty: not wanted. A server that will not is no server for the channel link.
  std::string tracking_prefix;

  // From the start of an attempt (name look-up) to the end of its handshake.
  absl::Duration connect_timeout = absl::Seconds(1);
  // Age of the oldest unanswered command at which a connection is given up. Also how long a silent connection is left
  // alone before it is asked with a PING.
  absl::Duration health_timeout = absl::Seconds(1);
  // Upper end of the back-off between attempts.
  absl::Duration reconnect_backoff_max = absl::Seconds(2);
  // Attempts to connect that may begin within any second, per link. At least 1.
  int reconnects_per_second_max = 10;
  // Operations may be sent again after a lost connection (Operation::resends_max, SpendRetry) for this share of those
  // that succeed, saved up to retries_max. 0 to 1; at least 0.
  double retry_share = 0.1;
  int retries_max = 1000;
  // How late a deadline may be noticed. 1 ms to 10 ms.
  absl::Duration timer_tick = absl::Milliseconds(5);

  // Operations and their bytes: submitted, queued and in flight, tombstones included. Above either, Submit refuses.
  size_t operations_max = 65536;
  size_t bytes_max = size_t{64} << 20;

  // What one reply may be. The limit on bytes is checked against the *announced* length, before anything is allocated.
  size_t reply_bytes_max = size_t{64} << 20;  // All strings of one reply together.
  size_t reply_elements_max = 1 << 18;        // All elements of one reply together.
  int reply_depth_max = 8;

  // 3: HELLO 3, and RESP2 if the server does not know it. 2: never HELLO.
  int resp_version = 3;
  // Replicas are refused (kUnavailable), since L1 may be filled from the primary alone (assumption A2).
  bool require_primary = true;

  // Whether EngineEvents::OnOperation is called.
  bool trace_operations = false;

  // Its seed is drawn with `random_seed`.
  BreakerOptions breaker;

  // Runs at the speed of real time: the loop sleeps by it.
  const Clock* clock = Clock::Real();
  // Seed of the back-off jitter; 0 draws one from the kernel.
  uint64_t random_seed = 0;
  // Empty: OpenPlainTransport.
  TransportFactory transport_factory;
  // Empty: ResolveDetached.
  Resolver resolver;
};

// A link at one moment, for health reports.
struct LinkStatus {
  LinkState state = LinkState::kIdle;
  // Who answers now, or answered last; run_id empty: nobody yet.
  ServerIdentity identity;
  // Why the link is not ready, or why it broke last; ok: never happened. Names the address, never a secret.
  absl::Status cause;
};

// One operation that ended, for tracing. The views live for the duration of the call.
struct OperationTrace {
  absl::string_view command;  // The first one's name.
  CommandClass command_class = CommandClass::kControl;
  absl::Duration duration;  // From the moment at which the loop, or the caller who wrote it, had it.
  // As in OperationResult; of an ok one whose first reply is a server error, that error.
  absl::StatusCode outcome = absl::StatusCode::kOk;
  bool unknown = false;
};

// Called on the loop's thread, in the order in which things happen. Inside a call Submit, Post, RunAt and the Resets
// are allowed.
class EngineEvents {
 public:
  virtual ~EngineEvents() = default;

  // The handshake succeeded; for the channel link all channels are subscribed too. Operations submitted from inside
  // this call leave before those that waited. A Reset from inside this call takes effect before anything is sent.
  virtual void OnReady(LinkRole role, const ServerIdentity& identity) = 0;

  // A link that was ready is gone; exactly once per OnReady. Comes before the completions of operations lost with it.
  virtual void OnDown(LinkRole role, const absl::Status& cause) = 0;

  // A message of one of EngineOptions::channels. Both views live for the duration of the call.
  virtual void OnMessage(absl::string_view channel, absl::string_view payload) = 0;

  // One attempt to connect failed; another follows after a back-off.
  virtual void OnConnectFailed(LinkRole /*role*/, const absl::Status& /*cause*/) {}

  // The breaker moved to `state`; `text` says why, in words, naming the address.
  virtual void OnBreaker(BreakerState /*state*/, absl::string_view /*text*/) {}

  // With tracking_prefix: keys that changed, an array of strings, or nil: a database was flushed.
  virtual void OnInvalidation(const Reply& /*keys*/) {}

  // An operation ended that was not the engine's own, just before its completion; only with trace_operations.
  virtual void OnOperation(const OperationTrace& /*trace*/) {}

  // A push frame that is no pub/sub message of ours. RESP3 only.
  virtual void OnPush(LinkRole /*role*/, const Reply& /*push*/) {}
};

// Plain sums since Create; gauges are marked.
struct EngineStats {
  uint64_t operations = 0;         // Accepted by Submit.
  uint64_t completed = 0;          // With an ok status; server errors count as completed.
  uint64_t failed = 0;             // With any other status, timeouts included, refusals not.
  uint64_t timeouts = 0;           // kDeadlineExceeded.
  uint64_t rejected = 0;           // kResourceExhausted from Submit.
  uint64_t resends = 0;            // Sent again after a lost connection.
  uint64_t retries_refused = 0;    // Not sent again, for lack of budget.
  uint64_t retry_budget = 0;       // Gauge: retries that the budget would allow now.
  uint64_t late_replies = 0;       // Fell on a tombstone.
  uint64_t protocol_errors = 0;    // Connections closed because of what the server sent.
  uint64_t health_failures = 0;    // Connections closed by health_timeout.
  uint64_t connects = 0;           // Handshakes that succeeded.
  uint64_t connect_failures = 0;   // Attempts that did not get that far.
  uint64_t disconnects = 0;        // Ready links that went down, Resets included.
  uint64_t pushes_ignored = 0;     // Push frames of unknown kinds.
  uint64_t bytes_sent = 0;         // Handshakes included, as for the next three.
  uint64_t bytes_received = 0;     // TLS counts what is inside.
  uint64_t writes = 0;             // System calls that sent something; operations / writes = pipelining.
  uint64_t reads = 0;              // System calls that received something.
  uint64_t wakeups = 0;            // eventfd writes by Submit.
  uint64_t direct_writes = 0;      // Operations that a lone caller sent itself.
  uint64_t queued_operations = 0;  // Gauge: all that counts against operations_max.
  uint64_t queued_bytes = 0;       // Gauge: against bytes_max.
  uint64_t pooled_operations = 0;  // Gauge: nodes kept for use again, taken or not.
  MonotonicNanos crowded_since =
      0;                         // Gauge: since when one of the two has been at nine tenths of its limit; 0: it is not.
  uint64_t breaker_opened = 0;   // Times that the breaker opened.
  uint64_t breaker_refused = 0;  // Calls that AdmitCall refused.
  BreakerState breaker_state = BreakerState::kClosed;  // Gauge.
  MonotonicNanos breaker_closed_until = 0;             // Gauge: when it was closed last, unless it is.
};

class OperationNode;
class OperationPool;

class Engine {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // An operation that is being filled in, in memory that the engine uses again and again. Bytes that were never
  // submitted are forgotten. Must not outlive the engine; one thread at a time.
  class Draft {
   public:
    Draft(Draft&& other) noexcept;
    Draft& operator=(Draft&&) = delete;
    ~Draft();

    Operation& operator*() const { return *operation_; }
    Operation* operator->() const { return operation_; }

   private:
    friend class Engine;
    Draft(OperationPool* pool, OperationNode* node);

    OperationPool* pool_;
    OperationNode* node_;
    Operation* operation_;
  };

  // kInvalidArgument names the option and its limit. Opens nothing yet. `events` outlives the engine.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(EngineOptions options, EngineEvents* events);

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Shutdown(). REQUIRES: not on the loop's thread.
  ~Engine();

  // Starts the thread and both links; does not wait for them. Operations may be submitted before, and wait.
  // kResourceExhausted if the system gives no thread; kFailedPrecondition if called twice or after Shutdown.
  absl::Status Start();

  // An empty operation, for Submit. Any thread.
  Draft NewDraft();

  // Takes over `operation`; see Operation::done for where it completes. What one thread submits leaves in that order.
  void Submit(Operation operation);
  void Submit(Draft draft);

  // For retries above the engine: whether the budget allows one more, which is paid for then. The loop's thread alone.
  bool SpendRetry();

  // How long operations of a class took that were answered, late replies included. From the moment at which the loop,
  // or the caller who wrote it, had the operation, to the read that brought its last reply. About 10 us.
  metrics::HistogramSnapshot GetLatencies(CommandClass command_class) const;

  // Ok if a call of a user may go on; in half-open it is a probe then, and must be submitted. Otherwise kUnavailable,
  // with the address, what made the breaker open, and that nothing was sent. Any thread.
  absl::Status AdmitCall();
  // What AdmitCall would say at this moment, without counting.
  absl::Status BreakerStatus() const;
  // Whether BreakerStatus would be ok, without words.
  bool BreakerWouldAdmit() const;

  // Runs `task` on the loop's thread, soon, and before the loop sends what is ready. What one other thread posts and
  // submits is taken in order; on the loop's thread Submit takes at once, Post after what is running. False, and `task`
  // is destroyed, after Shutdown.
  bool Post(Task task);

  // Runs `task` on the loop's thread at `when`, give or take a tick. Tasks that are not due at Shutdown are destroyed.
  bool RunAt(MonotonicNanos when, Task task);

  // A PING on the channel link; `done` learns of the PONG, or of kUnavailable at once if the link is not ready, or when
  // the link is lost. Has no deadline but health_timeout. REQUIRES: on the loop's thread.
  void PingChannel(OperationCallback done);

  // Cuts a link and connects anew: as if the server had closed it, with `cause` in the statuses. At once, unless the
  // link had become ready only a moment ago. On the loop's thread the link is cut before the call returns (OnDown comes
  // from inside it) or, if called from inside an event of that link, right after the event; elsewhere soon after. A
  // link that backs off starts its next attempt now.
  void ResetData(const absl::Status& cause);
  void ResetChannel(const absl::Status& cause);
  void ResetAll(const absl::Status& cause);

  // Completes everything with kCancelled and joins the thread; later Submits complete with kCancelled from inside the
  // call. No event or completion comes after it returned. Idempotent, safe at any moment, also against itself.
  // REQUIRES: not on the loop's thread.
  void Shutdown();

  EngineStats GetStats() const;
  LinkStatus GetLinkStatus(LinkRole role) const;

  // Whether the caller is the loop's thread.
  bool OnLoopThread() const;

  const Clock& clock() const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_ENGINE_H_
