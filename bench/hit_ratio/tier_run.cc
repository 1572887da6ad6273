#include "bench/hit_ratio/tier_run.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::hit_ratio {
namespace {

using internal::Clock;
using internal::HashKey;
using internal::kNever;
using internal::MonotonicNanos;
using internal::OperationId;
using internal::local::EntryInfo;
using internal::local::LocalTier;
using internal::local::LocalTierOptions;

constexpr size_t kEverything = size_t{1} << 40;
constexpr size_t kSamples = 1000;
// As often as the library's own thread would come by on a busy cache.
constexpr size_t kRequestsPerMaintenance = 256;
constexpr int kMaintenanceSteps = 64;

// How long the row of new keys is, in capacities, and how often the budget is corrected by what came of it.
constexpr uint32_t kPassing = 3;
constexpr int kCorrections = 4;

// One tier with the values of one trace.
class Store {
 public:
  Store(const std::vector<uint32_t>& sizes, size_t capacity_bytes, const TierSetting& setting)
      : sizes_(sizes), tier_(MakeTier(capacity_bytes, setting)), now_(Clock::Real()->NowCoarse()) {
    value_.resize(*std::max_element(sizes.begin(), sizes.end()));
  }

  bool ReadOrPut(uint32_t number) {
    char buffer[kKeyBytes] = {};
    std::memcpy(buffer, &number, sizeof(number));
    const internal::HashedKey key = HashKey({buffer, sizeof(buffer)}, tier_->hash_seed());
    if (tier_->Read(key, now_, [](absl::string_view) {})) return true;
    const absl::string_view value = absl::string_view(value_).substr(0, sizes_[number] - kKeyBytes);
    tier_->Put(key, value, OperationId{1, ++writes_}, now_, kNever);
    return false;
  }

  void Maintain() { tier_->Maintain(now_, kMaintenanceSteps); }

  internal::local::LocalTierStats Stats() const { return tier_->GetStats(); }

 private:
  static std::unique_ptr<LocalTier> MakeTier(size_t capacity_bytes, const TierSetting& setting) {
    LocalTierOptions options;
    options.capacity_bytes = capacity_bytes;
    options.entry_bytes_max = capacity_bytes;
    options.stripe_count = setting.stripe_count;
    options.policy = setting.policy;
    options.seed = setting.seed;
    return LocalTier::Create(options);
  }

  const std::vector<uint32_t>& sizes_;
  const std::unique_ptr<LocalTier> tier_;
  // Nothing ages here.
  const MonotonicNanos now_;
  std::string value_;
  uint64_t writes_ = 0;
};

}  // namespace

TierRun RunTier(const std::vector<uint32_t>& requests, const std::vector<uint32_t>& sizes, size_t capacity_bytes,
                const TierSetting& setting) {
  Store store(sizes, capacity_bytes, setting);
  const size_t between_samples = std::max<size_t>(1, requests.size() / kSamples);
  TierRun run;
  double entries = 0;
  size_t samples = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    run.hits += store.ReadOrPut(requests[i]) ? 1 : 0;
    if (i % kRequestsPerMaintenance == 0) store.Maintain();
    if (i % between_samples != 0) continue;
    const internal::local::LocalTierStats stats = store.Stats();
    run.bytes_max = std::max(run.bytes_max, stats.bytes);
    if (i < requests.size() / 2) continue;
    entries += static_cast<double>(stats.entries);
    ++samples;
  }
  run.mean_entries = samples > 0 ? entries / static_cast<double>(samples) : 0;
  return run;
}

uint32_t OverheadPerEntry(const std::vector<uint32_t>& sizes, const TierSetting& setting) {
  Store store(sizes, kEverything, setting);
  for (uint32_t number = 0; number < sizes.size(); ++number) store.ReadOrPut(number);
  const uint64_t payload = std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  return static_cast<uint32_t>((store.Stats().bytes - payload) / sizes.size());
}

size_t CapacityForEntries(uint32_t entries, uint32_t size, const TierSetting& setting) {
  const std::vector<uint32_t> sizes(size_t{entries} * kPassing, size);
  std::vector<uint32_t> row(sizes.size());
  std::iota(row.begin(), row.end(), 0u);
  const std::vector<uint32_t> fitting(entries, size);
  size_t capacity = entries * (size_t{size} + OverheadPerEntry(fitting, setting));
  for (int i = 0; i < kCorrections; ++i) {
    const double held = RunTier(row, sizes, capacity, setting).mean_entries;
    const double missing = entries - held;
    if (missing * missing < 0.25) break;
    const double per_entry = static_cast<double>(capacity) / std::max(held, 1.0);
    capacity = static_cast<size_t>(std::max(per_entry, static_cast<double>(capacity) + missing * per_entry));
  }
  return capacity;
}

}  // namespace nearcache::hit_ratio
