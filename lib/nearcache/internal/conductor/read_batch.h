// The answers of one GetMany, which come one by one, on several threads: what is still missing at
// the deadline is kDeadlineExceeded, and does not hold up the rest.
//
// Thread-safe. Shared by all who bring answers.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_READ_BATCH_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_READ_BATCH_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "nearcache/internal/conductor/pending_call.h"
#include "nearcache/internal/conductor/ways.h"

namespace nearcache::internal::conductor {

class ReadBatch final : public Expirable {
 public:
  // REQUIRES: count > 0
  ReadBatch(size_t count, std::shared_ptr<ReadManyCall> call)
      : results_(count), answered_(count), missing_(count), call_(std::move(call)) {}

  // The answer for key `index`; once for each.
  void Put(size_t index, ReadResult result) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives `cause` to all keys without an answer.
  void Expire(const absl::Status& cause) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  std::vector<ReadResult> results_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> answered_ ABSL_GUARDED_BY(mutex_);
  size_t missing_ ABSL_GUARDED_BY(mutex_);  // 0: the call has its answer.
  const std::shared_ptr<ReadManyCall> call_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_READ_BATCH_H_
