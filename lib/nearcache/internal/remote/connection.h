// One connection: a transport, the bytes on their way out, and the operations whose replies are on their way in.
//
// Replies come in the order of the commands, so the first reply belongs to the first operation in flight. A reply that
// nobody waits for, or of a type its command cannot have, means that this order is lost; then the connection says so
// and must be dropped: it never guesses.
//
// Loop's thread alone.

#ifndef NEARCACHE_INTERNAL_REMOTE_CONNECTION_H_
#define NEARCACHE_INTERNAL_REMOTE_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/engine_counters.h"
#include "nearcache/internal/remote/operation_node.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/reply_reader.h"
#include "nearcache/internal/remote/transport.h"
#include "nearcache/internal/remote/write_chain.h"

namespace nearcache::internal::remote {

class Connection {
 public:
  // Bytes per read: a larger read would let the server run dry before the next commands reach it.
  static constexpr size_t kReadBytes = 16 << 10;

  class Owner {
   public:
    // A whole reply. Gives it back by TakeReply, or keeps it if it is out of band. An error means that the connection
    // is broken. May drop the connection (Abandon).
    virtual absl::Status OnReply(Reply&& reply) = 0;
    // A message of a subscription, as a push of RESP3; as OnReply. Both views live for the duration of the call.
    virtual absl::Status OnPushedMessage(absl::string_view channel, absl::string_view payload) = 0;
    // All replies of `node` came; takes it over.
    virtual void OnAnswered(OperationNode* node) = 0;

   protected:
    virtual ~Owner() = default;
  };

  Connection(std::unique_ptr<Transport> transport, const ReplyLimits& limits, EngineCounters* counters, Owner* owner);

  // Takes over `node` and appends its bytes; they leave with the next Flush.
  void Send(OperationNode* node, MonotonicNanos now);

  // Takes over `node`, of whose bytes the socket took `sent` from another thread. REQUIRES: idle().
  void AdoptSent(OperationNode* node, size_t sent);

  // Sends what the socket takes. True if bytes are left and the socket takes no more for now.
  absl::StatusOr<bool> Flush();

  // Reads once and hands out the replies. True if there may be more to read. kUnavailable: closed or failed; kInternal:
  // the server broke the protocol.
  absl::StatusOr<bool> ReadOnce(char* buffer, MonotonicNanos now);

  // Gives `reply` to the oldest operation in flight.
  absl::Status TakeReply(Reply&& reply);

  // Ends it: nothing is sent or handed out any more, though it may still be on the call stack. The operations in flight
  // go to the caller, left_process set for those whose bytes had begun to leave.
  OperationList Abandon();

  bool abandoned() const { return abandoned_; }
  // Nothing is unsent or unanswered.
  bool idle() const { return in_flight_.empty() && chain_.pending_bytes() == 0; }
  Transport& transport() { return *transport_; }
  size_t unsent_bytes() const { return chain_.pending_bytes(); }
  // When the oldest unanswered command was sent; kNever if all are answered.
  MonotonicNanos oldest_sent_at() const;
  MonotonicNanos received_at() const { return received_at_; }
  const OperationList& in_flight() const { return in_flight_; }
  // About how many bytes of replies are still to come, judged by those that came.
  uint64_t OwedBytes() const { return in_flight_.size() * bytes_per_operation_; }
  // The first few bytes that were ever received.
  absl::string_view greeting() const { return greeting_; }

 private:
  absl::Status HandOut(absl::string_view bytes);

  const std::unique_ptr<Transport> transport_;
  EngineCounters* const counters_;
  Owner* const owner_;
  ReplyReader reader_;
  WriteChain chain_;
  OperationList in_flight_;
  bool abandoned_ = false;
  MonotonicNanos received_at_ = 0;
  uint64_t bytes_per_operation_ = 64;
  uint64_t answered_ = 0;
  std::string greeting_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_CONNECTION_H_
