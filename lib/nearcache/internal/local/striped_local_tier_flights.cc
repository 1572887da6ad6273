// Reads and writes of the remote tier, and events from outside: what happens before and after the stripe's lock.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "nearcache/internal/local/discarded.h"
#include "nearcache/internal/local/flight.h"
#include "nearcache/internal/local/striped_local_tier.h"
#include "nearcache/internal/local/switch_point.h"

namespace nearcache::internal::local {
namespace {

// The value's facts and the circumstances under which its read or write began. An entry is never younger than that.
Provenance From(const Beginning& began, MonotonicNanos fresh_since, EntryInfo info) {
  info.fetched_at = info.fetched_at == 0 ? fresh_since : std::min(info.fetched_at, fresh_since);
  return {info, began.generation, began.era, began.lane};
}

}  // namespace

ReadStart StripedLocalTier::BeginRead(const HashedKey& key, MonotonicNanos now, FlightKind kind, Waiter* waiter) {
  Stripe& stripe = StripeOf(key.hash);
  // Made before the lock, although it is of use only to a leader: most callers that come here will lead.
  auto flight = std::make_shared<Flight>(key, kind, state_.Begin(key, now));
  Discarded discarded(&state_);
  StripeLock lock(&stripe.mutex());
  return stripe.BeginRead(key, state_.Latest(now), flight, waiter, &discarded);
}

void StripedLocalTier::CompleteRead(const FlightRef& flight, const ReadOutcome& outcome) {
  Stripe& stripe = StripeOf(flight->hash);
  Entry* built = nullptr;
  if (outcome.status.ok() && outcome.found && flight->may_be_stored.load(std::memory_order_relaxed)) {
    built = Build(flight->hashed_key(), outcome.value.view(),
                  From(flight->began, flight->fresh_since.load(std::memory_order_relaxed), outcome.info));
  }
  std::vector<Waiter> waiters;
  {
    Discarded discarded(&state_);
    StripeLock lock(&stripe.mutex());
    waiters = stripe.CompleteRead(flight.get(), outcome, built, &discarded);
  }
  AfterChange(&stripe);
  for (Waiter& waiter : waiters) std::move(waiter)(outcome);
}

void StripedLocalTier::LimitFreshness(const FlightRef& flight, MonotonicNanos since) {
  Stripe& stripe = StripeOf(flight->hash);
  StripeLock lock(&stripe.mutex());
  stripe.LimitFreshness(flight.get(), since);
}

bool StripedLocalTier::IsAttached(const FlightRef& flight) {
  Stripe& stripe = StripeOf(flight->hash);
  StripeLock lock(&stripe.mutex());
  return stripe.IsAttached(*flight);
}

void StripedLocalTier::NoteEvent(const HashedKey& key, OperationTag id) {
  Stripe& stripe = StripeOf(key.hash);
  Discarded discarded(&state_);
  StripeLock lock(&stripe.mutex());
  stripe.NoteEvent(key, id, &discarded);
}

void StripedLocalTier::NoteReply(const HashedKey& key, OperationTag id) { NoteEvent(key, id); }

void StripedLocalTier::Invalidate(const HashedKey& key, OperationTag id) { NoteEvent(key, id); }

void StripedLocalTier::Doubt(const HashedKey& key, OperationTag id) {
  Stripe& stripe = StripeOf(key.hash);
  Discarded discarded(&state_);
  StripeLock lock(&stripe.mutex());
  stripe.Doubt(key, id, &discarded);
}

WriteRef StripedLocalTier::BeginWrite(const HashedKey& key, OperationTag id, MonotonicNanos now, RemovalCause cause) {
  Stripe& stripe = StripeOf(key.hash);
  auto write = std::make_shared<WriteTicket>(key, id, state_.Begin(key, now));
  Discarded discarded(&state_);
  StripeLock lock(&stripe.mutex());
  stripe.BeginWrite(write, cause, &discarded);
  return write;
}

void StripedLocalTier::EndWrite(const WriteRef& write, WriteOutcome outcome, const absl::optional<Value>& value,
                                MonotonicNanos expires_at) {
  Stripe& stripe = StripeOf(write->hash);
  Entry* built = nullptr;
  if (outcome == WriteOutcome::kApplied && value.has_value() && write->may_be_stored.load(std::memory_order_relaxed)) {
    built = Build(write->hashed_key(), value->view(), From(write->began, write->began.at, {write->id, 0, expires_at}));
  }
  {
    Discarded discarded(&state_);
    StripeLock lock(&stripe.mutex());
    stripe.EndWrite(write.get(), outcome, value.has_value(), built, &discarded);
  }
  AfterChange(&stripe);
}

}  // namespace nearcache::internal::local
