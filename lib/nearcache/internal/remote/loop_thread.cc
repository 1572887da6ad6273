#include "nearcache/internal/remote/loop_thread.h"

#include <signal.h>

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

using Body = absl::AnyInvocable<void() &&>;

void* RunBody(void* argument) {
  const std::unique_ptr<Body> body(static_cast<Body*>(argument));
  std::move (*body)();
  return nullptr;
}

absl::Status Create(Body body, int detach_state, pthread_t* thread) {
  auto owned = std::make_unique<Body>(std::move(body));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, detach_state);
  // A thread inherits the mask of its creator.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(thread, &attributes, RunBody, owned.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("pthread_create: ", std::strerror(error)));
  }
  (void)owned.release();
  return absl::OkStatus();
}

}  // namespace

absl::Status LoopThread::Start(Body body) {
  absl::Status status = Create(std::move(body), PTHREAD_CREATE_JOINABLE, &thread_);
  running_ = status.ok();
  return status;
}

void LoopThread::Join() {
  if (!running_) return;
  pthread_join(thread_, nullptr);
  running_ = false;
}

absl::Status RunDetached(Body body) {
  pthread_t ignored;
  return Create(std::move(body), PTHREAD_CREATE_DETACHED, &ignored);
}

}  // namespace nearcache::internal::remote
