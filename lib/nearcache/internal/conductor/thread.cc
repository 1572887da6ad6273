#include "nearcache/internal/conductor/thread.h"

#include <signal.h>

#include <cassert>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::internal::conductor {
namespace {

using Body = absl::AnyInvocable<void() &&>;

void* RunBody(void* argument) {
  const std::unique_ptr<Body> body(static_cast<Body*>(argument));
  std::move (*body)();
  return nullptr;
}

// A new thread inherits the signal mask of its creator.
int CreateWithSignalsBlocked(pthread_t* handle, Body* body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(handle, nullptr, RunBody, body);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

Thread::~Thread() { assert(!started_); }

absl::Status Thread::Start(const char* name, Body body) {
  auto owned = std::make_unique<Body>(std::move(body));
  const int error = CreateWithSignalsBlocked(&handle_, owned.get());
  if (error != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("the system gave no thread for ", name, " (error ", error, ")"));
  }
  static_cast<void>(owned.release());  // RunBody owns it now.
  pthread_setname_np(handle_, name);
  started_ = true;
  return absl::OkStatus();
}

void Thread::Join() {
  pthread_join(handle_, nullptr);
  started_ = false;
}

void Thread::Detach() {
  pthread_detach(handle_);
  started_ = false;
}

}  // namespace nearcache::internal::conductor
