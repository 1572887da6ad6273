// Which keys were announced of late, and by which operations: so that the server's own report of such a key, which
// follows the announcement on the same connection, can be told from a stranger's write.
//
// A table of hashes in which newer ones overwrite older ones. What it has forgotten, or takes for another key of the
// same hash, costs an entry in memory and nothing else (LocalTier::Doubt). 192 KiB.
//
// Not thread-safe. O(1).

#ifndef NEARCACHE_INTERNAL_COHERENCE_ECHO_LEDGER_H_
#define NEARCACHE_INTERNAL_COHERENCE_ECHO_LEDGER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::coherence {

class EchoLedger {
 public:
  static constexpr size_t kSlots = 8192;

  EchoLedger() : slots_(kSlots) {}

  // `id` is not empty.
  void Note(absl::string_view key, OperationId id) {
    const uint64_t hash = HashOf(key);
    slots_[hash % kSlots] = {hash, id};
  }

  // The last operation that announced `key`, which is forgotten; empty if there was none.
  OperationId Take(absl::string_view key) {
    const uint64_t hash = HashOf(key);
    Slot& slot = slots_[hash % kSlots];
    if (slot.hash != hash) return OperationId();
    return std::exchange(slot.id, OperationId());
  }

  void Clear() { std::fill(slots_.begin(), slots_.end(), Slot()); }

 private:
  struct Slot {
    uint64_t hash = 0;
    OperationId id;
  };

  static uint64_t HashOf(absl::string_view key) { return HashKey(key, 0).hash; }

  std::vector<Slot> slots_;
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_ECHO_LEDGER_H_
