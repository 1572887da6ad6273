// The state machine of keys: slots, flights, writes and events. The rules are those of mechanisms M6 and M7 of the
// protocol (lib/DESIGN.md); tests/nearcache/internal/local/coherence_rules_test.cc names the race behind each.

#include <algorithm>
#include <utility>

#include "nearcache/internal/local/stripe.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

// A slot map that had to grow for a burst gives its memory back when it is empty again.
constexpr size_t kSlotCapacityKept = 128;

template <typename InProgress>
void NoteOn(OperationTag id, InProgress* in_progress) {
  in_progress->events.Note(id);
  if (in_progress->events.is_void()) in_progress->may_be_stored.store(false, std::memory_order_relaxed);
}

template <typename InProgress>
void Void(InProgress* in_progress) {
  in_progress->events.Void();
  in_progress->may_be_stored.store(false, std::memory_order_relaxed);
}

ReadStart Hit(Entry* entry) {
  ReadStart start;
  start.role = ReadStart::Role::kHit;
  entry->Ref();
  start.value = Value::FromBlock(entry, entry->value());
  start.info = entry->info();
  return start;
}

ReadStart WithRole(ReadStart::Role role) {
  ReadStart start;
  start.role = role;
  return start;
}

}  // namespace

// --- Events

// Tells everything in progress on `key` of an event with `id`.
void Stripe::NoteInSlot(const HashedKey& key, OperationTag id) {
  if (slots_.empty()) return;
  const auto slot = slots_.find(key.key);
  if (slot == slots_.end()) return;
  if (slot->second.flight != nullptr) NoteOn(id, slot->second.flight.get());
  for (const WriteRef& write : slot->second.writes) NoteOn(id, write.get());
}

// The resident that is not the change `id` itself may be older than it: it goes. An unknown id differs from all.
void Stripe::RemoveDifferent(const HashedKey& key, OperationTag id) {
  Entry* const resident = index_.Find(key);
  if (resident == nullptr || (!id.empty() && resident->id == id)) return;
  Unlink(resident, RemovalCause::kInvalidated);
}

void Stripe::NoteEvent(const HashedKey& key, OperationTag id, Discarded* discarded) {
  NoteInSlot(key, id);
  RemoveDifferent(key, id);
  Settle(discarded);
}

// A stranger's write may have come after `id`: what holds `id` may be one write too old, and everything else is older
// than `id` or was read from the server at the same moment.
void Stripe::Doubt(const HashedKey& key, OperationTag id, Discarded* discarded) {
  const auto slot = slots_.find(key.key);
  if (slot != slots_.end()) {
    if (slot->second.flight != nullptr) Void(slot->second.flight.get());
    for (const WriteRef& write : slot->second.writes) {
      if (write->id == id) {
        write->doubted = true;
      } else {
        Void(write.get());
      }
    }
  }
  Entry* const resident = index_.Find(key);
  if (resident != nullptr && !id.empty() && resident->id == id) {
    resident->generation.store(kNoGeneration, std::memory_order_relaxed);
  } else if (resident != nullptr) {
    Unlink(resident, RemovalCause::kInvalidated);
  }
  Settle(discarded);
}

// --- Slots

void Stripe::EraseSlot(SlotMap::iterator slot) {
  if (!slot->second.empty()) return;
  slots_.erase(slot);
  if (slots_.empty() && slots_.capacity() > kSlotCapacityKept) slots_.rehash(0);
}

// The flight keeps its waiters, and loses the right to be stored and to be joined.
void Stripe::Detach(Slot* slot) {
  slot->flight->attached = false;
  slot->flight->may_be_stored.store(false, std::memory_order_relaxed);
  slot->flight.reset();
}

void Stripe::ReleaseFlight(const Flight& flight) {
  const auto slot = slots_.find(flight.key);
  slot->second.flight.reset();
  EraseSlot(slot);
}

// Whether it was the only write in progress.
bool Stripe::ReleaseWrite(const WriteTicket& write) {
  const auto slot = slots_.find(write.key);
  auto& writes = slot->second.writes;
  writes.erase(std::find_if(writes.begin(), writes.end(), [&](const WriteRef& each) { return each.get() == &write; }));
  const bool was_last = writes.empty();
  EraseSlot(slot);
  return was_last;
}

// --- Reads

// Catalogue 6: whoever joins gets what the flight's request sees, so it must be able to see all that the joiner may
// count on: no event since it began, and begun lately, or under a lease that still holds.
bool Stripe::Joinable(const Flight& flight, MonotonicNanos latest) const {
  return flight.events.none() && flight.began.era == state_->CurrentEra() &&
         state_->Covered(flight.fresh_since.load(std::memory_order_relaxed), flight.began.lane, flight.began.generation,
                         latest);
}

void Stripe::DropUnservable(Entry* entry, MonotonicNanos latest) {
  if (Dead(*entry)) {
    Unlink(entry, RemovalCause::kCleared);
    return;
  }
  if (latest < entry->expires_at()) state_->Add(Count::kLeaseMisses);
  Unlink(entry, RemovalCause::kExpired);
}

