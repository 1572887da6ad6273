// Where the library runs what belongs to its user: callbacks of the ...Async calls, loaders, listeners.
//
// The library never calls a user's code on its event loop or under a lock. It hands it to the executor of
// Options::executor, or, without one, to a small pool of its own (Options::callback_threads).

#ifndef NEARCACHE_EXECUTOR_H_
#define NEARCACHE_EXECUTOR_H_

#include "absl/functional/any_invocable.h"

namespace nearcache {

// Implement this to run the library's callbacks on your own threads. Must be thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `task` once, soon, on some thread, and must not block for long. Running it before Schedule returns is allowed
  // only for executors whose tasks never wait for the cache. Every accepted task must run, also during shutdown:
  // Cache::Close waits for it.
  virtual void Schedule(absl::AnyInvocable<void() &&> task) = 0;
};

}  // namespace nearcache

#endif  // NEARCACHE_EXECUTOR_H_
