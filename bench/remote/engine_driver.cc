#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "bench/remote/driver.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/engine.h"

namespace nearcache::bench {
namespace {

using internal::AddDuration;
using internal::Clock;
using internal::remote::AppendCommand;
using internal::remote::Engine;
using internal::remote::EngineEvents;
using internal::remote::EngineOptions;
using internal::remote::LinkRole;
using internal::remote::OperationResult;
using internal::remote::Reply;
using internal::remote::ReplyTypeSet;
using internal::remote::ServerIdentity;

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

class EngineDriver final : public Driver, private EngineEvents {
 public:
  explicit EngineDriver(const Target& target) {
    EngineOptions options;
    options.address = internal::remote::Address::Tcp(target.host, static_cast<uint16_t>(target.port));
    auto engine = Engine::Create(std::move(options), this);
    if (!engine.ok()) Die(engine.status());
    engine_ = *std::move(engine);
    if (const absl::Status started = engine_->Start(); !started.ok()) Die(started);
    ready_.WaitForNotification();
  }

  void Get(absl::string_view key, GetCall* call) override {
    Engine::Draft operation = engine_->NewDraft();
    AppendCommand(&operation->bytes, {"GET", key});
    operation->reply_types.push_back(ReplyTypeSet::Of(Reply::Type::kString, Reply::Type::kNil));
    operation->deadline = AddDuration(Clock::Real()->Now(), absl::Seconds(1));
    operation->done = [call](OperationResult result) {
      if (!result.status.ok()) Die(result.status);
      call->value = std::move(result.replies[0].string);
      call->OnDone();
    };
    engine_->Submit(std::move(operation));
  }

 private:
  void OnReady(LinkRole, const ServerIdentity&) override { ready_.Notify(); }
  void OnDown(LinkRole, const absl::Status&) override {}
  void OnMessage(absl::string_view, absl::string_view) override {}

  absl::Notification ready_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace

std::unique_ptr<Driver> MakeEngineDriver(const Target& target) { return std::make_unique<EngineDriver>(target); }

}  // namespace nearcache::bench
