// What this process knows of the namespace's epoch, and whether it may vouch for it.
//
// The evidence has two kinds. The channel tells Clears in the order in which the server executed them; a reading of the
// epoch that was sent after everything else heard so far is as good. Replies and acknowledgements, on the other hand,
// overtake the channel and each other: of two that differ nobody knows which is newer. So an unordered one is believed
// at once, because whoever saw it must not go back, but what it says is not vouched for until a reading that was sent
// after it has agreed. While nothing is vouched for, every read asks the server itself.
//
//   vouched   -> unvouched   Hear          another epoch than the known one, unless the channel replaced it; or none
//   vouched   -> vouched     Apply         a Clear from the channel: the order is known
//   unvouched -> unvouched   Apply, Hear
//   any       -> vouched     Confirm       a reading, with nothing heard since it was sent
//   any       -> unvouched   Distrust      the generation ended
//
// Thread-safe. Vouched and Last are lock-free (a sequence lock), the rest takes a mutex for a few instructions.

#ifndef NEARCACHE_INTERNAL_COHERENCE_EPOCH_REGISTER_H_
#define NEARCACHE_INTERNAL_COHERENCE_EPOCH_REGISTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::coherence {

class EpochRegister {
 public:
  // Nullopt while not vouched for.
  absl::optional<OperationId> Vouched() const;

  // Empty if none was ever heard of.
  OperationId Last() const;

  // A reply or an acknowledgement named `epoch` (empty: it showed that the server has none). True if it is news: the
  // caller empties the local tier and asks for a reading.
  bool Hear(OperationId epoch) ABSL_LOCKS_EXCLUDED(mutex_);

  // A Clear came through the channel.
  void Apply(OperationId epoch) ABSL_LOCKS_EXCLUDED(mutex_);

  // Changes with every piece of news. Take it before a reading is sent.
  uint64_t version() const ABSL_LOCKS_EXCLUDED(mutex_);

  enum class Verdict {
    kOvertaken,  // Something was heard since the reading was sent: it decides nothing.
    kConfirmed,  // As known; vouched for from now on.
    kReplaced,   // The epoch changed without a Clear that was heard; the new one is known and
                 // vouched for.
  };
  // A reading that was sent at `version` found `epoch` (not empty).
  Verdict Confirm(OperationId epoch, uint64_t version) ABSL_LOCKS_EXCLUDED(mutex_);

  void Distrust() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr size_t kReplacedMax = 8;

  struct State {
    OperationId epoch;
    bool vouched = false;
  };

  State Load() const;
  void Store(const State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WasReplaced(OperationId epoch) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  // Epochs that a Clear of the channel replaced, the oldest overwritten first: a late reply that
  // shows one is no news.
  std::array<OperationId, kReplacedMax> replaced_ ABSL_GUARDED_BY(mutex_);
  size_t replaced_next_ ABSL_GUARDED_BY(mutex_) = 0;

  // The copy of state_ for readers. Odd: being written.
  std::atomic<uint64_t> sequence_{0};
  std::atomic<uint64_t> nonce_{0};
  std::atomic<uint64_t> counter_{0};
  std::atomic<bool> vouched_{false};
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_EPOCH_REGISTER_H_
