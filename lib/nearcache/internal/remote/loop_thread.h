// Threads of the library: started without exceptions, with every signal blocked, so that an application's signal
// handlers never run on them and a broken pipe never kills the process from here.

#ifndef NEARCACHE_INTERNAL_REMOTE_LOOP_THREAD_H_
#define NEARCACHE_INTERNAL_REMOTE_LOOP_THREAD_H_

#include <pthread.h>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace nearcache::internal::remote {

// One thread that is joined. Not thread-safe.
class LoopThread {
 public:
  LoopThread() = default;
  ~LoopThread() { Join(); }

  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // kResourceExhausted if the system gives no thread. REQUIRES: not running.
  absl::Status Start(absl::AnyInvocable<void() &&> body);

  // Waits for the body to return; nothing if it does not run.
  void Join();

 private:
  bool running_ = false;
  pthread_t thread_{};
};

// Runs `body` on a thread that nobody waits for: for calls that block without a deadline (name look-up). `body` owns
// all it uses.
absl::Status RunDetached(absl::AnyInvocable<void() &&> body);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_LOOP_THREAD_H_
