// GetMany: memory answers what it can, the rest travels together.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "nearcache/cache.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/local/local_tier.h"

namespace nearcache {
namespace {

using internal::HashedKey;
using internal::MonotonicNanos;
using internal::conductor::CheckKey;
using internal::conductor::Core;
using internal::conductor::Patience;
using internal::conductor::ReadManyQuery;
using internal::conductor::ReadResult;
using internal::conductor::RunAsync;
using internal::conductor::RunBlocking;
using internal::local::LocalTier;

using Values = std::vector<absl::StatusOr<Value>>;
using ReadResults = std::vector<ReadResult>;

// The answers of one GetMany, and the keys that memory did not have.
struct Lookup {
  Values values;
  std::vector<HashedKey> missed;
  std::vector<size_t> positions;  // Of `missed` in `values`.
};

// Asks memory for the keys of `group`, whose answers go to `positions`, and notes those that it does not have.
void LookUpGroup(Core& core, absl::Span<const HashedKey> group, const size_t* positions, bool fresh, Lookup* lookup) {
  uint32_t answered = 0;
  if (!fresh) {
    core.HitMany(group, [&](size_t i, Value value) {
      lookup->values[positions[i]] = std::move(value);
      answered |= uint32_t{1} << i;
    });
  }
  for (size_t i = 0; i < group.size(); ++i) {
    if ((answered >> i & 1) != 0) continue;
    lookup->positions.push_back(positions[i]);
    lookup->missed.push_back(group[i]);
  }
}

Lookup LookUp(Core& core, absl::Span<const absl::string_view> keys, bool fresh) {
  Lookup lookup;
  lookup.values.resize(keys.size(), Value());
  std::array<HashedKey, LocalTier::kGroupMax> group;
  std::array<size_t, LocalTier::kGroupMax> positions;
  size_t size = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (absl::Status bad = CheckKey(keys[i], core.options().limits); !bad.ok()) {
      lookup.values[i] = std::move(bad);
    } else {
      group[size] = core.Hash(keys[i]);
      positions[size++] = i;
    }
    if (size < group.size() && i + 1 < keys.size()) continue;
    LookUpGroup(core, {group.data(), size}, positions.data(), fresh, &lookup);
    size = 0;
  }
  return lookup;
}

Values Merge(Lookup lookup, ReadResults results) {
  for (size_t i = 0; i < results.size(); ++i) {
    absl::StatusOr<Value>& value = lookup.values[lookup.positions[i]];
    if (results[i].status.ok()) {
      value = std::move(results[i].value);
    } else {
      value = std::move(results[i].status);
    }
  }
  return std::move(lookup.values);
}

auto FailAll(size_t count) {
  return [count](const absl::Status& failure) { return ReadResults(count, ReadResult(failure)); };
}

auto StartReadMany(Core& core, absl::Span<const HashedKey> keys, bool fresh) {
  return [&core, keys, fresh](const auto& call, MonotonicNanos deadline) {
    core.ways().ReadMany(ReadManyQuery{keys, fresh, deadline}, call);
  };
}

}  // namespace

Values Cache::GetMany(absl::Span<const absl::string_view> keys, const ReadOptions& options) {
  Lookup lookup = LookUp(*core_, keys, options.fresh);
  if (lookup.missed.empty()) return std::move(lookup.values);
  ReadResults results =
      RunBlocking<ReadResults>(*core_, options.timeout, Patience::kUntilAnswer, FailAll(lookup.missed.size()),
                               StartReadMany(*core_, lookup.missed, options.fresh));
  return Merge(std::move(lookup), std::move(results));
}

void Cache::GetManyAsync(absl::Span<const absl::string_view> keys, Callback<Values> done, const ReadOptions& options) {
  auto lookup = std::make_unique<Lookup>(LookUp(*core_, keys, options.fresh));
  if (lookup->missed.empty()) {
    std::move(done)(std::move(lookup->values));
    return;
  }
  const std::vector<HashedKey> missed = std::move(lookup->missed);
  RunAsync<ReadResults>(*core_, options.timeout, FailAll(missed.size()), StartReadMany(*core_, missed, options.fresh),
                        [lookup = std::move(lookup), done = std::move(done)](ReadResults results) mutable {
                          std::move(done)(Merge(std::move(*lookup), std::move(results)));
                        });
}

}  // namespace nearcache
