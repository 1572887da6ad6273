// One byte stream to one server: a socket, plain or wrapped. The seam where TLS goes in.
//
// Non-blocking throughout. A transport belongs to the loop's thread; nothing here is thread-safe, but see
// AllowsForeignWrites.

#ifndef NEARCACHE_INTERNAL_REMOTE_TRANSPORT_H_
#define NEARCACHE_INTERNAL_REMOTE_TRANSPORT_H_

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "nearcache/internal/remote/address.h"

namespace nearcache::internal::remote {

struct IoResult {
  enum class Kind {
    kDone,       // `bytes` were moved; more than none.
    kWantRead,   // Nothing moved; try again when the descriptor is readable.
    kWantWrite,  // Nothing moved; try again when it is writable.
    kClosed,     // The other side ended the stream in order.
    kFailed,     // `status` says why.
  };
  Kind kind = Kind::kFailed;
  size_t bytes = 0;
  absl::Status status;
};

class Transport {
 public:
  // Closes the descriptor.
  virtual ~Transport() = default;

  virtual int descriptor() const = 0;

  // Goes on with connecting (and, for TLS, shaking hands) after the descriptor became ready. kDone once bytes may flow.
  virtual IoResult FinishConnect() = 0;

  virtual IoResult Read(char* buffer, size_t capacity) = 0;

  // Whether bytes that were read from the descriptor wait inside (TLS records): no event will tell of them.
  virtual bool HasBufferedInput() const { return false; }

  // Whether Write may be called by another thread than the loop's, one at a time, while the loop may be inside Read.
  // TLS may not: its Read can write.
  virtual bool AllowsForeignWrites() const { return false; }

  // Writes what fits of `parts`, in order. Never raises SIGPIPE.
  virtual IoResult Write(absl::Span<const iovec> parts) = 0;
};

// What a transport needs to know. `address` is numeric (no name look-up happens here); `server_name` is the host as the
// user wrote it, for the check of a certificate.
struct TransportRequest {
  Address address;
  std::string server_name;
  // Unacknowledged data older than this makes the kernel give up (TCP_USER_TIMEOUT), so that a silent network is
  // noticed.
  absl::Duration user_timeout;
};

// Starts connecting; never blocks. Called on the loop's thread.
using TransportFactory =
    absl::AnyInvocable<absl::StatusOr<std::unique_ptr<Transport>>(const TransportRequest& request)>;

// A plain TCP or unix socket, opened through hiredis.
absl::StatusOr<std::unique_ptr<Transport>> OpenPlainTransport(const TransportRequest& request);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_TRANSPORT_H_
