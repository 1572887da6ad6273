// The rules' side: whether some order of the operations explains what they gave.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "tests/nearcache/internal/local/interleaving_program.h"
#include "tests/nearcache/internal/local/reference_tier.h"

namespace nearcache::internal::local {
namespace {

const char* NameOf(ReadStart::Role role) {
  switch (role) {
    case ReadStart::Role::kHit:
      return "hit";
    case ReadStart::Role::kLead:
      return "lead";
    case ReadStart::Role::kJoin:
      return "join";
    case ReadStart::Role::kBypass:
      return "bypass";
  }
  return "?";
}

MonotonicNanos ExpiryOf(const Event& event) {
  const int64_t life = event.operation->amount;
  return life == 0 ? kNever : event.now + absl::ToInt64Nanoseconds(absl::Milliseconds(life));
}

// The rules, following one order.
class Replay {
 public:
  explicit Replay(const Program& program) : program_(program), tier_(AddDuration(0, program.staleness)) {}

  // Whether the operation, done next, gives the event's result.
  bool Apply(const Event& event) {
    const Operation& operation = *event.operation;
    switch (operation.verb) {
      case Verb::kRead:
      case Verb::kHold:
        return Read(event);
      case Verb::kBeginRead:
        return BeginRead(event, FlightKind::kRead);
      case Verb::kBeginLoad:
        return BeginRead(event, FlightKind::kLoad);
      case Verb::kComplete:
        return Complete(event);
      case Verb::kBeginWrite:
        writes_[operation.name] = tier_.BeginWrite(operation.key, Id(operation), event.now);
        return true;
      case Verb::kEndWrite:
        return EndWrite(event, WriteOutcome::kApplied);
      case Verb::kFailWrite:
        return EndWrite(event, WriteOutcome::kFailed);
      case Verb::kPut:
        tier_.Put(operation.key, operation.value, Id(operation), event.now, ExpiryOf(event));
        if (event.result != "true" && program_.may_miss) tier_.Evict(operation.key);
        return event.result == "true" || program_.may_miss;
      case Verb::kUpdate:
        return Update(event);
      case Verb::kRemove:
        FollowMisses(event, event.result == "false");
        return event.result == (tier_.Remove(operation.key, event.now) ? "true" : "false");
      case Verb::kInvalidate:
        tier_.NoteEvent(operation.key, Id(operation));
        return true;
      case Verb::kDoubt:
        tier_.Doubt(operation.key, Id(operation));
        return true;
      case Verb::kClear:
        tier_.Clear();
        return true;
      case Verb::kOpenLane:
        tier_.OpenLane(ExpiryOf(event));
        return true;
      case Verb::kCloseLane:
        tier_.CloseLane();
        return true;
      case Verb::kRenewLane:
        tier_.RenewLane(ExpiryOf(event));
        return true;
      default:  // Without effect on what is served.
        return true;
    }
  }

 private:
  static OperationTag Id(const Operation& operation) {
    return operation.id == 0 ? OperationTag() : OperationTag(OperationId{1, operation.id});
  }

  // Where the real tier missed, and may have: so do the rules from here on. It may if the entry ended while the
  // operation was under way, and then it may have been taken out before it was looked for.
  void FollowMisses(const Event& event, bool missed) {
    const std::string& key = event.operation->key;
    if (!missed || tier_.Find(key, event.now) == nullptr) return;
    if (program_.may_miss || tier_.Find(key, event.ended_at) == nullptr) tier_.Evict(key);
  }

  bool Read(const Event& event) {
    const bool missed = event.result == "miss";
    if (missed && program_.may_overlook) return true;
    FollowMisses(event, missed);
    const ReferenceTier::Resident* const found = tier_.Find(event.operation->key, event.now);
    return event.result == (found == nullptr ? "miss" : absl::StrCat("hit ", found->value));
  }

  bool BeginRead(const Event& event, FlightKind kind) {
    const std::string& key = event.operation->key;
    FollowMisses(event, !absl::StartsWith(event.result, "hit"));
    if (const ReferenceTier::Resident* const found = tier_.Find(key, event.now)) {
      return event.result == absl::StrCat("hit ", found->value);
    }
    ReferenceTier::Ref flight;
    const ReadStart::Role role = tier_.BeginRead(key, event.now, kind, &flight);
    if (role == ReadStart::Role::kLead) flights_[event.operation->name] = flight;
    if (role == ReadStart::Role::kBypass) bypassing_[event.operation->name] = true;
    return event.result == NameOf(role);
  }

