// Writes of a cache without a remote tier.

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nearcache/internal/local/discarded.h"
#include "nearcache/internal/local/striped_local_tier.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {

bool StripedLocalTier::Put(const HashedKey& key, absl::string_view value, OperationTag id, MonotonicNanos now,
                           MonotonicNanos expires_at) {
  Stripe& stripe = StripeOf(key.hash);
  const Beginning began = state_.Begin(key, now);
  Entry* const built = Build(key, value, {{id, now, expires_at}, began.generation, began.era, began.lane});
  bool stored = false;
  {
    Discarded discarded(&state_);
    StripeLock lock(&stripe.mutex());
    stored = stripe.Put(key, id, built, &discarded);
  }
  AfterChange(&stripe);
  return stored;
}

bool StripedLocalTier::Remove(const HashedKey& key) {
  Stripe& stripe = StripeOf(key.hash);
  const MonotonicNanos latest = state_.Latest(state_.options.clock->NowCoarse());
  Discarded discarded(&state_);
  StripeLock lock(&stripe.mutex());
  return stripe.Remove(key, latest, &discarded);
}

StripedLocalTier::Seen StripedLocalTier::See(const HashedKey& key, MonotonicNanos now) {
  Stripe& stripe = StripeOf(key.hash);
  Seen seen;
  StripeLock lock(&stripe.mutex());
  const Entry* const resident = stripe.index().Find(key);
  if (resident == nullptr) return seen;
  resident->Ref();
  seen.resident = resident;
  seen.pin = Value::FromBlock(resident, resident->value());
  seen.servable = state_.Servable(*resident, state_.Latest(now));
  return seen;
}

// Puts `built`, or nothing if it is null, in the place of what was seen; false if that is not there any more, and then
// `built` is dropped.
bool StripedLocalTier::Exchange(const HashedKey& key, OperationTag id, const Seen& seen, Entry* built) {
  Stripe& stripe = StripeOf(key.hash);
  {
    Discarded discarded(&state_);
    StripeLock lock(&stripe.mutex());
    if (stripe.index().Find(key) != seen.resident) {
      if (built != nullptr) discarded.AddUnused(built);
      return false;
    }
    if (built != nullptr) {
      stripe.Put(key, id, built, &discarded);
    } else {
      stripe.Remove(key, 0, &discarded);
    }
  }
  AfterChange(&stripe);
  return true;
}

absl::Status StripedLocalTier::WhyNotKept(const HashedKey& key, size_t value_size) const {
  const size_t size = Entry::BlockSize(key.key.size(), value_size);
  const std::string name = absl::CHexEscape(key.key.substr(0, 100));
  if (size > state_.options.entry_bytes_max) {
    return absl::ResourceExhaustedError(absl::StrCat("the entry of key '", name, "' would take ", size,
                                                     " bytes, above the limit of ", state_.options.entry_bytes_max,
                                                     " for one entry"));
  }
  return absl::ResourceExhaustedError(absl::StrCat("no room for the ", size, " bytes of key '", name,
                                                   "' in a local tier of ", state_.budget.capacity(),
                                                   " bytes; the old entry stays"));
}

absl::Status StripedLocalTier::Update(const HashedKey& key, OperationTag id, MonotonicNanos now,
                                      absl::FunctionRef<absl::optional<Replacement>(const Current*)> update) {
  while (true) {
    const Beginning began = state_.Begin(key, now);
    const Seen seen = See(key, now);
    absl::optional<Replacement> replacement;
    if (seen.servable) {
      const Current current{seen.resident->value(), seen.resident->info()};
      replacement = update(&current);
    } else {
      replacement = update(nullptr);
    }
    if (!replacement.has_value()) return absl::OkStatus();
    Entry* built = nullptr;
    if (!replacement->remove) {
      const Provenance provenance{{id, now, replacement->expires_at}, began.generation, began.era, began.lane};
      built = Build(key, replacement->value, provenance);
      if (built == nullptr) return WhyNotKept(key, replacement->value.size());
    }
    if (Exchange(key, id, seen, built)) return absl::OkStatus();
  }
}

}  // namespace nearcache::internal::local
