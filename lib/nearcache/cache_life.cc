// TimeToLive: always asks the tier that decides.

#include <utility>

#include "nearcache/cache.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"

namespace nearcache {
namespace {

using internal::HashedKey;
using internal::MonotonicNanos;
using internal::conductor::CheckKey;
using internal::conductor::Core;
using internal::conductor::Patience;
using internal::conductor::RunAsync;
using internal::conductor::RunBlocking;

using Life = absl::StatusOr<absl::Duration>;

Life Fail(const absl::Status& failure) { return failure; }

auto StartTimeToLive(Core& core, absl::string_view key) {
  return [&core, hashed = core.Hash(key)](const auto& call, MonotonicNanos deadline) {
    core.ways().TimeToLive(hashed, deadline, [call](Life life) { call->Finish(std::move(life)); });
  };
}

}  // namespace

Life Cache::TimeToLive(absl::string_view key, const CallOptions& options) {
  if (absl::Status bad = CheckKey(key, core_->options().limits); !bad.ok()) return bad;
  return RunBlocking<Life>(*core_, options.timeout, Patience::kUntilAnswer, Fail, StartTimeToLive(*core_, key));
}

void Cache::TimeToLiveAsync(absl::string_view key, Callback<Life> done, const CallOptions& options) {
  if (absl::Status bad = CheckKey(key, core_->options().limits); !bad.ok()) {
    std::move(done)(std::move(bad));
    return;
  }
  RunAsync<Life>(*core_, options.timeout, Fail, StartTimeToLive(*core_, key), std::move(done));
}

}  // namespace nearcache
