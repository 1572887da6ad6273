#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "bench/remote_peers/client.h"
#include "bench/remote_peers/registry.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/address.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/engine.h"
#include "nearcache/internal/remote/operation.h"
#include "nearcache/internal/remote/reply.h"

namespace nearcache::remote_peers {
namespace {

using internal::AddDuration;
using internal::Clock;
using internal::remote::Address;
using internal::remote::CommandWriter;
using internal::remote::Engine;
using internal::remote::EngineEvents;
using internal::remote::EngineOptions;
using internal::remote::LinkRole;
using internal::remote::OperationResult;
using internal::remote::Reply;
using internal::remote::ReplyTypeSet;
using internal::remote::ServerIdentity;

// On a machine that is busy with other things an answer may take seconds; that is no reason to give the server up.
constexpr absl::Duration kPatience = absl::Seconds(30);

class EngineClient final : public AsyncClient, private EngineEvents {
 public:
  explicit EngineClient(const Target& target) {
    EngineOptions options;
    options.address = target.socket_path.empty() ? Address::Tcp(target.host, static_cast<uint16_t>(target.port))
                                                 : Address::Unix(target.socket_path);
    options.connect_timeout = kPatience;
    options.health_timeout = kPatience;
    auto engine = Engine::Create(std::move(options), this);
    if (!engine.ok()) Die(kEngine, engine.status().ToString());
    engine_ = *std::move(engine);
    if (const absl::Status started = engine_->Start(); !started.ok()) Die(kEngine, started.ToString());
    ready_.WaitForNotification();
  }

  void Get(Keys keys, Call* call) override {
    Engine::Draft operation = engine_->NewDraft();
    CommandWriter writer(&operation->bytes);
    for (const std::string* key : keys) {
      writer.Begin(2).Argument("GET").Argument(*key);
      operation->reply_types.push_back(ReplyTypeSet::Of(Reply::Type::kString, Reply::Type::kNil));
    }
    operation->reply_count = static_cast<int>(keys.size());
    operation->deadline = AddDuration(Clock::Real()->Now(), kPatience);
    operation->done = [call](OperationResult&& result) {
      if (!result.status.ok()) Die(kEngine, result.status.ToString());
      for (size_t i = 0; i < result.replies.size(); ++i) {
        call->answers[i].value = std::move(result.replies[i].string);
      }
      call->OnDone();
    };
    engine_->Submit(std::move(operation));
  }
  bool wakes_in_batches() const override { return true; }

 private:
  void OnReady(LinkRole /*role*/, const ServerIdentity& /*identity*/) override { ready_.Notify(); }
  void OnDown(LinkRole /*role*/, const absl::Status& /*cause*/) override {}
  void OnMessage(absl::string_view /*channel*/, absl::string_view /*payload*/) override {}

  absl::Notification ready_;
  std::unique_ptr<Engine> engine_;
};

const bool registered = Register({kEngine, [](const Target& target) -> std::unique_ptr<AsyncClient> {
                                    return std::make_unique<EngineClient>(target);
                                  }});

}  // namespace
}  // namespace nearcache::remote_peers
