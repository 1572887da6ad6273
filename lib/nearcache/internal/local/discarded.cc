#include "nearcache/internal/local/discarded.h"

#include <cstddef>

#include "absl/base/optimization.h"
#include "nearcache/internal/local/epoch.h"
#include "nearcache/removal.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {

void Discarded::AddRetired(Entry* entry) {
  entry->next_retired = nullptr;
  (retired_ != nullptr ? newest_retired_->next_retired : retired_) = entry;
  newest_retired_ = entry;
}

void Discarded::LetGo(Entry* entry) {
  const size_t bytes = entry->AllocatedSize();
  RemovalObserver* const observer = state_.options.removal_observer;
  if (ABSL_PREDICT_TRUE(observer == nullptr)) {
    entry->Unref();
    state_.budget.ReleaseRetired(bytes);
    return;
  }
  state_.budget.ReleaseRetired(bytes);
  const RemovalCause cause = entry->removal_cause();
  // The table's reference becomes the event's.
  observer->OnRemoved({entry->key(), Value::FromBlock(entry, entry->value()), cause});
}

Discarded::~Discarded() {
  while (retired_ != nullptr) {
    Entry* const entry = retired_;
    retired_ = entry->next_retired;
    LetGo(entry);
  }
  for (BucketArray array : retired_arrays_) {
    const size_t bytes = array.AllocatedSize();
    array.Free();
    state_.budget.ReleaseRetired(bytes);
  }
  for (Entry* const entry : unused_) {
    const size_t bytes = entry->AllocatedSize();
    entry->Unref();
    state_.budget.Release(bytes);
  }
  for (BucketArray array : unused_arrays_) {
    const size_t bytes = array.AllocatedSize();
    array.Free();
    state_.budget.Release(bytes);
  }
  const size_t ghost_bytes = unused_ghosts_.AllocatedSize();
  unused_ghosts_ = GhostTable::Memory();
  state_.budget.Release(ghost_bytes);
  if (wants_advance_) AdvanceEpoch();
}

}  // namespace nearcache::internal::local
