// Brings what the store sees of its connections to the user's listener.
//
// Thread-safe; outlives the store.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_OBSERVER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_OBSERVER_H_

#include <cstddef>
#include <functional>
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
  explicit RemoteObserver(const RemoteOptions& options)
      : events_(Make<RemoteEvent>(options.on_event, kEventsMax)),
        operations_(Make<RemoteOperation>(options.on_operation, kOperationsMax)) {}

  void SetRunner(const std::shared_ptr<CallbackRunner>& runner) {
    if (events_ != nullptr) events_->SetRunner(runner);
    if (operations_ != nullptr) operations_->SetRunner(runner);
  }

  void OnRemoteEvent(RemoteEvent event) override {
    if (events_ == nullptr) return;
    const size_t bytes = sizeof(event) + event.node.size() + event.text.size();
    events_->Post(std::move(event), bytes);
  }

  void OnRemoteOperation(RemoteOperation operation) override {
    if (operations_ == nullptr) return;
    const size_t bytes = sizeof(operation) + operation.node.size() + operation.command.size();
    operations_->Post(std::move(operation), bytes);
  }

  void AddStats(CacheStats* stats) const {
    if (events_ != nullptr) stats->remote_events_dropped = events_->GetStats().dropped;
    if (operations_ != nullptr) stats->remote_operations_dropped = operations_->GetStats().dropped;
  }

  // Drops what waits and all that comes: for the end.
  void Abandon() {
    if (events_ != nullptr) events_->Abandon();
    if (operations_ != nullptr) operations_->Abandon();
  }

 private:
  static constexpr size_t kEventsMax = 1024;
  static constexpr size_t kOperationsMax = 8192;
  static constexpr size_t kBytesMax = size_t{4} << 20;

  template <typename Event>
  static std::shared_ptr<Notifier<Event>> Make(const std::function<void(const Event&)>& listener, size_t events_max) {
    if (listener == nullptr) return nullptr;
    return std::make_shared<Notifier<Event>>(listener, events_max, kBytesMax);
  }

  // Null: nobody listens.
  const std::shared_ptr<Notifier<RemoteEvent>> events_;
  const std::shared_ptr<Notifier<RemoteOperation>> operations_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_OBSERVER_H_
