// What the proxy does to the traffic between a worker and its server, and why each of it is fair.
//
// The promise is made for what a network can do: connections end at any byte, bytes come late, slowly, in small pieces,
// or not any more, in either direction; what was sent may arrive after its sender gave the connection up. Within a
// connection TCP neither loses, repeats, reorders nor changes bytes, so a rule that does is only fair where the library
// claims more than TCP gives:
//
//   messages on the invalidation connection lost, repeated or swapped
//       claimed: the chain of lane ids shows each of them (a cluster's bus does lose messages, lib/DESIGN.md)
//   a changed bit in an invalidation message, in its keys as anywhere
//       claimed: it breaks the chain, or the checksum, and then nobody takes the message for heard
//   a changed bit in a value; two values of different keys exchanged
//       claimed: checksum and key digest of the frame make it a miss
//   any other reply lost, repeated, exchanged or changed
//       not claimed, and not done: an answer belongs to the command in its place, as in every client of Redis

#ifndef BENCH_COHERENCE_TORTURE_PROXY_FAULT_H_
#define BENCH_COHERENCE_TORTURE_PROXY_FAULT_H_

#include <atomic>
#include <cstdint>
#include <memory>

namespace nearcache::bench::torture {

enum class FaultAction {
  kDropMessages,  // Of the invalidation connection, as the next three.
  kRepeatMessages,
  kSwapMessages,  // With the one that follows.
  kCorruptMessages,
  kCorruptValues,   // In replies to GET.
  kExchangeValues,  // Of two replies to GETs of different keys.
  kDelay,           // Every message leaves `delay_nanos` after it came, in order.
  kSilence,         // Nothing is read and nothing is written; at the end all goes on, or the connection is cut.
  kTrickle,         // A few bytes per millisecond.
  kCut,             // At once.
  kCutInside,       // In the middle of the next message.
  kHoldCommands,    // Commands are held, then the client's side is cut, then they are delivered after all.
};

enum class ConnectionRole { kAny, kData, kChannel };

struct ProxyFault {
  FaultAction action = FaultAction::kCut;
  int worker = -1;  // -1: every worker.
  ConnectionRole role = ConnectionRole::kAny;
  bool to_client = true;
  bool to_server = false;
  int messages = 1 << 30;  // To how many messages it happens at most.
  int64_t duration_nanos = 0;
  int64_t delay_nanos = 0;     // kDelay; kHoldCommands: from the cut to the delivery.
  bool cut_at_end = false;     // kSilence.
  int bytes_per_milli = 1024;  // kTrickle.
};

// How often a fault really happened: to messages, or to connections.
using FaultTally = std::shared_ptr<std::atomic<int>>;

// A fault that is under way.
struct ActiveFault {
  ProxyFault fault;
  int64_t until_nanos = 0;
  int messages_left = 0;
  FaultTally happened;

  bool Concerns(int worker, ConnectionRole role, bool to_client, int64_t now_nanos) const {
    return now_nanos < until_nanos && (fault.worker < 0 || fault.worker == worker) &&
           (fault.role == ConnectionRole::kAny || fault.role == role) &&
           (to_client ? fault.to_client : fault.to_server);
  }
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_PROXY_FAULT_H_
