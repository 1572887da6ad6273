// The protocol of one coherence lane, as a machine without thread, socket, clock or randomness:
// events in, actions out (channel_action.h). It decides when this process has provably heard of
// every change, and so how long its memory may answer: mechanisms M2 (chain), M3 (generation), M4
// and M5 (lease and heartbeat) of the protocol in lib/DESIGN.md. It follows the checked model of
// that protocol, whose names are given where they differ.
//
//   closed     -> subscribed  OnSubscribed   the server confirmed the subscription
//   subscribed -> basing      now or OnTick  the base reading leaves
//   basing     -> open        OnLaneRead     lane and epoch are known: a generation begins. From
//   now on fills count. basing     -> subscribed  OnLaneRead     the reading failed, or something
//   overtook it: again, after a pause open       -> closed      gap, lost channel, unheard lane id,
//   lane or epoch gone or changed, suspended, server left any        -> closed      OnChannelDown
//
// Whatever ends a generation also has the invalidation connection made anew, as in the model: what
// is still queued on the old one belongs to another history.
//
// A server may lose history under living connections: an old snapshot is put back. Whoever knows of a change that came
// later sees it: because the channel had told it, because an earlier reading had shown it, or because the change was
// his own and acknowledged. But he who knows of none sees nothing, and may have read the lost values. So whoever sees a
// loss tells all others, by an announcement that names no key and means all (AnnounceLoss), as soon as he has a base
// again.
//
// Messages heard before the base is known are kept (in order, bounded) and run through the chain
// afterwards. What they invalidate is applied at once in every state, even closed: to forget an
// entry or to void a flight is always safe.
//
// Strangers' writes have no lane id and are in no chain. The server names the keys (foreign_writers); a key that an
// announcement named just before is taken for the echo of that operation, everything else for a stranger's. That the
// server's reports were heard is part of a reading (Store::ReadLane), so the lease rests on it like on the chain.
//
// The epoch of the namespace lives in the EpochRegister that is passed in, because other threads
// hear of epochs, too.
//
// Not thread-safe. Every event costs O(1), plus the changes of a message, plus the Syncs that
// complete.

#ifndef NEARCACHE_INTERNAL_COHERENCE_CHANNEL_MACHINE_H_
#define NEARCACHE_INTERNAL_COHERENCE_CHANNEL_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/channel_action.h"
#include "nearcache/internal/coherence/doubted_keys.h"
#include "nearcache/internal/coherence/echo_ledger.h"
#include "nearcache/internal/coherence/epoch_register.h"
#include "nearcache/internal/coherence/message.h"
#include "nearcache/internal/coherence/recent_ids.h"
#include "nearcache/internal/coherence/unheard_ids.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::coherence {

struct ChannelMachineOptions {
  int64_t staleness_bound_nanos = 1'000'000'000;
  // How far the clock that guards a hit may be behind the one that measures heartbeats.
  int64_t clock_lag_nanos = 0;
  // Messages about keys of another version only advance the chain.
  uint32_t key_version = 1;
  // The server reports every key that changes (OnKeysTouched, OnFlushed), and readings are fenced (Store::ReadLane).
  bool foreign_writers = false;
};

class ChannelMachine {
 public:
  enum class State { kClosed, kSubscribed, kBasing, kOpen };

  // Keys that one report of the server may name: some milliseconds of work for the loop.
  static constexpr size_t kTouchesMax = 16384;

  // `epochs` is not owned.
  ChannelMachine(const ChannelMachineOptions& options, EpochRegister* epochs);

  // --- Events. Each appends what is to be done to `actions`. `now` never goes back.

  void OnSubscribed(MonotonicNanos now, Actions* actions);
  void OnMessage(MonotonicNanos now, const Message& message, Actions* actions);
  void OnChannelDown(MonotonicNanos now, Actions* actions);
  // The server says that these keys of the user changed, expired or were evicted, and not by whom. With more than
  // kTouchesMax at once all of memory goes.
  void OnKeysTouched(MonotonicNanos now, absl::Span<const absl::string_view> keys, Actions* actions);
  // It says that a database was flushed, and not which.
  void OnFlushed(MonotonicNanos now, Actions* actions);
  void OnLaneRead(MonotonicNanos now, uint64_t ticket, const remote::LaneReading& reading, Actions* actions);
  void OnEpochEnsured(MonotonicNanos now, uint64_t ticket, const absl::Status& status, Actions* actions);
  void OnTick(MonotonicNanos now, Actions* actions);
  // The machine slept and the clock stood still.
  void OnSuspended(MonotonicNanos now, Actions* actions);
  // The epoch register heard news that a reading has to confirm.
  void OnEpochDoubt(MonotonicNanos now, Actions* actions);
  // Somebody wants to know everything that was acknowledged before now. `id` is his choice, unique
  // while it waits.
  void OnSync(MonotonicNanos now, uint64_t id, MonotonicNanos deadline, Actions* actions);

  // --- Events that want nothing done; so they may also come while actions are performed.

  // The server acknowledged a change of this process, which moved the lane to `lane_id` and was made up at `made_at`.
  void OnAcknowledged(OperationId lane_id, MonotonicNanos made_at);
  // AnnounceLoss `number` ended. If it failed it is tried again, with the next heartbeat.
  void OnLossAnnounced(uint64_t number, bool ok);

  // --- For statistics and words.

  State state() const { return state_; }
  // Everything acknowledged before this moment was heard; 0 if no generation was ever open.
  MonotonicNanos as_of() const { return as_of_; }
  // How often this process saw that the server lost history.
  uint64_t losses_seen() const { return losses_seen_; }

