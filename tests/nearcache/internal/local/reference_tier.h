// The rules of the local tier as a plain program: one thread, maps, no memory to manage, nothing fast. What it says is
// compared with what the real tier does, operation by operation (local_tier_model_test.cc).
//
// It is written from the protocol's rules, not from the tier's code: a flight keeps the list of all events on its key,
// and its value may be stored if every event in the list carries that value's id.

#ifndef TESTS_NEARCACHE_INTERNAL_LOCAL_REFERENCE_TIER_H_
#define TESTS_NEARCACHE_INTERNAL_LOCAL_REFERENCE_TIER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/entry.h"
#include "nearcache/internal/local/local_tier.h"

namespace nearcache::internal::local {

class ReferenceTier {
 public:
  explicit ReferenceTier(int64_t staleness_nanos) : staleness_(staleness_nanos) {}

  struct InProgress {
    std::string key;
    FlightKind kind = FlightKind::kRead;  // Flights.
    OperationTag id;                      // Writes.
    MonotonicNanos began = 0;
    uint64_t generation = 0;
    int era = 0;
    bool attached = true;     // Flights: holds the slot.
    bool overlapped = false;  // Writes: another one was in progress at the same time.
    int waiters = 0;
    std::vector<OperationTag> events;
  };
  using Ref = std::shared_ptr<InProgress>;

  struct Resident {
    std::string value;
    EntryInfo info;
    uint64_t generation = 0;
    int era = 0;
  };

  // --- Lane

  void OpenLane(MonotonicNanos deadline) {
    open_generation_ = ++generations_;
    deadline_ = deadline;
  }
  void RenewLane(MonotonicNanos deadline) {
    if (open_generation_ != 0 && deadline > deadline_) deadline_ = deadline;
  }
  void CloseLane() { open_generation_ = 0; }

  // --- Hits and reads

  const Resident* Find(const std::string& key, MonotonicNanos now) const {
    const auto found = residents_.find(key);
    if (found == residents_.end() || !Servable(found->second, now)) return nullptr;
    return &found->second;
  }

  ReadStart::Role BeginRead(const std::string& key, MonotonicNanos now, FlightKind kind, Ref* led_or_joined) {
    if (Find(key, now) != nullptr) return ReadStart::Role::kHit;
    residents_.erase(key);
    if (!writes_[key].empty()) return ReadStart::Role::kBypass;
    Ref& slot = flights_[key];
    if (slot != nullptr) {
      const bool usable = slot->era == era_ && AllEventsMayBeOne(*slot);
      if (kind == FlightKind::kRead && slot->kind == FlightKind::kLoad && usable) return ReadStart::Role::kBypass;
      if (slot->era == era_ && slot->events.empty() && Covered(slot->began, slot->generation, now)) {
        ++slot->waiters;
        *led_or_joined = slot;
        return ReadStart::Role::kJoin;
      }
      slot->attached = false;
    }
    slot = Begin(key, now);
    slot->kind = kind;
    *led_or_joined = slot;
    return ReadStart::Role::kLead;
  }

  void CompleteRead(const Ref& flight, const ReadOutcome& outcome) {
    if (flight->attached) flights_.erase(flight->key);
    if (!outcome.status.ok()) return;
    const OperationTag id = outcome.found ? outcome.info.id : OperationTag();
    const bool storable = flight->attached && flight->era == era_ && AllEventsAre(*flight, id);
    if (outcome.loaded && !storable) return;
    Event(flight->key, id);
    if (outcome.found && storable) {
      Resident resident{outcome.value.ToString(), outcome.info, flight->generation, flight->era};
      resident.info.fetched_at = FetchTime::Round(flight->began);
      residents_[flight->key] = resident;
    } else {
      RemoveDifferent(flight->key, id);
    }
  }

  bool IsAttached(const Ref& flight) const {
    if (!flight->attached || flight->era != era_) return false;
    return flight->kind == FlightKind::kLoad ? flight->events.empty() : AllEventsMayBeOne(*flight);
  }

  // --- Writes

  Ref BeginWrite(const std::string& key, OperationTag id, MonotonicNanos now) {
    residents_.erase(key);
    if (const auto flight = flights_.find(key); flight != flights_.end()) {
      if (flight->second != nullptr) flight->second->attached = false;
      flights_.erase(flight);
    }
    Ref write = Begin(key, now);
    write->id = id;
    std::vector<Ref>& writes = writes_[key];
    writes.push_back(write);
    if (writes.size() > 1) {
      for (const Ref& each : writes) each->overlapped = true;
    }
    return write;
  }

