// The engine's side of the circuit breaker: what it is shown of operations, and what becomes of its decisions.

#include <string>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/engine_impl.h"
#include "nearcache/internal/remote/server_error.h"

namespace nearcache::internal::remote {
namespace {

// Errors that say that this server answers nobody, whatever the command. Those that refuse writes alone (OOM, MISCONF,
// READONLY, NOREPLICAS) do not count: reads would pay for them.
bool AnswersNobody(const Reply& reply) {
  if (!reply.is_error()) return false;
  const absl::string_view code = ServerErrorCode(reply.text());
  return code == "LOADING" || code == "BUSY" || code == "MASTERDOWN" || code == "CLUSTERDOWN";
}

}  // namespace

void Engine::Impl::BreakerTimer::OnTimer() {
  engine_->breaker_timer_at_ = kNever;
  engine_->breaker_.OnTimer(engine_->now_);
  engine_->FollowBreaker();
}

// --- What the breaker is shown

void Engine::Impl::ShowBreaker(OperationNode* node, Breaker::Outcome outcome) {
  node->judged = true;
  breaker_.OnOutcome(outcome, node->taken_at, now_);
  FollowBreaker();
}

// A late reply, too, tells how long the server took.
void Engine::Impl::JudgeAnswer(OperationNode* node) {
  if (node->operation.command_class == CommandClass::kControl || node->judged) return;
  const bool failed = !node->tombstone && !node->result.replies.empty() && AnswersNobody(node->result.replies.front());
  const bool slow = now_ - node->taken_at > slow_call_nanos_;
  ShowBreaker(node, failed ? Breaker::Outcome::kFailed : slow ? Breaker::Outcome::kSlow : Breaker::Outcome::kGood);
}

void Engine::Impl::JudgeFailure(OperationNode* node, const absl::Status& status) {
  if (node->operation.command_class == CommandClass::kControl || node->judged || absl::IsCancelled(status)) return;
  // Who waits for less than a slow call would take has learned nothing about the server yet. What is in flight shows
  // itself later: by its reply, or by the loss of its connection.
  const bool impatient = absl::IsDeadlineExceeded(status) && now_ - node->taken_at < slow_call_nanos_;
  if (!impatient) ShowBreaker(node, Breaker::Outcome::kFailed);
}

// --- What it decides

void Engine::Impl::FollowBreaker() {
  if (breaker_.timer_at() != breaker_timer_at_) {
    breaker_timer_at_ = breaker_.timer_at();
    wheel_.Arm(&breaker_timer_, breaker_timer_at_);
  }
  if (breaker_.state() == gate_.state()) {
    gate_.Follow(breaker_);
    return;
  }
  const std::string text = absl::StrCat(options_.address.ToString(), ": the circuit breaker is ",
                                        BreakerStateName(breaker_.state()), ": ", breaker_.cause());
  {
    // Before the gate refuses anybody.
    absl::MutexLock lock(&status_mutex_);
    refusal_ = absl::UnavailableError(absl::StrCat(text, "; nothing was sent"));
  }
  gate_.Follow(breaker_);
  events_->OnBreaker(breaker_.state(), text);
}

absl::Status Engine::Impl::Refusal() const {
  absl::MutexLock lock(&status_mutex_);
  return refusal_;
}

absl::Status Engine::Impl::AdmitCall() { return gate_.Admit() ? absl::OkStatus() : Refusal(); }

absl::Status Engine::Impl::BreakerStatus() const { return gate_.WouldAdmit() ? absl::OkStatus() : Refusal(); }

}  // namespace nearcache::internal::remote
