// The coherence of one cache with all others of its namespace: performs what the channel machine
// (channel_machine.h) decides. It hears the invalidation channel, empties the local tier
// accordingly, proves by heartbeats that nothing was missed, and keeps the lease under which memory
// may answer (local/lane_lease.h) and the epoch of the namespace.
//
// Threads. Events, heartbeats and everything they cause run on the store's loop thread. Epoch,
// LastEpoch, open, GetStats and Status may be called from any thread; Epoch is lock-free and costs
// a few loads. AdoptEpoch and NoteOwnClear may be called from any thread and take a mutex for a few
// instructions. Nothing here blocks.
//
// Life. Make it, then Store::Start(&coordinator, &coordinator.encoder()), which sets it going. To
// end: Store::Shutdown(), then Stop(). Store, tier, ids and clock must outlive it, and it must
// outlive the store's loop.
//
// Epochs. The epoch of a namespace is the id of its last Clear (or of the process that found none).
// A frame that carries another epoch counts as absent. A reader takes Epoch(now) *after*
// LocalTier::BeginRead, and not before: then either the epoch it uses is the new one, or the Clear
// that changed it has voided the read. With nullopt it asks the server by ReadRequest::want_epoch
// and hands the answer to AdoptEpoch before it completes the read. A fresh read always asks.

#ifndef NEARCACHE_INTERNAL_COHERENCE_COORDINATOR_H_
#define NEARCACHE_INTERNAL_COHERENCE_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/channel_action.h"
#include "nearcache/internal/coherence/coherence_report.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::coherence {

// A generation began or ended.
struct GenerationChange {
  bool opened = false;
  CloseCause cause = CloseCause::kGap;  // Why it ended.
  uint64_t suspect_entries = 0;         // In memory when it ended.
  absl::Duration heartbeat_age;         // When it ended.
};

struct CoordinatorOptions {
  // The bound of the promise; a heartbeat leaves every fifth of it.
  absl::Duration staleness_bound = absl::Seconds(1);
  // Empty the local tier whenever the generation ends, instead of serving what is younger than the
  // bound (LinkDownPolicy::kGoRemote and kFail).
  bool drop_on_close = false;
  // Options::key_version: changes of keys of another version do not concern this process.
  int64_t key_version = 1;
  // Whether the store follows foreign writers (ChannelEvents::OnKeysTouched).
  bool foreign_writers = false;
  // Not owned.
  OperationIdSource* ids = nullptr;
  const Clock* clock = Clock::Real();
  // On the loop's thread; must not block. Null: nobody wants to know.
  std::function<void(const GenerationChange&)> on_generation;
  // The same: the server may have lost acknowledged changes (another server answers, or its lane went back). `epoch` is
  // the last that was heard of before. A generation opens after it.
  std::function<void(OperationId epoch)> on_history_lost;
};

class Coordinator : public remote::ChannelEvents {
 public:
  // `store` and `tier` are not owned.
  Coordinator(const CoordinatorOptions& options, remote::Store* store, local::LocalTier* tier);
  ~Coordinator() override;
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Fails every Sync that still waits with kCancelled. Call after Store::Shutdown; idempotent.
  void Stop();

  // The namespace's epoch, if the lease vouches for it at `now`: no Clear acknowledged before now - staleness_bound is
  // missing. Nullopt: ask the server. Lock-free.
  //
  // What is judged by it is therefore only as fresh as the lease, not as the reply. So whoever leads a flight first
  // calls LocalTier::LimitFreshness(flight, leased_since()), and only then Epoch.
  absl::optional<OperationId> Epoch(MonotonicNanos now) const;

  // Everything that was acknowledged before this moment was heard, while a generation is open. Lock-free.
  MonotonicNanos leased_since() const;

  // The last epoch heard of, vouched for or not; empty if none ever. For writers, who must put one
  // into their frames.
  OperationId LastEpoch() const;

  // A reply carried `epoch`; empty: it showed that the server has none. If it is news, the local tier is emptied before
  // this returns, Epoch() gives nullopt until a heartbeat has confirmed it, and that heartbeat leaves at once.
  void AdoptEpoch(OperationId epoch);

  // The own Clear `id` was acknowledged; call before its caller learns of it. As AdoptEpoch.
  void NoteOwnClear(OperationId id) { AdoptEpoch(id); }

  // Calls `done` once: with ok when everything that any process had acknowledged before this call
  // is known here, so that memory serves nothing older; one round trip. On the loop's thread, or
  // from inside the call if it is refused.
  //   kDeadlineExceeded   not provable by `deadline`; the text says what is missing
  //   kResourceExhausted  too many wait already
  //   kCancelled          Stop was called
  void Sync(MonotonicNanos deadline, absl::AnyInvocable<void(absl::Status) &&> done);

  // For Store::Start. Also notes when each announcement was made, which is how the lag of own ones
  // is known.
  const remote::AnnouncementEncoder& encoder() const;

  // Whether a generation is open: the channel is subscribed and its base is known. Any thread.
  bool open() const;

  CoherenceStats GetStats() const;

  // Ok while open and proven within the bound; else what is wrong and since when, in words. Code
  // kUnavailable.
  absl::Status Status() const;

  // remote::ChannelEvents, on the loop's thread.
  void OnSubscribed() override;
  void OnMessage(absl::string_view payload) override;
  void OnKeysTouched(absl::Span<const absl::string_view> keys) override;
  void OnServerFlushed() override;
  void OnServerChanged() override;
  void OnChannelDown(const absl::Status& cause) override;
  void OnAcknowledged(OperationId lane_id) override;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_COORDINATOR_H_
