// A thread whose start can fail without an exception, and that leaves signals to the application.
//
// Not thread-safe: one owner.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_THREAD_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_THREAD_H_

#include <pthread.h>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace nearcache::internal::conductor {

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // REQUIRES: neither running nor waiting to be joined.
  ~Thread();

  // Runs `body` on a new thread, named `name` (15 bytes at most) and with all signals blocked.
  // kResourceExhausted if the system gives no thread; `body` is destroyed then.
  absl::Status Start(const char* name, absl::AnyInvocable<void() &&> body);

  bool started() const { return started_; }
  bool is_current() const { return started_ && pthread_equal(pthread_self(), handle_) != 0; }

  // REQUIRES: started() and not is_current().
  void Join();

  // Lets the thread end by itself; what it uses must belong to it.
  void Detach();

 private:
  pthread_t handle_{};
  bool started_ = false;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_THREAD_H_
