#include "bench/remote/writers.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/remote/address.h"
#include "nearcache/internal/remote/command.h"

namespace nearcache::bench {
namespace {

using internal::Clock;
using internal::OperationId;
namespace codec = internal::codec;
namespace coherence = internal::coherence;
namespace local = internal::local;
namespace remote = internal::remote;

constexpr uint64_t kKeys = 10'000;
constexpr size_t kFrameBytes = 64;
constexpr absl::Duration kPatience = absl::Seconds(30);

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(2);
}

}  // namespace

std::string WrittenKey(uint64_t number) { return absl::StrCat("key:", number % kKeys); }

const remote::ScriptNames& WrittenNames() {
  static const auto* const names = new remote::ScriptNames{"g:lane", "g:epoch", "g:missing", kWrittenChannel};
  return *names;
}

std::string WrittenFrame(const std::string& key, OperationId id) {
  static const std::string* const value = new std::string(kWrittenValueBytes - kFrameBytes, 'v');
  codec::FrameStamp stamp;
  stamp.key = key;
  stamp.epoch = kWrittenEpoch;
  stamp.id = id;
  return codec::EncodeFrame(*value, stamp, nullptr);
}

void WritePlainly(RawConnection* connection, int n, int writes) {
  static uint64_t number = 0;
  const std::string value(kWrittenValueBytes, 'v');
  for (int done = 0; done < writes; done += n) {
    std::string bytes;
    for (int i = 0; i < n; ++i) {
      const std::string key = absl::StrCat("g:1:", WrittenKey(++number));
      remote::AppendCommand(&bytes, {"SET", key, value, "PX", "3600000"});
      remote::AppendCommand(&bytes, {"PUBLISH", kWrittenChannel, key});
    }
    connection->Send(bytes);
    connection->AwaitReplies(static_cast<size_t>(2 * n));
  }
}

StoreWriter::StoreWriter(const std::string& socket_path) {
  local::LocalTierOptions tier;
  tier.capacity_bytes = size_t{16} << 20;
  tier_ = local::LocalTier::Create(tier);
  remote::RedisStoreOptions options;
  options.engine.address = remote::Address::Unix(socket_path);
  // A machine that is busy with other things is no reason to give the server up.
  options.engine.connect_timeout = kPatience;
  options.engine.health_timeout = kPatience;
  options.probe_timeout = kPatience;
  options.lane_key = WrittenNames().lane_key;
  options.epoch_key = WrittenNames().epoch_key;
  options.missing_key = WrittenNames().missing_key;
  options.channel = kWrittenChannel;
  auto store = remote::RedisStore::Create(std::move(options));
  if (!store.ok()) Die(store.status());
  store_ = *std::move(store);
  coherence::CoordinatorOptions coordinator;
  coordinator.ids = &ids_;
  coordinator_ = std::make_unique<coherence::Coordinator>(coordinator, store_.get(), tier_.get());
  const absl::Status started = store_->Start(coordinator_.get(), &coordinator_->encoder());
  if (!started.ok()) Die(started);
  absl::Notification ready;
  coordinator_->Sync(internal::AddDuration(Clock::Real()->Now(), kPatience), [&ready](const absl::Status& status) {
    if (!status.ok()) Die(status);
    ready.Notify();
  });
  ready.WaitForNotification();
}

StoreWriter::~StoreWriter() {
  store_->Shutdown();
  coordinator_->Stop();
}

void StoreWriter::Write(int n, int writes) {
  absl::Notification end;
  left_to_send_ = writes;
  left_to_end_ = writes;
  end_ = &end;
  for (int i = 0; i < n; ++i) Next();
  end.WaitForNotification();
}

void StoreWriter::Next() {
  if (left_to_send_.fetch_sub(1) <= 0) return;
  remote::ChangeRequest request;
  request.key = WrittenKey(number_.fetch_add(1));
  request.redis_key = absl::StrCat("g:1:", request.key);
  request.id = ids_.Next();
  request.value = WrittenFrame(request.key, request.id);
  request.time_to_live = absl::Hours(1);
  request.deadline = internal::AddDuration(Clock::Real()->Now(), kPatience);
  store_->Change(std::move(request), [this](const remote::ChangeResult& result) {
    if (!result.status.ok()) Die(result.status);
    const bool last = left_to_end_.fetch_sub(1) == 1;
    Next();
    if (last) end_->Notify();
  });
}

}  // namespace nearcache::bench
