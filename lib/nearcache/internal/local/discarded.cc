#include "nearcache/internal/local/discarded.h"

#include <cstddef>

#include "nearcache/internal/local/epoch.h"

namespace nearcache::internal::local {

void Discarded::AddRetired(Entry* entry) {
  entry->next_retired = retired_;
  retired_ = entry;
}

Discarded::~Discarded() {
  while (retired_ != nullptr) {
    Entry* const entry = retired_;
    retired_ = entry->next_retired;
    const size_t bytes = entry->AllocatedSize();
    entry->Unref();
    budget_.ReleaseRetired(bytes);
  }
  for (BucketArray array : retired_arrays_) {
    const size_t bytes = array.AllocatedSize();
    array.Free();
    budget_.ReleaseRetired(bytes);
  }
  for (Entry* const entry : unused_) {
    const size_t bytes = entry->AllocatedSize();
    entry->Unref();
    budget_.Release(bytes);
  }
  for (BucketArray array : unused_arrays_) {
    const size_t bytes = array.AllocatedSize();
    array.Free();
    budget_.Release(bytes);
  }
  if (wants_advance_) AdvanceEpoch();
}

}  // namespace nearcache::internal::local
