#include "nearcache/internal/remote/event_loop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

absl::Status SystemFailure(const char* call, int error) {
  return absl::ResourceExhaustedError(absl::StrCat(call, ": ", std::strerror(error)));
}

// Rounded up: waking before a timer is due would only mean waiting once more.
int ToMilliseconds(absl::Duration timeout) {
  const int64_t milliseconds = absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(milliseconds, 0, std::numeric_limits<int>::max()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return SystemFailure("epoll_create1", errno);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) {
    const int error = errno;
    close(epoll);
    return SystemFailure("eventfd", error);
  }
  std::unique_ptr<EventLoop> loop(new EventLoop(epoll, wake));
  if (!loop->Control(EPOLL_CTL_ADD, kWakeToken, {wake, false, nullptr})) {
    return SystemFailure("epoll_ctl", errno);
  }
  return loop;
}

EventLoop::EventLoop(int epoll, int wake) : epoll_descriptor_(epoll), wake_descriptor_(wake) {}

EventLoop::~EventLoop() {
  close(wake_descriptor_);
  close(epoll_descriptor_);
}

bool EventLoop::Control(int operation, Token token, const Watched& watched) const {
  epoll_event event{};
  event.events = EPOLLIN | (watched.writable ? uint32_t{EPOLLOUT} : 0u);
  event.data.u64 = token;
  return epoll_ctl(epoll_descriptor_, operation, watched.descriptor, &event) == 0;
}

absl::StatusOr<EventLoop::Token> EventLoop::Watch(int descriptor, bool writable, IoHandler* handler) {
  const Token token = ++last_token_;
  const Watched watched{descriptor, writable, handler};
  if (!Control(EPOLL_CTL_ADD, token, watched)) return SystemFailure("epoll_ctl", errno);
  watched_.emplace(token, watched);
  return token;
}

void EventLoop::Change(Token token, bool writable) {
  const auto found = watched_.find(token);
  if (found == watched_.end() || found->second.writable == writable) return;
  found->second.writable = writable;
  (void)Control(EPOLL_CTL_MOD, token, found->second);
}

void EventLoop::Unwatch(Token token) {
  const auto found = watched_.find(token);
  if (found == watched_.end()) return;
  (void)Control(EPOLL_CTL_DEL, token, found->second);
  watched_.erase(found);
}

void EventLoop::Wait(absl::Duration timeout, absl::FunctionRef<bool()> has_work) {
  asleep_.store(true, std::memory_order_seq_cst);
  const int milliseconds = has_work() ? 0 : ToMilliseconds(timeout);
  event_count_ = epoll_wait(epoll_descriptor_, events_, kEventsPerWait, milliseconds);
  asleep_.store(false, std::memory_order_relaxed);
}

void EventLoop::Dispatch() {
  for (int i = 0; i < event_count_; ++i) {
    const Token token = events_[i].data.u64;
    if (token == kWakeToken) {
      DrainWake();
      continue;
    }
    const auto found = watched_.find(token);
    if (found == watched_.end()) continue;
    const uint32_t happened = events_[i].events;
    found->second.handler->OnIo((happened & ~uint32_t{EPOLLOUT}) != 0, (happened & EPOLLOUT) != 0);
  }
  event_count_ = 0;
}

void EventLoop::DrainWake() const {
  uint64_t ignored;
  (void)!read(wake_descriptor_, &ignored, sizeof(ignored));
}

bool EventLoop::Wake() {
  if (!asleep_.load(std::memory_order_seq_cst) || !asleep_.exchange(false)) return false;
  const uint64_t one = 1;
  (void)!write(wake_descriptor_, &one, sizeof(one));
  return true;
}

}  // namespace nearcache::internal::remote
