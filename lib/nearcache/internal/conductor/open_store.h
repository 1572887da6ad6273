// Makes the store that Options::remote describes. It is a file of its own so that a cache over
// another store (tests, simulation) needs neither sockets nor hiredis.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_OPEN_STORE_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_OPEN_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {

// Opens nothing yet. REQUIRES: options.Validate().ok() and options.has_remote()
absl::StatusOr<std::unique_ptr<remote::Store>> OpenStore(const Options& options, const Clock* clock);

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_OPEN_STORE_H_
