#include "nearcache/internal/remote/writer_role.h"

#include <sched.h>

#include <utility>

namespace nearcache::internal::remote {

void WriterRole::Lend(Transport* transport) {
  transport_ = transport;
  lent_ = true;
  state_.store(State::kLent, std::memory_order_release);
}

WriterRole::Written WriterRole::TakeBack() {
  if (!lent_) return Written();
  lent_ = false;
  while (true) {
    State seen = State::kLent;
    if (state_.compare_exchange_strong(seen, State::kLoop, std::memory_order_acquire)) return Written();
    if (seen == State::kWritten) break;
    sched_yield();
  }
  state_.store(State::kLoop, std::memory_order_relaxed);
  return std::exchange(written_, Written());
}

bool WriterRole::Claim() {
  if (state_.load(std::memory_order_relaxed) != State::kLent) return false;
  State seen = State::kLent;
  return state_.compare_exchange_strong(seen, State::kWriting, std::memory_order_acquire, std::memory_order_relaxed);
}

void WriterRole::Decline() { state_.store(State::kLent, std::memory_order_release); }

bool WriterRole::Write(OperationNode* node) {
  iovec part;
  part.iov_base = const_cast<char*>(node->operation.bytes.data());
  part.iov_len = node->operation.bytes.size();
  const size_t size = node->operation.bytes.size();
  const IoResult result = transport_->Write(absl::MakeConstSpan(&part, 1));
  const size_t taken = result.kind == IoResult::Kind::kDone ? result.bytes : 0;
  written_.node = node;
  written_.bytes = taken;
  state_.store(State::kWritten, std::memory_order_release);
  return taken == size;
}

}  // namespace nearcache::internal::remote
