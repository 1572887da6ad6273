// A call without an answer yet, shared by all who might give it one: the flight that it joined, the
// store, its deadline, Close. The first of them wins, and the caller hears exactly one (mechanism M13).
//
//   BlockingCall   the caller sleeps in Await, and whoever delivers wakes it with one system call
//   AsyncCall      the user's callback runs: inside the submitting call, or else on the executor
//
// Thread-safe. Finish may be called under no lock that a user's code could want, because an
// AsyncCall that is still being submitted calls the user from inside of it.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_PENDING_CALL_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_PENDING_CALL_H_

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/one_shot_event.h"
#include "nearcache/internal/conductor/callback_runner.h"
#include "nearcache/internal/conductor/gate.h"

namespace nearcache::internal::conductor {

// What a deadline or Close may end.
class Expirable {
 public:
  virtual ~Expirable() = default;
  // Ends it with `cause`, unless it has ended.
  virtual void Expire(const absl::Status& cause) = 0;
  // Whether somebody sees to its deadline already.
  virtual bool keeps_deadline() const { return false; }
};

template <typename T>
class PendingCall : public Expirable {
 public:
  explicit PendingCall(CallSlot slot) : slot_(std::move(slot)) {}

  // Whether this was the first answer; a later one is dropped.
  bool Finish(T result) {
    if (finished_.exchange(true, std::memory_order_acq_rel)) return false;
    // Before the caller hears of it: he may call again at once.
    slot_.Release();
    Deliver(std::move(result));
    return true;
  }

  bool finished() const { return finished_.load(std::memory_order_acquire); }

  void Expire(const absl::Status& cause) override {
    if constexpr (std::is_constructible_v<T, const absl::Status&>) Finish(T(cause));
  }

 private:
  virtual void Deliver(T result) = 0;

  std::atomic<bool> finished_{false};
  CallSlot slot_;
};

template <typename T>
class BlockingCall final : public PendingCall<T> {
 public:
  using PendingCall<T>::PendingCall;

  // Waits for the answer; once only. When `deadline` passes before, `on_deadline()` is the answer.
  template <typename OnDeadline>
  T Await(const Clock& clock, MonotonicNanos deadline, OnDeadline on_deadline) {
    const absl::Duration timeout =
        deadline == kNever ? absl::InfiniteDuration() : absl::Nanoseconds(deadline - clock.Now());
    if (!delivered_.WaitFor(timeout)) {
      this->Finish(on_deadline());
      delivered_.Wait();  // Whoever was first is at least about to put it here.
    }
    return *std::move(result_);
  }

 private:
  bool keeps_deadline() const override { return true; }

  void Deliver(T result) override {
    result_.emplace(std::move(result));
    delivered_.Set();
  }

  absl::optional<T> result_;  // Of who delivers; of the caller once it was delivered.
  OneShotEvent delivered_{OneShotEvent::Waking::kInBatches};
};

namespace pending_call_internal {
// The call that this thread is submitting, if any.
inline thread_local const void* submitting = nullptr;
}  // namespace pending_call_internal

template <typename T>
class AsyncCall final : public PendingCall<T> {
 public:
  using Done = absl::AnyInvocable<void(T) &&>;

  AsyncCall(CallSlot slot, std::shared_ptr<CallbackRunner> runner, Done done)
      : PendingCall<T>(std::move(slot)), runner_(std::move(runner)), done_(std::move(done)) {}

  // Runs `submit`; an answer that comes from inside of it goes to the callback at once.
  template <typename Submit>
  void SubmitBy(Submit submit) {
    const void* const outer = std::exchange(pending_call_internal::submitting, this);
    submit();
    pending_call_internal::submitting = outer;
  }

 private:
  void Deliver(T result) override {
    if (pending_call_internal::submitting == this) {
      // What the callback submits is not part of this submission.
      const void* const self = std::exchange(pending_call_internal::submitting, nullptr);
      std::move(done_)(std::move(result));
      pending_call_internal::submitting = self;
      return;
    }
    runner_->Schedule(
        [done = std::move(done_), result = std::move(result)]() mutable { std::move(done)(std::move(result)); });
  }

  const std::shared_ptr<CallbackRunner> runner_;
  Done done_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_PENDING_CALL_H_
