#include "nearcache/internal/conductor/hit_sampler.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::conductor {
namespace {

uint64_t Threshold(double rate) {
  constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
  return rate >= 1 ? kAll : static_cast<uint64_t>(rate * 18446744073709551616.0);
}

}  // namespace

HitSampler::HitSampler(double rate) : threshold_(Threshold(rate)) {}

uint64_t HitSampler::Seed() { return OperationIdSource::RandomNonce(); }

void HitSampler::Pick(absl::string_view key) {
  bool kept = false;
  // A reader waits for nobody: not even for another one who was picked.
  if (mutex_.TryLock()) {
    kept = keys_.size() < kKeysMax;
    if (kept) keys_.emplace_back(key);
    mutex_.Unlock();
  }
  if (!kept) skipped_.fetch_add(1, std::memory_order_relaxed);
}

std::vector<std::string> HitSampler::Take(size_t max) {
  std::vector<std::string> taken;
  absl::MutexLock lock(&mutex_);
  const auto first = keys_.end() - static_cast<std::ptrdiff_t>(std::min(max, keys_.size()));
  taken.assign(std::make_move_iterator(first), std::make_move_iterator(keys_.end()));
  keys_.erase(first, keys_.end());
  return taken;
}

}  // namespace nearcache::internal::conductor
