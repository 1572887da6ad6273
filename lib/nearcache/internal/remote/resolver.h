// Host names to addresses, off the loop: getaddrinfo blocks for as long as it likes.
//
// A look-up runs on a thread of its own that nobody waits for, because nothing can interrupt it. Callers bound how many
// run: a link has at most one.

#ifndef NEARCACHE_INTERNAL_REMOTE_RESOLVER_H_
#define NEARCACHE_INTERNAL_REMOTE_RESOLVER_H_

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nearcache/internal/remote/address.h"

namespace nearcache::internal::remote {

// Numeric addresses, best first.
using ResolvedAddresses = absl::StatusOr<std::vector<Address>>;
using ResolveCallback = absl::AnyInvocable<void(ResolvedAddresses) &&>;

// Looks a name up: returns at once, and calls `done` once, later, on any thread, or from inside the call. `done` may
// outlive everything but what it owns itself. Called on the loop's thread.
using Resolver = absl::AnyInvocable<void(const Address& address, ResolveCallback done)>;

// Whether `address` needs no look-up: a unix socket, an IPv4 or an IPv6 address.
bool IsNumeric(const Address& address);

// Looks `address` up and calls `done` once, on another thread, or from inside the call if no thread could be started.
// `done` must own all it uses. kUnavailable names the host and the reason.
void ResolveDetached(const Address& address, ResolveCallback done);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_RESOLVER_H_
