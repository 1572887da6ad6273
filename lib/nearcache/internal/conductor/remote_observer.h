// Brings what the store sees of its connections to the user's listener.
//
// Thread-safe; outlives the store.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_OBSERVER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_OBSERVER_H_

#include <memory>
#include <utility>

#include "nearcache/internal/conductor/callback_runner.h"
#include "nearcache/internal/conductor/notifier.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/options.h"
#include "nearcache/remote_event.h"
#include "nearcache/stats.h"

namespace nearcache::internal::conductor {

class RemoteObserver final : public remote::StoreObserver {
 public:
  explicit RemoteObserver(const RemoteOptions& options) : events_(MakeEvents(options)) {}

  void SetRunner(const std::shared_ptr<CallbackRunner>& runner) {
    if (events_ != nullptr) events_->SetRunner(runner);
  }

  void OnRemoteEvent(RemoteEvent event) override {
    if (events_ == nullptr) return;
    const size_t bytes = sizeof(event) + event.node.size() + event.text.size();
    events_->Post(std::move(event), bytes);
  }

  void AddStats(CacheStats* stats) const {
    if (events_ != nullptr) stats->remote_events_dropped = events_->GetStats().dropped;
  }

  // Drops what waits and all that comes: for the end.
  void Abandon() {
    if (events_ != nullptr) events_->Abandon();
  }

 private:
  static constexpr size_t kEventsMax = 1024;
  static constexpr size_t kEventBytesMax = size_t{4} << 20;

  static std::shared_ptr<Notifier<RemoteEvent>> MakeEvents(const RemoteOptions& options) {
    if (options.on_event == nullptr) return nullptr;
    return std::make_shared<Notifier<RemoteEvent>>(options.on_event, kEventsMax, kEventBytesMax);
  }

  const std::shared_ptr<Notifier<RemoteEvent>> events_;  // Null: nobody listens.
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_OBSERVER_H_
