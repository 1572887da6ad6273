// Where a test lets another thread run: the seam through which
// //tests/nearcache/internal/local:interleaving_test runs threads one at a time, in every order that there is.
//
// Only that test's build defines NEARCACHE_SWITCH_POINTS. In all others a switch point is nothing at all, and the mutex
// of a stripe is absl::Mutex.

#ifndef NEARCACHE_INTERNAL_LOCAL_SWITCH_POINT_H_
#define NEARCACHE_INTERNAL_LOCAL_SWITCH_POINT_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nearcache::internal::local {

enum class Switch {
  kBeforeLock,   // The mutex of a stripe is about to be taken.
  kAfterUnlock,  // It was given back.
  kLook,         // Between two loads of a reader without a lock.
  kPublish,      // Between two stores that such a reader may see apart.
};

#ifdef NEARCACHE_SWITCH_POINTS

// Decides who runs. While there is none, nothing is switched.
class SwitchHooks {
 public:
  virtual ~SwitchHooks() = default;
  virtual void At(Switch point) = 0;
  // Return when the calling thread holds `mutex`, and does no longer.
  virtual void Lock(const void* mutex) = 0;
  virtual void Unlock(const void* mutex) = 0;
};

inline SwitchHooks* switch_hooks = nullptr;

inline void SwitchPoint(Switch point) {
  if (switch_hooks != nullptr) switch_hooks->At(point);
}

class ABSL_LOCKABLE StripeMutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (switch_hooks != nullptr) switch_hooks->Lock(this);
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (switch_hooks != nullptr) switch_hooks->Unlock(this);
  }
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}
};

class ABSL_SCOPED_LOCKABLE StripeLock {
 public:
  explicit StripeLock(StripeMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~StripeLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  StripeLock(const StripeLock&) = delete;
  StripeLock& operator=(const StripeLock&) = delete;

 private:
  StripeMutex* const mutex_;
};

#else

inline void SwitchPoint(Switch) {}

using StripeMutex = absl::Mutex;
using StripeLock = absl::MutexLock;

#endif

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_SWITCH_POINT_H_
