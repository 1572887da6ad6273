// The calls of Sync that wait for their proof. Thread-safe.

#ifndef NEARCACHE_INTERNAL_COHERENCE_WAITING_SYNCS_H_
#define NEARCACHE_INTERNAL_COHERENCE_WAITING_SYNCS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

namespace nearcache::internal::coherence {

class WaitingSyncs {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  explicit WaitingSyncs(size_t syncs_max) : syncs_max_(syncs_max) {}

  // Takes *done and gives its number; kResourceExhausted: as many wait as may, kCancelled: after Stop. Then *done is
  // left alone.
  absl::Status Add(Done* done, uint64_t* id) {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return absl::CancelledError("Sync: the cache was closed");
    if (syncs_.size() >= syncs_max_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("Sync: ", syncs_max_, " calls of it wait already; let some end first"));
    }
    *id = ++last_id_;
    syncs_.emplace(*id, std::move(*done));
    return absl::OkStatus();
  }

  // Calls those of `ids` that still wait, under no lock.
  void Complete(absl::Span<const uint64_t> ids, const absl::Status& status) {
    std::vector<Done> done;
    {
      absl::MutexLock lock(&mutex_);
      for (const uint64_t id : ids) {
        const auto sync = syncs_.find(id);
        if (sync == syncs_.end()) continue;
        done.push_back(std::move(sync->second));
        syncs_.erase(sync);
      }
    }
    for (Done& each : done) std::move(each)(status);
  }

  // Calls all that wait, and lets no other begin.
  void Stop() {
    absl::flat_hash_map<uint64_t, Done> syncs;
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
      syncs.swap(syncs_);
    }
    for (auto& sync : syncs) std::move(sync.second)(absl::CancelledError("the cache was closed during Sync"));
  }

 private:
  const size_t syncs_max_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Done> syncs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::internal::coherence

#endif  // NEARCACHE_INTERNAL_COHERENCE_WAITING_SYNCS_H_
