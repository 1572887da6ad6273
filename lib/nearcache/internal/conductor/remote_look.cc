#include "nearcache/internal/conductor/remote_look.h"

#include <utility>

#include "absl/status/statusor.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::conductor {
namespace {

using What = RemoteSight::What;

// Beyond this the frame is checked on the worker: a pass over it, or decompressing it, would hold up the event loop.
constexpr size_t kQuickBytes = size_t{4} << 10;

What Judge(codec::FrameResult result) {
  switch (result) {
    case codec::FrameResult::kOk:
      return What::kPresent;
    case codec::FrameResult::kExpired:
      return What::kExpired;
    case codec::FrameResult::kCleared:
      return What::kCleared;
    case codec::FrameResult::kForeign:
      return What::kForeign;
    default:
      return What::kUnusable;
  }
}

void Examine(const RemoteParts& parts, const std::string& key, const remote::ReadReply& reply, RemoteSight* sight) {
  const remote::Fetched& fetched = reply.values[0];
  sight->time_to_live = fetched.time_to_live;
  sight->bytes = fetched.bytes.size();
  if (fetched.state != remote::Fetched::State::kFound) {
    sight->what = fetched.state == remote::Fetched::State::kAbsent ? What::kAbsent : What::kForeign;
    return;
  }
  codec::DecodeOptions options;
  options.value_bytes_max = parts.options->limits.value_bytes_max;
  options.compressor = parts.compressor;
  const codec::DecodedFrame frame = codec::DecodeFrame(fetched.bytes, key, reply.epoch, options);
  sight->what = Judge(frame.result);
  sight->id = frame.id;
}

void OnReply(const RemoteParts& parts, std::string key, absl::StatusOr<remote::ReadReply> reply, RemoteSightDone done) {
  RemoteSight sight;
  sight.answered_at = parts.clock->Now();
  if (reply.ok() && reply->values.size() != 1) {
    reply = absl::InternalError("the remote tier answered a read of one key with another number of values");
  }
  if (!reply.ok()) {
    sight.what = What::kUnreachable;
    sight.status = reply.status();
    std::move(done)(std::move(sight));
    return;
  }
  if (reply->values[0].bytes.size() <= kQuickBytes) {
    Examine(parts, key, *reply, &sight);
    std::move(done)(std::move(sight));
    return;
  }
  parts.workers->Schedule([&parts, key = std::move(key), reply = *std::move(reply), sight = std::move(sight),
                           done = std::move(done)]() mutable {
    Examine(parts, key, reply, &sight);
    std::move(done)(std::move(sight));
  });
}

}  // namespace

void LookRemotely(const RemoteParts& parts, std::string key, MonotonicNanos deadline, RemoteSightDone done) {
  remote::ReadRequest request;
  request.keys.push_back(parts.names->DataKey(key));
  request.want_epoch = true;
  request.deadline = deadline;
  parts.store->Read(std::move(request), [&parts, key = std::move(key),
                                         done = std::move(done)](absl::StatusOr<remote::ReadReply> reply) mutable {
    OnReply(parts, std::move(key), std::move(reply), std::move(done));
  });
}

}  // namespace nearcache::internal::conductor
