#include "tests/simulation/reference_tier.h"

#include <algorithm>
#include <utility>

namespace nearcache::simulation {

namespace local = ::nearcache::internal::local;
using internal::HashedKey;
using internal::MonotonicNanos;
using internal::OperationTag;

struct ReferenceTier::Flight {
  std::string key;
  MonotonicNanos began_at = 0;
  local::Generation generation = 0;
  Events events;
  std::vector<local::Waiter> waiters;
};

struct ReferenceTier::Write {
  std::string key;
  OperationTag id;
  MonotonicNanos began_at = 0;
  local::Generation generation = 0;
  Events events;
};

namespace {

// The interface's types are opaque; here they stand for ours.
template <typename Opaque, typename Real>
std::shared_ptr<Opaque> Wrap(const std::shared_ptr<Real>& real) {
  return std::shared_ptr<Opaque>(real, reinterpret_cast<Opaque*>(real.get()));
}
template <typename Real, typename Opaque>
std::shared_ptr<Real> Unwrap(const std::shared_ptr<Opaque>& opaque) {
  return std::shared_ptr<Real>(opaque, reinterpret_cast<Real*>(opaque.get()));
}

}  // namespace

ReferenceTier::ReferenceTier(int64_t bound_nanos, const internal::Clock* clock, Mutant mutant)
    : bound_(bound_nanos), clock_lag_(clock->CoarseLagNanos()), mutant_(mutant) {}

ReferenceTier::~ReferenceTier() = default;

// --- M3, M4

bool ReferenceTier::Covered(local::Generation generation, MonotonicNanos now) const {
  if (mutant_ == Mutant::kNoGeneration) return now <= lane_.deadline();
  return lane_.Covers(generation, now);
}

bool ReferenceTier::Live(const Entry& entry, MonotonicNanos now) const {
  return Covered(entry.generation, now) || now <= entry.fetched_at + bound_ - clock_lag_;
}

bool ReferenceTier::Joinable(const Flight& flight, MonotonicNanos now) const {
  const bool young = now <= flight.began_at + bound_ - clock_lag_ || Covered(flight.generation, now);
  if (mutant_ == Mutant::kJoinAny) return young;
  if (flight.events.any) return false;
  return young || mutant_ == Mutant::kJoinOld;
}

local::Generation ReferenceTier::FillGeneration() {
  const local::Generation open = lane_.FillGeneration();
  if (mutant_ != Mutant::kEarlyFill || open != local::kNoGeneration) return open;
  // The one after the closed one, which has to be guessed.
  while (!lane_.Covers(closed_, 0)) ++closed_;
  return closed_ + 1;
}

// --- M6

void ReferenceTier::Note(Events* events, OperationTag id) const {
  if (!events->any) {
    events->any = true;
    events->id = id;
    events->is_void = id.empty();
  } else if (mutant_ == Mutant::kSoftVoid) {
    events->id = id;
  } else if (events->id != id) {
    events->is_void = true;
  }
}

bool ReferenceTier::Allows(const Events& events, OperationTag id) {
  return !events.is_void && (!events.any || events.id == id);
}

void ReferenceTier::NoteOnWrites(Slot* slot, OperationTag id, const Write* except) const {
  for (const std::shared_ptr<Write>& write : slot->writes) {
    if (write.get() != except) Note(&write->events, id);
  }
}

// --- Reads

bool ReferenceTier::Get(const HashedKey& key, MonotonicNanos now, Value* value, local::EntryInfo* info) {
  const auto slot = slots_.find(std::string(key.key));
  if (slot == slots_.end() || !slot->second.entry.has_value()) return false;
  const Entry& entry = *slot->second.entry;
  if (!Live(entry, now)) {
    ++stats_.lease_misses;
    return false;
  }
  ++stats_.hits;
  *value = entry.value;
  if (info != nullptr) *info = {entry.id, entry.fetched_at, internal::kNever};
  return true;
}

bool ReferenceTier::Read(const HashedKey& key, MonotonicNanos now, absl::FunctionRef<void(absl::string_view)> visitor) {
  Value value;
  if (!Get(key, now, &value, nullptr)) return false;
  visitor(value.view());
  return true;
}

bool ReferenceTier::GetCopy(const HashedKey& key, MonotonicNanos now, std::string* copy) {
  Value value;
  if (!Get(key, now, &value, nullptr)) return false;
  *copy = value.ToString();
  return true;
}

void ReferenceTier::GetMany(absl::Span<const HashedKey> keys, MonotonicNanos now,
                            absl::FunctionRef<void(size_t, Value)> hit) {
  for (size_t i = 0; i < keys.size(); ++i) {
    Value value;
    if (Get(keys[i], now, &value, nullptr)) hit(i, std::move(value));
  }
}

local::ReadStart ReferenceTier::BeginRead(const HashedKey& key, MonotonicNanos now, local::FlightKind,
                                          local::Waiter* waiter) {
  local::ReadStart start;
  if (Get(key, now, &start.value, &start.info)) {
    start.role = local::ReadStart::Role::kHit;
    return start;
  }
  Slot& slot = slots_[std::string(key.key)];
  if (slot.flight != nullptr && Joinable(*slot.flight, now)) {
    slot.flight->waiters.push_back(std::move(*waiter));
    ++stats_.flights_joined;
    start.role = local::ReadStart::Role::kJoin;
    return start;
  }
  auto flight = std::make_shared<Flight>();
  flight->key = std::string(key.key);
  flight->began_at = now;
  flight->generation = FillGeneration();
  slot.flight = flight;
  start.role = local::ReadStart::Role::kLead;
  start.flight = Wrap<local::Flight>(flight);
  return start;
}

void ReferenceTier::CompleteRead(const local::FlightRef& opaque, const local::ReadOutcome& outcome) {
  const std::shared_ptr<Flight> flight = Unwrap<Flight>(opaque);
  Slot& slot = slots_[flight->key];
  const bool attached = slot.flight == flight;
  if (attached) slot.flight = nullptr;
  if (outcome.status.ok()) {
    const OperationTag id = outcome.found ? outcome.info.id : OperationTag();
    const bool stores = outcome.found && (mutant_ == Mutant::kNoToken || (attached && Allows(flight->events, id)));
    if (stores) {
      const bool late = mutant_ == Mutant::kAgeFromReply;
      const MonotonicNanos fetched_at =
          late ? outcome.info.fetched_at : std::min(outcome.info.fetched_at, flight->began_at);
      const bool now = mutant_ == Mutant::kGenerationAtReply;
      slot.entry = Entry{outcome.value, id, fetched_at, now ? FillGeneration() : flight->generation};
    } else if (slot.entry.has_value() && slot.entry->id != id && mutant_ != Mutant::kKeepOlder) {
      slot.entry.reset();
    }
    if (outcome.found && !stores) ++stats_.fills_refused;
    if (mutant_ != Mutant::kWriteBlind) NoteOnWrites(&slot, id, nullptr);
    if (slot.flight != nullptr && mutant_ != Mutant::kReplyUnnoted) Note(&slot.flight->events, id);
  }
  std::vector<local::Waiter> waiters = std::move(flight->waiters);
  for (local::Waiter& waiter : waiters) std::move(waiter)(outcome);
}

void ReferenceTier::LimitFreshness(const local::FlightRef& flight, MonotonicNanos since) {
  MonotonicNanos& began_at = Unwrap<Flight>(flight)->began_at;
  began_at = std::min(began_at, since);
}

bool ReferenceTier::IsAttached(const local::FlightRef& flight) {
  const std::shared_ptr<Flight> real = Unwrap<Flight>(flight);
  return slots_[real->key].flight == real && !real->events.is_void;
}

void ReferenceTier::NoteReply(const HashedKey& key, OperationTag id) {
  NoteEvent(key, id, mutant_ != Mutant::kReplyUnnoted);
}

// --- Writes (M7)

local::WriteRef ReferenceTier::BeginWrite(const HashedKey& key, OperationTag id, MonotonicNanos now, RemovalCause) {
  auto write = std::make_shared<Write>();
  write->key = std::string(key.key);
  write->id = id;
  write->began_at = now;
  write->generation = FillGeneration();
  slots_[write->key].writes.push_back(write);
  return Wrap<local::WriteTicket>(write);
}

void ReferenceTier::EndWrite(const local::WriteRef& opaque, local::WriteOutcome outcome,
                             const absl::optional<Value>& value, MonotonicNanos) {
  const std::shared_ptr<Write> write = Unwrap<Write>(opaque);
  Slot& slot = slots_[write->key];
  slot.writes.erase(std::remove(slot.writes.begin(), slot.writes.end(), write), slot.writes.end());
  if (outcome == local::WriteOutcome::kFailed) return;
  if (outcome == local::WriteOutcome::kUnknown) {
    slot.entry.reset();
    if (slot.flight != nullptr) Note(&slot.flight->events, write->id);
    return;
  }
  if (mutant_ == Mutant::kNoAckVoid) return;
  if (slot.flight != nullptr) Note(&slot.flight->events, write->id);
  if (mutant_ != Mutant::kWritesApart) NoteOnWrites(&slot, write->id, write.get());
  if (value.has_value() && Allows(write->events, write->id)) {
    const bool now = mutant_ == Mutant::kGenerationAtAck;
    slot.entry = Entry{*value, write->id, write->began_at, now ? FillGeneration() : write->generation};
  } else {
    slot.entry.reset();
  }
}

// --- Events from outside

void ReferenceTier::Invalidate(const HashedKey& key, OperationTag id) {
  NoteEvent(key, id, mutant_ != Mutant::kMessageUnnoted);
}

void ReferenceTier::NoteEvent(const HashedKey& key, OperationTag id, bool flight_hears) {
  Slot& slot = slots_[std::string(key.key)];
  const bool kept = mutant_ == Mutant::kDoubtKept && id.empty() && slot.entry.has_value() && slot.entry->in_doubt;
  if (slot.entry.has_value() && slot.entry->id != id && !kept) {
    slot.entry.reset();
    ++stats_.removals_invalidated;
  }
  if (slot.flight != nullptr && flight_hears) Note(&slot.flight->events, id);
  NoteOnWrites(&slot, id, nullptr);
}

void ReferenceTier::Doubt(const HashedKey& key, OperationTag id) {
  Slot& slot = slots_[std::string(key.key)];
  if (slot.entry.has_value() && slot.entry->id == id) {
    slot.entry->generation = local::kNoGeneration;
    slot.entry->in_doubt = true;
  } else if (slot.entry.has_value()) {
    slot.entry.reset();
    ++stats_.removals_invalidated;
  }
  if (slot.flight != nullptr) Note(&slot.flight->events, OperationTag());
  for (const std::shared_ptr<Write>& write : slot.writes) {
    if (write->id == id) {
      write->generation = local::kNoGeneration;
    } else {
      Note(&write->events, OperationTag());
    }
  }
}

void ReferenceTier::Clear() {
  for (auto& slot : slots_) {
    slot.second.entry.reset();
    if (slot.second.flight != nullptr) {
      slot.second.flight->events.any = true;
      slot.second.flight->events.is_void = true;
    }
    for (const std::shared_ptr<Write>& write : slot.second.writes) {
      write->events.any = true;
      write->events.is_void = true;
    }
  }
}

}  // namespace nearcache::simulation
