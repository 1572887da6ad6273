#include "nearcache/internal/coherence/epoch_register.h"

#include <algorithm>

namespace nearcache::internal::coherence {

// The sequence lock of H.-J. Boehm, "Can seqlocks get along with programming language memory
// models?" (2012), with acquire loads in place of its fence, which costs nothing on x86 and is
// understood by thread sanitizers.
EpochRegister::State EpochRegister::Load() const {
  for (;;) {
    const uint64_t before = sequence_.load(std::memory_order_acquire);
    State state;
    state.epoch.nonce = nonce_.load(std::memory_order_acquire);
    state.epoch.counter = counter_.load(std::memory_order_acquire);
    state.vouched = vouched_.load(std::memory_order_acquire);
    if ((before & 1) == 0 && sequence_.load(std::memory_order_relaxed) == before) return state;
  }
}

void EpochRegister::Store(const State& state) {
  state_ = state;
  sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // Release stores: whoever reads one of the new words also sees the odd number, and tries again.
  nonce_.store(state.epoch.nonce, std::memory_order_release);
  counter_.store(state.epoch.counter, std::memory_order_release);
  vouched_.store(state.vouched, std::memory_order_release);
  sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

absl::optional<OperationId> EpochRegister::Vouched() const {
  const State state = Load();
  if (!state.vouched) return absl::nullopt;
  return state.epoch;
}

OperationId EpochRegister::Last() const { return Load().epoch; }

bool EpochRegister::WasReplaced(OperationId epoch) const {
  return std::find(replaced_.begin(), replaced_.end(), epoch) != replaced_.end();
}

bool EpochRegister::Hear(OperationId epoch) {
  const State seen = Load();
  if (epoch.empty() ? !seen.vouched : epoch == seen.epoch) return false;
  absl::MutexLock lock(&mutex_);
  if (epoch.empty()) {
    // The server lost it. Whoever saw that saw nothing, and must not see again what it vouched for.
    if (!state_.vouched) return false;
    ++version_;
    Store({state_.epoch, false});
    return true;
  }
  if (epoch == state_.epoch) return false;
  if (state_.vouched && WasReplaced(epoch)) return false;
  ++version_;
  Store({epoch, false});
  return true;
}

void EpochRegister::Apply(OperationId epoch) {
  absl::MutexLock lock(&mutex_);
  if (epoch == state_.epoch) return;
  ++version_;
  if (!state_.vouched) return;
  replaced_[replaced_next_++ % kReplacedMax] = state_.epoch;
  Store({epoch, true});
}

uint64_t EpochRegister::version() const {
  absl::MutexLock lock(&mutex_);
  return version_;
}

EpochRegister::Verdict EpochRegister::Confirm(OperationId epoch, uint64_t version) {
  absl::MutexLock lock(&mutex_);
  if (version != version_) return Verdict::kOvertaken;
  if (epoch == state_.epoch) {
    if (!state_.vouched) Store({epoch, true});
    return Verdict::kConfirmed;
  }
  // Whatever replaced what before, an old epoch may be current again: a snapshot was put back.
  replaced_.fill(OperationId());
  ++version_;
  Store({epoch, true});
  return Verdict::kReplaced;
}

void EpochRegister::Distrust() {
  absl::MutexLock lock(&mutex_);
  if (state_.vouched) Store({state_.epoch, false});
}

}  // namespace nearcache::internal::coherence
