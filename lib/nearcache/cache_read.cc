// The reading calls of Cache: memory first, then the way.

#include <utility>

#include "nearcache/cache.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/conductor/read_info.h"

namespace nearcache {
namespace {

using internal::HashedKey;
using internal::MonotonicNanos;
using internal::conductor::CheckKey;
using internal::conductor::Core;
using internal::conductor::FillInfo;
using internal::conductor::Patience;
using internal::conductor::ReadQuery;
using internal::conductor::ReadResult;
using internal::conductor::RunAsync;
using internal::conductor::RunBlocking;
using internal::conductor::Source;
using internal::conductor::ToValue;
using internal::local::EntryInfo;

ReadResult FailRead(const absl::Status& failure) { return ReadResult(failure); }

// Looks into memory; false when the call has to go on.
bool Hit(Core& core, const HashedKey& key, const ReadOptions& options, Value* value) {
  EntryInfo entry;
  if (options.fresh || !core.Hit(key, value, &entry)) return false;
  FillInfo(core.clock(), entry, Source::kLocal, options.info);
  return true;
}

auto StartRead(Core& core, const HashedKey& key, bool fresh) {
  return [&core, key, fresh](const auto& call, MonotonicNanos deadline) {
    core.ways().Read(ReadQuery{key, fresh, deadline}, call);
  };
}

}  // namespace

absl::StatusOr<Value> Cache::Get(absl::string_view key, const ReadOptions& options) {
  if (absl::Status bad = CheckKey(key, core_->options().limits); !bad.ok()) return bad;
  const HashedKey hashed = core_->Hash(key);
  Value value;
  if (Hit(*core_, hashed, options, &value)) return value;
  return ToValue(core_->clock(),
                 RunBlocking<ReadResult>(*core_, options.timeout, Patience::kUntilDeadline, FailRead,
                                         StartRead(*core_, hashed, options.fresh)),
                 options.info);
}

void Cache::GetAsync(absl::string_view key, Callback<absl::StatusOr<Value>> done, const ReadOptions& options) {
  if (absl::Status bad = CheckKey(key, core_->options().limits); !bad.ok()) {
    std::move(done)(std::move(bad));
    return;
  }
  const HashedKey hashed = core_->Hash(key);
  Value value;
  if (Hit(*core_, hashed, options, &value)) {
    std::move(done)(std::move(value));
    return;
  }
  RunAsync<ReadResult>(*core_, options.timeout, FailRead, StartRead(*core_, hashed, options.fresh),
                       [clock = &core_->clock(), info = options.info, done = std::move(done)](
                           ReadResult result) mutable { std::move(done)(ToValue(*clock, std::move(result), info)); });
}

absl::Status Cache::Get(absl::string_view key, std::string* value, const ReadOptions& options) {
  if (absl::Status bad = CheckKey(key, core_->options().limits); !bad.ok()) return bad;
  const bool plain = !options.fresh && options.info == nullptr;
  if (plain && core_->HitCopy(core_->Hash(key), value)) return absl::OkStatus();
  const absl::StatusOr<Value> found = Get(key, options);
  if (found.ok()) value->assign(found->view().data(), found->size());
  return found.status();
}

bool Cache::Read(absl::string_view key, absl::FunctionRef<void(absl::string_view)> visitor) {
  if (key.empty()) return false;
  return core_->Visit(core_->Hash(key), visitor);
}

}  // namespace nearcache
