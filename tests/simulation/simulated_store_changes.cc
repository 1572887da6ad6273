// Changes of the simulated store: alone, or in groups by the real plans and verdicts.

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "tests/simulation/simulated_store.h"

namespace nearcache::simulation {

namespace remote = ::nearcache::internal::remote;

namespace {

constexpr int kDeleteAttempts = 3;

// Small, so that groups are split.
remote::GroupLimits Limits() {
  remote::GroupLimits limits;
  limits.changes_max = 3;
  limits.deadline_spread_nanos = 50 * kMillisecond;
  return limits;
}

std::vector<remote::ChangeRequest> RequestsOf(const remote::ChangeGroup& group) {
  std::vector<remote::ChangeRequest> requests;
  for (const remote::PendingChange& change : group) requests.push_back(change.request);
  return requests;
}

}  // namespace

void SimulatedStore::Change(remote::ChangeRequest request, remote::ChangeCallback done) {
  if (request.kind == remote::ChangeKind::kForgetAll && mutant_ == Mutant::kLossUntold) {
    remote::ChangeResult result;
    result.applied = true;
    return std::move(done)(std::move(result));
  }
  remote::PendingChange change{std::move(request), std::move(done)};
  if (network_.turn_max_nanos == 0) return SendAlone(std::move(change), 1, /*maybe_executed=*/false);
  waiting_.push_back(std::move(change));
  if (waiting_.size() > 1) return;
  scheduler_->After(scheduler_->Between(0, network_.turn_max_nanos), Scheduler::Loop(process_),
                    [this] { SendWaiting(); });
}

void SimulatedStore::SendWaiting() {
  for (remote::ChangeGroup& group : remote::PlanGroups(std::exchange(waiting_, {}), Limits())) {
    if (group.size() == 1) {
      SendAlone(std::move(group[0]), 1, /*maybe_executed=*/false);
    } else {
      SendGroup(std::move(group));
    }
  }
}

void SimulatedStore::Acknowledge(OperationId lane_id, int64_t made_in) {
  if (made_in != kNone && made_in == generation_) known_[{lane_id.nonce, lane_id.counter}] = made_in;
  if (mutant_ != Mutant::kOwnUnheard) events_->OnAcknowledged(lane_id);
}

void SimulatedStore::SendAlone(remote::PendingChange change, int attempt, bool maybe_executed) {
  const remote::ChangeRequest& request = change.request;
  const OperationId lane_id = attempt == 1 ? request.id : own_ids_.Next();
  const remote::Announced announced{request.kind, request.id, request.key};
  std::string message = (*encoder_)(lane_id, {&announced, 1});
  // One connection per key, so that operations of one caller keep their order (catalogue 25).
  const size_t connection = request.key.empty() ? 0 : static_cast<size_t>(request.key.back()) % data_.size();
  const MonotonicNanos deadline = request.deadline;
  const int64_t made_in = generation_;
  auto shared = std::make_shared<remote::PendingChange>(std::move(change));
  Submit(
      connection, deadline,
      // What is on its way may arrive when nobody waits for it any more.
      [this, sent = shared->request, lane_id, made_in, message = std::move(message), shared,
       maybe_executed]() -> std::function<void()> {
        remote::ChangeResult result = server_->Change(sent, message);
        if (!result.status.ok()) result.unknown |= maybe_executed;
        return [this, lane_id, made_in, result, shared] {
          const bool opening = shared->request.kind == remote::ChangeKind::kForgetAll;
          if (opening && mutant_ == Mutant::kOpeningUnheard) {
            known_[{lane_id.nonce, lane_id.counter}] = made_in;
          } else if (remote::WasAnnounced(shared->request.kind, result)) {
            Acknowledge(lane_id, made_in);
          }
          std::move(shared->done)(result);
        };
      },
      [this, shared, attempt, maybe_executed](const absl::Status& status, bool unknown) {
        const remote::ChangeKind kind = shared->request.kind;
        const bool again =
            kind == remote::ChangeKind::kDelete || (kind == remote::ChangeKind::kSet && mutant_ == Mutant::kRetrySet);
        if (again && unknown && absl::IsUnavailable(status) && attempt < kDeleteAttempts) {
          return SendAgain(std::move(*shared), attempt + 1);
        }
        remote::ChangeResult result;
        result.status = status;
        result.unknown = unknown || maybe_executed;
        std::move(shared->done)(std::move(result));
      });
}

// When there is a connection again, perhaps.
void SimulatedStore::SendAgain(remote::PendingChange change, int attempt) {
  auto shared = std::make_shared<remote::PendingChange>(std::move(change));
  scheduler_->After(scheduler_->Between(0, 2 * network_.reconnect_max_nanos), Scheduler::Loop(process_),
                    [this, shared, attempt] { SendAlone(std::move(*shared), attempt, /*maybe_executed=*/true); });
}

void SimulatedStore::SendGroup(remote::ChangeGroup group) {
  const OperationId lane_id = own_ids_.Next();
  std::vector<remote::Announced> announced = remote::GroupAnnouncement(group);
  if (mutant_ == Mutant::kGroupListsFirst) announced.resize(1);
  std::string message = (*encoder_)(lane_id, announced);
  MonotonicNanos deadline = 0;
  for (const remote::PendingChange& change : group) deadline = std::max(deadline, change.request.deadline);
  const bool key_refused = scheduler_->Chance(network_.group_refused);
  const int64_t made_in = generation_;
  auto shared = std::make_shared<remote::ChangeGroup>(std::move(group));
  Submit(
      0, deadline,
      [this, sent = RequestsOf(*shared), lane_id, made_in, shared, message = std::move(message),
       key_refused]() -> std::function<void()> {
        auto result = std::make_shared<remote::OperationResult>(server_->ChangeGroup(sent, message, key_refused));
        return [this, lane_id, made_in, shared, result] {
          OnGroupAnswered(lane_id, made_in, std::move(*shared), std::move(*result));
        };
      },
      [this, lane_id, made_in, shared](const absl::Status& status, bool unknown) {
        remote::OperationResult result;
        result.status = status;
        result.unknown = unknown;
        OnGroupAnswered(lane_id, made_in, std::move(*shared), std::move(result));
      });
}

void SimulatedStore::OnGroupAnswered(OperationId lane_id, int64_t made_in, remote::ChangeGroup group,
                                     remote::OperationResult result) {
  ++groups_;
  if (remote::GroupWasAnnounced(result)) Acknowledge(lane_id, made_in);
  std::vector<remote::GroupVerdict> verdicts = remote::JudgeGroup(group, std::move(result));
  for (size_t i = 0; i < group.size(); ++i) Follow(std::move(group[i]), std::move(verdicts[i]));
}

void SimulatedStore::Follow(remote::PendingChange change, remote::GroupVerdict verdict) {
  using Next = remote::GroupVerdict::Next;
  const bool aborted = absl::IsAborted(verdict.result.status);
  if ((mutant_ == Mutant::kGroupAborted && verdict.next == Next::kAlone) ||
      (mutant_ == Mutant::kGroupStale && verdict.next == Next::kDone && aborted)) {
    verdict = remote::GroupVerdict();
    verdict.result.applied = true;
  }
  const bool lost = absl::IsUnavailable(verdict.result.status) && verdict.result.unknown;
  if (mutant_ == Mutant::kGroupRetried && verdict.next == Next::kDone && lost) verdict.next = Next::kAgain;
  switch (verdict.next) {
    case Next::kDone:
      return std::move(change.done)(std::move(verdict.result));
    case Next::kAlone:
      return SendAlone(std::move(change), 1, /*maybe_executed=*/false);
    case Next::kAgain:
      return SendAgain(std::move(change), 2);
    case Next::kTakeAway:
      break;
  }
  const bool is_delete = change.request.kind == remote::ChangeKind::kDelete;
  remote::PendingChange remove;
  remove.request = change.request;
  remove.request.kind = remote::ChangeKind::kDelete;
  // Of its own: the model's history tells executions apart by their ids.
  if (!is_delete) remove.request.id = own_ids_.Next();
  remove.done = [is_delete, outcome = std::move(verdict.result),
                 done = std::move(change.done)](remote::ChangeResult removed) mutable {
    std::move(done)(is_delete ? std::move(removed) : std::move(outcome));
  };
  SendAlone(std::move(remove), 2, /*maybe_executed=*/true);
}

}  // namespace nearcache::simulation