ReadStart Stripe::LeadJoinOrBypass(const HashedKey& key, MonotonicNanos latest, const FlightRef& flight,
                                   Waiter* waiter) {
  Slot& slot = slots_.try_emplace(key.key).first->second;
  if (!slot.writes.empty()) return WithRole(ReadStart::Role::kBypass);
  if (slot.flight != nullptr) {
    Flight& ahead = *slot.flight;
    const bool could_be_stored = !ahead.events.is_void() && ahead.began.era == state_->CurrentEra();
    if (flight->kind == FlightKind::kRead && ahead.kind == FlightKind::kLoad && could_be_stored) {
      return WithRole(ReadStart::Role::kBypass);
    }
    if (Joinable(ahead, latest)) {
      ahead.waiters.push_back(std::move(*waiter));
      state_->Add(Count::kFlightsJoined);
      return WithRole(ReadStart::Role::kJoin);
    }
    Detach(&slot);
  }
  slot.flight = flight;
  state_->Add(Count::kFlights);
  ReadStart start = WithRole(ReadStart::Role::kLead);
  start.flight = flight;
  return start;
}

ReadStart Stripe::BeginRead(const HashedKey& key, MonotonicNanos latest, const FlightRef& flight, Waiter* waiter,
                            Discarded* discarded) {
  if (Entry* const resident = index_.Find(key)) {
    if (state_->Servable(*resident, latest)) {
      state_->NoteHit(resident, latest);
      state_->Add(Count::kHits);
      return Hit(resident);
    }
    DropUnservable(resident, latest);
  }
  state_->Add(Count::kMisses);
  ReadStart start = LeadJoinOrBypass(key, latest, flight, waiter);
  Settle(discarded);
  return start;
}

std::vector<Waiter> Stripe::CompleteRead(Flight* flight, const ReadOutcome& outcome, Entry* built,
                                         Discarded* discarded) {
  std::vector<Waiter> waiters;
  if (flight->completed) {
    if (built != nullptr) discarded->AddUnused(built);
    return waiters;
  }
  flight->completed = true;
  waiters.swap(flight->waiters);
  state_->Subtract(Count::kFlights);
  if (flight->attached) ReleaseFlight(*flight);
  if (outcome.status.ok()) {
    const HashedKey key = flight->hashed_key();
    const OperationTag id = outcome.found ? outcome.info.id : OperationTag();
    const bool storable = flight->attached && flight->began.era == state_->CurrentEra() && flight->events.Allows(id);
    // A loader's value comes from the source: that it may not be stored says nothing about what others stored.
    const bool is_event = storable || !outcome.loaded;
    // The reply is an event for whatever else is in progress: writes, and a flight that took over the slot.
    if (is_event) NoteInSlot(key, id);
    if (outcome.found && !storable) state_->Add(Count::kFillsRefused);
    if (storable && built != nullptr && Store(key, built)) {
      built = nullptr;
    } else if (is_event) {
      RemoveDifferent(key, id);
    }
  }
  flight->attached = false;
  if (built != nullptr) discarded->AddUnused(built);
  Settle(discarded);
  return waiters;
}

void Stripe::LimitFreshness(Flight* flight, MonotonicNanos since) {
  if (since < flight->fresh_since.load(std::memory_order_relaxed)) {
    flight->fresh_since.store(since, std::memory_order_relaxed);
  }
}

bool Stripe::IsAttached(const Flight& flight) const {
  if (!flight.attached || flight.began.era != state_->CurrentEra()) return false;
  return flight.kind == FlightKind::kLoad ? flight.events.none() : !flight.events.is_void();
}

// --- Writes

void Stripe::BeginWrite(const WriteRef& write, RemovalCause cause, Discarded* discarded) {
  if (Entry* const resident = index_.Find(write->hashed_key())) Unlink(resident, cause);
  Slot& slot = slots_.try_emplace(write->key).first->second;
  if (slot.flight != nullptr) Detach(&slot);
  if (!slot.writes.empty()) {
    // Their order on the server is unknown here: none of them may be kept.
    for (const WriteRef& other : slot.writes) Void(other.get());
    Void(write.get());
  }
  slot.writes.push_back(write);
  state_->Add(Count::kWrites);
  Settle(discarded);
}

void Stripe::EndWrite(WriteTicket* write, WriteOutcome outcome, bool keep, Entry* built, Discarded* discarded) {
  bool stored = false;
  if (!write->ended) {
    write->ended = true;
    state_->Subtract(Count::kWrites);
    const HashedKey key = write->hashed_key();
    const bool was_last = ReleaseWrite(*write);
    if (outcome == WriteOutcome::kApplied) {
      // Mechanism M7: the acknowledgement is an event before the caller sees it.
      NoteInSlot(key, write->id);
      const bool storable = was_last && write->began.era == state_->CurrentEra() && write->events.Allows(write->id);
      if (keep && !storable) state_->Add(Count::kFillsRefused);
      if (write->doubted && built != nullptr) built->generation.store(kNoGeneration, std::memory_order_relaxed);
      stored = storable && built != nullptr && Store(key, built);
    }
    if (!stored) RemoveDifferent(key, OperationTag());
  }
  if (!stored && built != nullptr) discarded->AddUnused(built);
  Settle(discarded);
}

// --- Local-only writes

bool Stripe::Put(const HashedKey& key, OperationTag id, Entry* built, Discarded* discarded) {
  NoteInSlot(key, id);
  const bool stored = built != nullptr && Store(key, built);
  if (!stored) {
    if (built != nullptr) discarded->AddUnused(built);
    if (Entry* const resident = index_.Find(key)) Unlink(resident, RemovalCause::kReplaced);
  }
  Settle(discarded);
  return stored;
}

bool Stripe::Remove(const HashedKey& key, MonotonicNanos latest, Discarded* discarded) {
  NoteInSlot(key, OperationTag());
  Entry* const resident = index_.Find(key);
  const bool removed = resident != nullptr && state_->Servable(*resident, latest);
  if (resident != nullptr) Unlink(resident, RemovalCause::kExplicit);
  Settle(discarded);
  return removed;
}

}  // namespace nearcache::internal::local