 private:
  struct Heartbeat {
    uint64_t ticket = 0;
    ReadPurpose purpose = ReadPurpose::kHeartbeat;
    uint64_t place = 0;    // Of the last id applied when it was issued: hb_last and hb_appl of the model.
    uint64_t learned = 0;  // What was known by then of the lane beside the channel: UnheardIds::learned.
    uint64_t epoch_version = 0;
    bool answered = false;  // The reading is here, its lane id was not applied yet.
    remote::LaneReading reading;
    MonotonicNanos heard_by = kNever;
  };
  struct Link {
    OperationId previous;
    OperationId id;
  };
  enum class Proof { kProven, kUnheard, kForgotten, kMissing, kRegressed };

  // Messages kept until the base is known; more of them than this and the oldest are forgotten.
  static constexpr size_t kEarlyMax = 4096;
  // Heartbeats under way; more and no new one leaves.
  static constexpr size_t kHeartbeatsMax = 16;

  MonotonicNanos LeaseDeadline() const;
  void SendBase(MonotonicNanos now, Actions* actions);
  void RetryBase(MonotonicNanos now);
  void FinishBase(MonotonicNanos now, const remote::LaneReading& reading, Actions* actions);
  void Open(MonotonicNanos now, const remote::LaneReading& reading, Actions* actions);
  void OnBaseRead(MonotonicNanos now, const remote::LaneReading& reading, Actions* actions);
  void Close(MonotonicNanos now, CloseCause cause, Actions* actions);
  void CloseAndReset(MonotonicNanos now, CloseCause cause, Actions* actions);
  bool BaseShowsLoss(OperationId lane) const;
  bool ShowsLoss(const Link& link) const;
  void TellLoss(MonotonicNanos now, Actions* actions);
  bool IsInOrder(const Link& link) const;
  void Invalidate(const Message& message, bool in_order, Actions* actions);
  void HearClears(const Message& message);
  void Follow(MonotonicNanos now, const Link& link, Actions* actions);
  void Advance(MonotonicNanos now, OperationId id, Actions* actions);
  void SendHeartbeat(MonotonicNanos now, ReadPurpose purpose, Actions* actions);
  void SendOnDemand(MonotonicNanos now, Actions* actions);
  void OnHeartbeatRead(MonotonicNanos now, Heartbeat heartbeat, const remote::LaneReading& reading, Actions* actions);
  void Judge(MonotonicNanos now, Heartbeat heartbeat, Actions* actions);
  void JudgeAnswered(MonotonicNanos now, Actions* actions);
  Proof Examine(const Heartbeat& heartbeat) const;
  void Accept(MonotonicNanos now, const Heartbeat& heartbeat, Actions* actions);
  bool EpochAgrees(MonotonicNanos now, const Heartbeat& heartbeat, Actions* actions);
  bool TakeHeartbeat(uint64_t ticket, Heartbeat* heartbeat);
  void AfterOnDemand(MonotonicNanos now, const Heartbeat& heartbeat, Actions* actions);
  bool AnyOverdue(MonotonicNanos now) const;
  void CompleteSyncs(MonotonicNanos now, uint64_t ticket, Actions* actions);
  void EndDoubts(MonotonicNanos now, Actions* actions);
  void ExpireSyncs(MonotonicNanos now, Actions* actions);
  void Arm(Actions* actions);

  const int64_t bound_;
  const int64_t interval_;
  // After this a reading is given up. A heartbeat is useless after the bound; the base, or one that
  // somebody waits for, is not, however short the bound.
  const int64_t patience_;
  const int64_t clock_lag_;
  const uint32_t key_version_;
  EpochRegister* const epochs_;
  const std::unique_ptr<EchoLedger> echoes_;  // Null unless foreign writers are followed.
  DoubtedKeys doubted_;

  State state_ = State::kClosed;
  uint64_t last_ticket_ = 0;
  MonotonicNanos timer_at_ = kNever;

  // While subscribed or basing.
  std::deque<Link> early_;
  MonotonicNanos base_at_ = kNever;  // When to send the base reading.
  uint64_t base_ticket_ = 0;         // 0: none under way.
  uint64_t base_epoch_version_ = 0;
  uint64_t base_learned_ = 0;
  bool base_ensured_ = false;  // The registers were made since the last attempt.

  // Heard, and known otherwise: all that is known of the lane's history. Older generations count, too.
  RecentIds applied_;
  UnheardIds unheard_;
  // Losses of history, by number: seen here, announced at the moment, announced.
  uint64_t losses_seen_ = 0;
  uint64_t loss_telling_ = 0;
  uint64_t losses_told_ = 0;

  // While open.
  bool anchored_ = false;     // A message has matched the chain since the base.
  bool passed_over_ = false;  // Others came before, and the base's own did not come yet.
  MonotonicNanos opened_at_ = 0;
  MonotonicNanos as_of_ = 0;
  MonotonicNanos next_heartbeat_ = kNever;
  absl::InlinedVector<Heartbeat, 8> heartbeats_;
  bool on_demand_again_ = false;  // Wanted once more, after the one that is under way.
  bool swept_ = false;            // Nothing in memory is from before this generation.

  // Generations that did not last: how long to wait before the next.
  int short_lived_ = 0;
  MonotonicNanos base_not_before_ = 0;

  // Syncs that wait, by deadline and id. The value is the last ticket given out before: a later one
  // answers it.
  absl::btree_map<std::pair<MonotonicNanos, uint64_t>, uint64_t> syncs_;
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_CHANNEL_MACHINE_H_