  bool Complete(const Event& event) {
    const Operation& operation = *event.operation;
    const auto flight = flights_.find(operation.name);
    if (flight == flights_.end()) {
      if (bypassing_[operation.name]) tier_.NoteEvent(operation.key, Id(operation));
      return event.result == (bypassing_[operation.name] ? "noted" : "nothing");
    }
    ReadOutcome outcome;
    outcome.found = true;
    outcome.value = Value::Copy(operation.value);
    outcome.info = {Id(operation), 0, ExpiryOf(event)};
    outcome.loaded = flight->second->kind == FlightKind::kLoad;
    tier_.CompleteRead(flight->second, outcome);
    flights_.erase(flight);
    return event.result == "completed";
  }

  bool EndWrite(const Event& event, WriteOutcome outcome) {
    const Operation& operation = *event.operation;
    const auto write = writes_.find(operation.name);
    if (write == writes_.end()) return event.result == "nothing";
    tier_.EndWrite(write->second, outcome, operation.value, kNever);
    writes_.erase(write);
    return event.result == "ended";
  }

  bool Update(const Event& event) {
    const Operation& operation = *event.operation;
    FollowMisses(event, event.result == "none");
    const ReferenceTier::Resident* const found = tier_.Find(operation.key, event.now);
    const std::string seen = found == nullptr ? "" : found->value;
    if (event.result != (found == nullptr ? "none" : absl::StrCat("saw ", seen))) return false;
    tier_.Put(operation.key, seen + operation.value, Id(operation), event.now, kNever);
    return true;
  }

  const Program& program_;
  ReferenceTier tier_;
  std::map<std::string, ReferenceTier::Ref> flights_;
  std::map<std::string, bool> bypassing_;
  std::map<std::string, ReferenceTier::Ref> writes_;
};

// Depth first through the orders that keep to the times of calls and returns. The rules are replayed from the start
// for each step: histories are short.
class OrderSearch {
 public:
  OrderSearch(const Program& program, const std::vector<Event>& events)
      : program_(program), events_(events), used_(events.size(), false) {}

  bool Found() {
    if (order_.size() == events_.size()) return true;
    for (size_t i = 0; i < events_.size(); ++i) {
      if (used_[i] || !MayBeNext(i)) continue;
      used_[i] = true;
      order_.push_back(i);
      if (Holds() && Found()) return true;
      order_.pop_back();
      used_[i] = false;
    }
    return false;
  }

 private:
  bool MayBeNext(size_t candidate) const {
    for (size_t i = 0; i < events_.size(); ++i) {
      if (!used_[i] && events_[i].returned < events_[candidate].called) return false;
    }
    return true;
  }

  bool Holds() const {
    Replay replay(program_);
    return std::all_of(order_.begin(), order_.end(), [&](size_t i) { return replay.Apply(events_[i]); });
  }

  const Program& program_;
  const std::vector<Event>& events_;
  std::vector<bool> used_;
  std::vector<size_t> order_;
};

bool EndsGenerationOrEra(Verb verb) {
  return verb == Verb::kClear || verb == Verb::kOpenLane || verb == Verb::kCloseLane;
}

bool KeepsItsBeginning(Verb verb) {
  return verb == Verb::kBeginRead || verb == Verb::kBeginLoad || verb == Verb::kBeginWrite || verb == Verb::kPut ||
         verb == Verb::kUpdate;
}

// Whether a change of generation or era fell into a call that keeps both for what it stores: the call notes them before
// it takes the lock, so what it found there may be newer than they are. Then what it stores may be missing.
bool AnyBeganBlurred(const std::vector<Event>& events) {
  for (const Event& change : events) {
    if (!EndsGenerationOrEra(change.operation->verb)) continue;
    for (const Event& event : events) {
      const bool overlap = event.called < change.returned && change.called < event.returned;
      if (overlap && KeepsItsBeginning(event.operation->verb)) return true;
    }
  }
  return false;
}

}  // namespace

bool IsExplained(const Program& program, const std::vector<Event>& events) {
  Program judged = program;
  judged.may_miss |= AnyBeganBlurred(events);
  return OrderSearch(judged, events).Found();
}

}  // namespace nearcache::internal::local
