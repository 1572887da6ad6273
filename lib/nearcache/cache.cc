#include "nearcache/cache.h"

#include <utility>

#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/calls.h"
#include "nearcache/internal/conductor/core.h"
#include "nearcache/internal/conductor/open_store.h"

namespace nearcache {
namespace {

using internal::MonotonicNanos;
using internal::conductor::Core;
using internal::conductor::Patience;
using internal::conductor::RunAsync;
using internal::conductor::RunBlocking;

absl::Status Fail(const absl::Status& failure) { return failure; }

ExecuteReply::Type ReplyType(internal::remote::Reply::Type type) {
  using Remote = internal::remote::Reply::Type;
  switch (type) {
    case Remote::kNil:
      return ExecuteReply::Type::kNil;
    case Remote::kString:
    case Remote::kStatus:
      return ExecuteReply::Type::kString;
    case Remote::kError:
      return ExecuteReply::Type::kError;
    case Remote::kInteger:
      return ExecuteReply::Type::kInteger;
    case Remote::kDouble:
      return ExecuteReply::Type::kDouble;
    case Remote::kBool:
      return ExecuteReply::Type::kBool;
    case Remote::kArray:
    case Remote::kPush:
      return ExecuteReply::Type::kArray;
  }
  return ExecuteReply::Type::kNil;
}

// Recursion is bounded by the depth that the reply reader accepts.
ExecuteReply ToExecuteReply(internal::remote::Reply reply) {
  ExecuteReply result;
  result.type = ReplyType(reply.type);
  result.string = std::move(reply.string);
  result.integer = reply.integer;
  result.number = reply.number;
  result.elements.reserve(reply.elements.size());
  for (internal::remote::Reply& element : reply.elements) {
    result.elements.push_back(ToExecuteReply(std::move(element)));
  }
  return result;
}

using ExecuteResult = absl::StatusOr<ExecuteReply>;

ExecuteResult ToExecuteResult(absl::StatusOr<internal::remote::Reply> reply) {
  if (!reply.ok()) return reply.status();
  return ToExecuteReply(*std::move(reply));
}

auto StartExecute(Core& core, absl::Span<const absl::string_view> arguments) {
  return [&core, arguments](const auto& call, MonotonicNanos deadline) {
    core.ways().Execute(
        std::vector<std::string>(arguments.begin(), arguments.end()), deadline,
        [call](absl::StatusOr<internal::remote::Reply> reply) { call->Finish(ToExecuteResult(std::move(reply))); });
  };
}

auto StartSync(Core& core) {
  return [&core](const auto& call, MonotonicNanos deadline) {
    core.ways().Sync(deadline, [call](absl::Status status) { call->Finish(std::move(status)); });
  };
}

}  // namespace

bool OutcomeUnknown(const absl::Status& status) { return internal::conductor::HasOutcomeUnknown(status); }

Cache::Cache(std::shared_ptr<Core> core) : core_(std::move(core)) {}

absl::StatusOr<std::unique_ptr<Cache>> Cache::Open(const Options& options) {
  auto core = Core::Create(options, internal::conductor::OpenStore, internal::Clock::Real());
  if (!core.ok()) return core.status();
  return std::unique_ptr<Cache>(new Cache(*std::move(core)));
}

Cache::~Cache() {
  if (core_->gate().forked()) {
    // The threads of the parent do not exist here, and whatever they held stays as it was: nothing
    // of it can be taken down in an orderly way.
    static_cast<void>(new std::shared_ptr<Core>(core_));
    return;
  }
  Close().IgnoreError();
}

absl::Status Cache::Close(absl::Duration timeout) { return core_->Close(timeout); }

void Cache::CloseAsync(Callback<absl::Status> done, absl::Duration timeout) {
  core_->gate().Close();
  if (core_->gate().forked()) {  // No thread of the executor lives in here.
    std::move(done)(core_->Close(timeout));
    return;
  }
  core_->runner()->Schedule(
      [core = core_, done = std::move(done), timeout]() mutable { std::move(done)(core->Close(timeout)); });
}

absl::Status Cache::WaitUntilReady(absl::Duration timeout) {
  absl::Status refused = internal::conductor::CheckTimeout(timeout);
  if (refused.ok()) refused = core_->gate().CheckOpen();
  return refused.ok() ? core_->ways().WaitUntilReady(timeout) : refused;
}

CacheStats Cache::GetStats() const { return core_->GetStats(); }

HealthReport Cache::Health() const { return core_->Health(); }

ExecuteResult Cache::Execute(absl::Span<const absl::string_view> arguments, const CallOptions& options) {
  return RunBlocking<ExecuteResult>(*core_, options.timeout, Patience::kUntilAnswer, Fail,
                                    StartExecute(*core_, arguments));
}

void Cache::ExecuteAsync(absl::Span<const absl::string_view> arguments, Callback<ExecuteResult> done,
                         const CallOptions& options) {
  RunAsync<ExecuteResult>(*core_, options.timeout, Fail, StartExecute(*core_, arguments), std::move(done));
}

absl::Status Cache::Sync(const CallOptions& options) {
  return RunBlocking<absl::Status>(*core_, options.timeout, Patience::kUntilAnswer, Fail, StartSync(*core_));
}

void Cache::SyncAsync(Callback<absl::Status> done, const CallOptions& options) {
  RunAsync<absl::Status>(*core_, options.timeout, Fail, StartSync(*core_), std::move(done));
}

}  // namespace nearcache
