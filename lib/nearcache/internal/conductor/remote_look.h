// A look at what the remote tier holds under one key, for explaining and for auditing. It is no read: nothing that
// happens in memory depends on it, and no counter of reads or frames hears of it.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_LOOK_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_LOOK_H_

#include <string>

#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/remote_sight.h"

namespace nearcache::internal::conductor {

// Asks for the namespace's epoch and the key in one step, and checks the whole frame, on the worker if that takes long.
// `done` is called once, on a thread of the library's or from inside the call. `parts` outlive the store.
void LookRemotely(const RemoteParts& parts, std::string key, MonotonicNanos deadline, RemoteSightDone done);

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_LOOK_H_
