// Brings what left memory to the removal listener of the user.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOVAL_NOTIFIER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOVAL_NOTIFIER_H_

#include <memory>
#include <utility>

#include "nearcache/internal/conductor/notifier.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/removal.h"

namespace nearcache::internal::conductor {

class RemovalNotifier final : public local::RemovalObserver {
 public:
  explicit RemovalNotifier(std::shared_ptr<Notifier<Removal>> notifier) : notifier_(std::move(notifier)) {}

  void OnRemoved(Removal removal) override {
    const size_t bytes = removal.key.size() + removal.value.size();
    notifier_->Post(std::move(removal), bytes);
  }

  Notifier<Removal>& notifier() const { return *notifier_; }

 private:
  const std::shared_ptr<Notifier<Removal>> notifier_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOVAL_NOTIFIER_H_
