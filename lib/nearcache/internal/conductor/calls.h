// The two forms of every call: both count the caller in, make the pending call, start the work and
// bring the answer, the one by waiting for it, the other by a callback.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_CALLS_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_CALLS_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/conductor/pending_call.h"

namespace nearcache::internal::conductor {

// Counts a call in that was given `timeout`.
inline absl::Status EnterCall(Core& core, absl::Duration timeout) {
  absl::Status refused = CheckTimeout(timeout);
  return refused.ok() ? core.gate().Enter() : refused;
}

// Who waits until when: a read leaves at its own deadline, while the work may go on for others; a
// change waits for the answer of the store, which keeps the deadline and alone knows the outcome.
enum class Patience { kUntilDeadline, kUntilAnswer };

// Calls `start(call, deadline)` and waits. `fail` makes a T of an error.
template <typename T, typename Fail, typename Start>
T RunBlocking(Core& core, absl::Duration timeout, Patience patience, Fail fail, Start start) {
  const absl::Status refused = EnterCall(core, timeout);
  if (!refused.ok()) return fail(refused);
  const CallSlot slot(&core.gate());
  const MonotonicNanos deadline = core.DeadlineAfter(timeout);
  const auto call = std::make_shared<BlockingCall<T>>(CallSlot());
  start(call, deadline);
  return call->Await(core.clock(), patience == Patience::kUntilAnswer ? kNever : deadline,
                     [fail] { return fail(DeadlinePassed("the call waited for an answer")); });
}

// Calls `start(call, deadline)`; `done(T)` hears the answer.
template <typename T, typename Fail, typename Start, typename Done>
void RunAsync(Core& core, absl::Duration timeout, Fail fail, Start start, Done done) {
  const absl::Status refused = EnterCall(core, timeout);
  if (!refused.ok()) {
    std::move(done)(fail(refused));
    return;
  }
  const auto call = std::make_shared<AsyncCall<T>>(CallSlot(&core.gate()), core.runner(), std::move(done));
  const MonotonicNanos deadline = core.DeadlineAfter(timeout);
  call->SubmitBy([&] { start(call, deadline); });
}

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_CALLS_H_
