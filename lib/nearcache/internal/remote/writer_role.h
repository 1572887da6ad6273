// Who writes to the data connection: the loop, or, in its place, one caller that is alone.
//
// A caller that finds nothing in flight may write its operation to the socket itself, so that the loop is woken once,
// by the reply, instead of twice: a lone blocking call costs two context switches. The loop lends the role while it
// does not need it, and takes it back before it uses the connection in any way:
//
//   loop    -> lent     Lend      the loop, when nothing is queued, in flight or unsent
//   lent    -> writing  Claim     one caller; the others submit to the loop as always
//   writing -> lent     Decline   that caller, before it wrote anything
//   writing -> written  Write     that caller; the operation is the loop's from here on
//   lent, written -> loop  TakeBack  the loop; it takes over what was written
//
// While a caller is writing the loop waits for it, yielding: that is one system call on a socket that never blocks.
//
// Lend and TakeBack belong to the loop's thread, Claim to any; Decline and Write to the thread that claimed.

#ifndef NEARCACHE_INTERNAL_REMOTE_WRITER_ROLE_H_
#define NEARCACHE_INTERNAL_REMOTE_WRITER_ROLE_H_

#include <atomic>
#include <cstddef>

#include "nearcache/internal/remote/operation_node.h"
#include "nearcache/internal/remote/transport.h"

namespace nearcache::internal::remote {

class WriterRole {
 public:
  // What a caller wrote in the loop's place.
  struct Written {
    OperationNode* node = nullptr;  // Null: nothing.
    size_t bytes = 0;               // Of its commands, from the front, that the socket took.
  };

  // `transport` lives until TakeBack.
  void Lend(Transport* transport);
  Written TakeBack();
  bool lent() const { return lent_; }

  bool Claim();
  void Decline();
  // Takes over `node`, whose sent_at is set. True if the socket took all of it; otherwise the loop must be woken to
  // send the rest, or to meet the error that this thread met.
  bool Write(OperationNode* node);

 private:
  enum class State { kLoop, kLent, kWriting, kWritten };

  std::atomic<State> state_{State::kLoop};
  bool lent_ = false;  // The loop's thread.
  // Of whoever has the role.
  Transport* transport_ = nullptr;
  Written written_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_WRITER_ROLE_H_
