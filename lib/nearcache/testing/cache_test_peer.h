// Opens a Cache over any store and any clock, for tests.

#ifndef NEARCACHE_TESTING_CACHE_TEST_PEER_H_
#define NEARCACHE_TESTING_CACHE_TEST_PEER_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "nearcache/cache.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/options.h"

namespace nearcache::testing {

class CacheTestPeer {
 public:
  // As Cache::Open, but a remote tier, if `options` name one, is what `factory` makes. `clock` must
  // outlive the cache; deadlines of blocking calls are kept by real time.
  static absl::StatusOr<std::unique_ptr<Cache>> Open(const Options& options, internal::conductor::StoreFactory factory,
                                                     const internal::Clock* clock = internal::Clock::Real()) {
    auto core = internal::conductor::Core::Create(options, std::move(factory), clock);
    if (!core.ok()) return core.status();
    return std::unique_ptr<Cache>(new Cache(*std::move(core)));
  }
};

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTING_CACHE_TEST_PEER_H_
