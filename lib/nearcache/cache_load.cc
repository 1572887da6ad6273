// GetOrLoad: memory first, then one load for all who ask.

#include <utility>

#include "nearcache/cache.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/conductor/loader.h"
#include "nearcache/internal/conductor/read_info.h"

namespace nearcache {
namespace {

using internal::HashedKey;
using internal::MonotonicNanos;
using internal::conductor::Core;
using internal::conductor::EnterCall;
using internal::conductor::FillInfo;
using internal::conductor::LoadAsync;
using internal::conductor::LoadBlocking;
using internal::conductor::LoadRequest;
using internal::conductor::ReadResult;
using internal::conductor::RunAsync;
using internal::conductor::Source;
using internal::conductor::ToValue;

// Checks the arguments and looks into memory. Nullopt: the load has to go on with `request`.
absl::optional<absl::StatusOr<Value>> Begin(Core& core, absl::string_view key, const LoadOptions& options,
                                            LoadRequest* request) {
  absl::Status bad = internal::conductor::CheckKey(key, core.options().limits);
  if (!bad.ok()) return absl::StatusOr<Value>(std::move(bad));
  request->key = core.Hash(key);
  auto life =
      internal::conductor::ResolveTimeToLive(key, options.time_to_live.value_or(core.options().default_time_to_live));
  if (!life.ok()) return absl::StatusOr<Value>(life.status());
  Value value;
  internal::local::EntryInfo info;
  if (core.Hit(request->key, &value, &info)) {
    FillInfo(core.clock(), info, Source::kLocal, options.info);
    return absl::StatusOr<Value>(std::move(value));
  }
  absl::Status recursive = CheckNotLoading(core.own_load_context(), key);
  if (!recursive.ok()) return absl::StatusOr<Value>(std::move(recursive));
  request->time_to_live = *life;
  request->keep_local = options.keep_local;
  return absl::nullopt;
}

}  // namespace

absl::StatusOr<Value> Cache::GetOrLoad(absl::string_view key, Loader loader, const LoadOptions& options) {
  LoadRequest request;
  if (auto answer = Begin(*core_, key, options, &request); answer.has_value()) {
    return *std::move(answer);
  }
  const absl::Status refused = EnterCall(*core_, options.timeout);
  if (!refused.ok()) return refused;
  const internal::conductor::CallSlot slot(&core_->gate());
  request.deadline = core_->DeadlineAfter(options.timeout);
  return ToValue(core_->clock(), LoadBlocking(core_->load_context(), request, std::move(loader)), options.info);
}

void Cache::GetOrLoadAsync(absl::string_view key, Loader loader, Callback<absl::StatusOr<Value>> done,
                           const LoadOptions& options) {
  LoadRequest request;
  if (auto answer = Begin(*core_, key, options, &request); answer.has_value()) {
    std::move(done)(*std::move(answer));
    return;
  }
  const auto start = [&](const auto& call, MonotonicNanos deadline) {
    request.deadline = deadline;
    LoadAsync(core_->load_context(), request, std::move(loader), call);
  };
  RunAsync<ReadResult>(
      *core_, options.timeout, [](const absl::Status& failure) { return ReadResult(failure); }, start,
      [clock = &core_->clock(), info = options.info, done = std::move(done)](ReadResult result) mutable {
        std::move(done)(ToValue(*clock, std::move(result), info));
      });
}

}  // namespace nearcache
