// The lease under which entries of one coherence lane may be served from memory: mechanisms M3 (generation) and M4
// (lease) of the protocol in lib/DESIGN.md.
//
// A *lane* is a coherence domain: one on a standalone server, several in a cluster. The coherence layer writes this
// object from the event loop, every local hit reads it: two relaxed-cost loads of one line that is written a few times
// a second at most.
//
//   closed -> open     Open     the channel is subscribed and its base is known: a new generation begins
//   open   -> open     Renew    a heartbeat sent at T came back through the chain: everything up to T was heard
//   open   -> closed   Close    gap, disconnect, time-out, other server: the generation ends
//
// An entry of generation g is covered while g is the open generation and the lease has not run out. The lease runs out
// by the clock alone, so a process that was stopped for a minute serves nothing from before, without any timer firing.
//
// Thread-safe for any number of readers and one writer.

#ifndef NEARCACHE_INTERNAL_LOCAL_LANE_LEASE_H_
#define NEARCACHE_INTERNAL_LOCAL_LANE_LEASE_H_

#include <atomic>
#include <cstdint>

#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {

// A generation of a lane; kNoGeneration is never covered. A number comes again after four billion, in which time no
// entry of its first life is left: it would have had to stay, unread, through as many changes of the channel.
using Generation = uint32_t;
inline constexpr Generation kNoGeneration = 0;

class alignas(64) LaneLease {
 public:
  // Begins a new generation, covered until `deadline`. Returns it.
  Generation Open(MonotonicNanos deadline) {
    // The order matters: Covers() reads the deadline first and the generation after it, so whoever sees this deadline
    // also sees this generation, and cannot extend an entry of an older one.
    const Generation generation = NextGeneration();
    generation_.store(generation, std::memory_order_release);
    SwitchPoint(Switch::kPublish);
    open_generation_.store(generation, std::memory_order_release);
    SwitchPoint(Switch::kPublish);
    deadline_.store(deadline, std::memory_order_release);
    return generation;
  }

  // Extends the open generation; never shortens it, and does nothing while closed.
  void Renew(MonotonicNanos deadline) {
    if (open_generation_.load(std::memory_order_relaxed) == kNoGeneration) return;
    if (deadline > deadline_.load(std::memory_order_relaxed)) deadline_.store(deadline, std::memory_order_release);
  }

  // Ends the open generation, at once and for every reader.
  void Close() {
    generation_.store(NextGeneration(), std::memory_order_release);
    SwitchPoint(Switch::kPublish);
    open_generation_.store(kNoGeneration, std::memory_order_release);
  }

  // Whether an entry that was filled in `generation` may be served at `now`, whatever its own age. REQUIRES: the entry
  // cannot leave between the search for it and this look, as under the lock of its stripe.
  bool Covers(Generation generation, MonotonicNanos now) const { return Covers(generation, now, deadline()); }
  bool Covers(const std::atomic<Generation>& generation, MonotonicNanos now) const {
    return Covers(generation, now, deadline());
  }

  // The same for a reader without a lock, with the deadline() that he took before he searched. One that he takes
  // afterwards may be that of an extension which vouches for the absence of this very entry: a message took it away,
  // and the reader was not run meanwhile. Likewise the generation, which may be taken from an entry in doubt, is looked
  // at after the deadline.
  bool Covers(Generation generation, MonotonicNanos now, MonotonicNanos deadline) const {
    return now <= deadline && generation == generation_.load(std::memory_order_acquire);
  }
  bool Covers(const std::atomic<Generation>& generation, MonotonicNanos now, MonotonicNanos deadline) const {
    return Covers(generation.load(std::memory_order_relaxed), now, deadline);
  }

  // The generation to give to a fill that begins now; kNoGeneration while closed.
  Generation FillGeneration() const { return open_generation_.load(std::memory_order_acquire); }

  MonotonicNanos deadline() const { return deadline_.load(std::memory_order_acquire); }

 private:
  // Never kNoGeneration.
  Generation NextGeneration() const {
    const Generation next = generation_.load(std::memory_order_relaxed) + 1;
    return next != kNoGeneration ? next : next + 1;
  }

  std::atomic<MonotonicNanos> deadline_{0};
  std::atomic<Generation> generation_{1};
  std::atomic<Generation> open_generation_{kNoGeneration};
};

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_LANE_LEASE_H_
