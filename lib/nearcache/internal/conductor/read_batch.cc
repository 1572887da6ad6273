#include "nearcache/internal/conductor/read_batch.h"

namespace nearcache::internal::conductor {

void ReadBatch::Put(size_t index, ReadResult result) {
  std::vector<ReadResult> all;
  {
    absl::MutexLock lock(&mutex_);
    if (missing_ == 0) return;
    results_[index] = std::move(result);
    answered_[index] = true;
    if (--missing_ > 0) return;
    all = std::move(results_);
  }
  call_->Finish(std::move(all));
}

void ReadBatch::Expire(const absl::Status& cause) {
  std::vector<ReadResult> all;
  {
    absl::MutexLock lock(&mutex_);
    if (missing_ == 0) return;
    missing_ = 0;
    all = std::move(results_);
    for (size_t i = 0; i < all.size(); ++i) {
      if (!answered_[i]) all[i] = ReadResult(cause);
    }
  }
  call_->Finish(std::move(all));
}

}  // namespace nearcache::internal::conductor