  void EndWrite(const Ref& write, WriteOutcome outcome, const absl::optional<std::string>& value,
                MonotonicNanos expires_at) {
    std::vector<Ref>& writes = writes_[write->key];
    for (size_t i = 0; i < writes.size(); ++i) {
      if (writes[i] == write) writes.erase(writes.begin() + static_cast<ptrdiff_t>(i));
    }
    if (outcome == WriteOutcome::kApplied) Event(write->key, write->id);
    residents_.erase(write->key);
    if (outcome == WriteOutcome::kApplied && value.has_value() && !write->overlapped && write->era == era_ &&
        AllEventsAre(*write, write->id)) {
      residents_[write->key] = {
          *value, {write->id, FetchTime::Round(write->began), expires_at}, write->generation, write->era};
    }
  }

  // --- Events

  void Event(const std::string& key, OperationTag id) {
    if (const auto flight = flights_.find(key); flight != flights_.end() && flight->second != nullptr) {
      flight->second->events.push_back(id);
    }
    for (const Ref& write : writes_[key]) write->events.push_back(id);
  }

  void NoteEvent(const std::string& key, OperationTag id) {
    Event(key, id);
    RemoveDifferent(key, id);
  }

  // A stranger may have written behind `id`: only what is this very write stays, and by no lease.
  void Doubt(const std::string& key, OperationTag id) {
    if (const auto flight = flights_.find(key); flight != flights_.end() && flight->second != nullptr) {
      flight->second->events.push_back(OperationTag());
    }
    for (const Ref& write : writes_[key]) {
      if (write->id == id) {
        write->generation = 0;
      } else {
        write->events.push_back(OperationTag());
      }
    }
    RemoveDifferent(key, id);
    if (const auto found = residents_.find(key); found != residents_.end()) found->second.generation = 0;
  }

  void Clear() { ++era_; }

  // --- Local only

  void Put(const std::string& key, const std::string& value, OperationTag id, MonotonicNanos now,
           MonotonicNanos expires_at) {
    Event(key, id);
    residents_[key] = {value, {id, FetchTime::Round(now), expires_at}, open_generation_, era_};
  }

  bool Remove(const std::string& key, MonotonicNanos now) {
    const bool there = Find(key, now) != nullptr;
    NoteEvent(key, OperationTag());
    return there;
  }

  // The real tier evicted it.
  void Evict(const std::string& key) { residents_.erase(key); }

 private:
  Ref Begin(const std::string& key, MonotonicNanos now) const {
    auto begun = std::make_shared<InProgress>();
    begun->key = key;
    begun->began = now;
    begun->generation = open_generation_;
    begun->era = era_;
    return begun;
  }

  bool Covered(MonotonicNanos since, uint64_t generation, MonotonicNanos now) const {
    if (staleness_ == kNever || now - since <= staleness_) return true;
    return generation != 0 && generation == open_generation_ && now <= deadline_;
  }

  bool Servable(const Resident& resident, MonotonicNanos now) const {
    return resident.era == era_ && now < resident.info.expires_at &&
           Covered(resident.info.fetched_at, resident.generation, now);
  }

  static bool AllEventsAre(const InProgress& pending, OperationTag id) {
    for (const OperationTag& event : pending.events) {
      if (event.empty() || event != id) return false;
    }
    return true;
  }
  // Some value could still be stored.
  static bool AllEventsMayBeOne(const InProgress& pending) {
    return pending.events.empty() || AllEventsAre(pending, pending.events[0]);
  }

  void RemoveDifferent(const std::string& key, OperationTag id) {
    const auto found = residents_.find(key);
    if (found != residents_.end() && (id.empty() || found->second.info.id != id)) residents_.erase(found);
  }

  const int64_t staleness_;
  int era_ = 0;
  uint64_t generations_ = 0;
  uint64_t open_generation_ = 0;
  MonotonicNanos deadline_ = 0;
  std::map<std::string, Resident> residents_;
  std::map<std::string, Ref> flights_;
  std::map<std::string, std::vector<Ref>> writes_;
};

}  // namespace nearcache::internal::local

#endif  // TESTS_NEARCACHE_INTERNAL_LOCAL_REFERENCE_TIER_H_
