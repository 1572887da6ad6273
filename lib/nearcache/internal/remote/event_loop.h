// What the engine's thread waits on: epoll, and an eventfd by which other threads wake it.
//
// Wake-ups are coalesced: a thread that has left work calls Wake, which costs a system call only if the loop sleeps and
// nobody has woken it yet.
//
// Wake may be called on any thread, everything else on the loop's thread alone.

#ifndef NEARCACHE_INTERNAL_REMOTE_EVENT_LOOP_H_
#define NEARCACHE_INTERNAL_REMOTE_EVENT_LOOP_H_

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nearcache::internal::remote {

class IoHandler {
 public:
  // `readable` is set for errors and hang-ups too: the next read tells which.
  virtual void OnIo(bool readable, bool writable) = 0;

 protected:
  virtual ~IoHandler() = default;
};

class EventLoop {
 public:
  // Names one watched descriptor; never used twice, so that an event that was already on its way when its descriptor
  // was dropped reaches nobody.
  using Token = uint64_t;

  // kResourceExhausted if the process has no descriptors left.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();

  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Starts calling `handler`; level-triggered, readable always.
  absl::StatusOr<Token> Watch(int descriptor, bool writable, IoHandler* handler);
  void Change(Token token, bool writable);
  // REQUIRES: before the descriptor is closed.
  void Unwatch(Token token);

  // Waits for events, a Wake, or `timeout`. Does not wait if `has_work` returns true: it is asked once the loop counts
  // as asleep, so that no Wake can fall between the question and the sleep.
  void Wait(absl::Duration timeout, absl::FunctionRef<bool()> has_work);

  // Calls the handlers of what the last Wait saw. Handlers may watch and unwatch anything.
  void Dispatch();

  // True if a system call was needed.
  bool Wake();

 private:
  struct Watched {
    int descriptor;
    bool writable;
    IoHandler* handler;
  };

  EventLoop(int epoll, int wake);
  void DrainWake() const;
  bool Control(int operation, Token token, const Watched& watched) const;

  static constexpr Token kWakeToken = 0;
  static constexpr int kEventsPerWait = 16;

  const int epoll_descriptor_;
  const int wake_descriptor_;
  std::atomic<bool> asleep_{false};
  Token last_token_ = kWakeToken;
  absl::flat_hash_map<Token, Watched> watched_;
  epoll_event events_[kEventsPerWait];
  int event_count_ = 0;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_EVENT_LOOP_H_
