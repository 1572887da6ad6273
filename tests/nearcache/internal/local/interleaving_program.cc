#include "tests/nearcache/internal/local/interleaving_program.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/local/bucket.h"
#include "nearcache/internal/local/epoch.h"
#include "nearcache/internal/local/flight.h"
#include "nearcache/internal/local/switch_point.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

constexpr size_t kHoldEntriesMax = 24;

// One run of a program on a tier of its own.
class Run {
 public:
  Run(const Program& program, InterleavingScheduler* scheduler) : program_(program), scheduler_(*scheduler) {
    AdvanceEpoch();  // Whatever earlier runs left is of no account.
    LocalTierOptions options;
    options.capacity_bytes = program.capacity_bytes;
    options.staleness_bound = program.staleness;
    options.policy = program.policy;
    options.stripe_count = 1;
    options.clock = &clock_;
    options.seed = 7;
    tier_ = LocalTier::Create(options);
  }

  void Execute() {
    for (const Operation& operation : program_.before) Call(operation);
    std::vector<std::function<void()>> bodies;
    for (const std::vector<Operation>& operations : program_.threads) {
      bodies.push_back([this, &operations] {
        for (size_t i = 0; i < operations.size(); ++i) {
          if (i > 0) scheduler_.BetweenOperations();
          Call(operations[i]);
        }
      });
    }
    scheduler_.Run(bodies);
    // What is there in the end, as a part of the history.
    for (const std::string& key : Keys()) last_looks_.push_back({Verb::kRead, key, "", 0, 0, ""});
    for (const Operation& look : last_looks_) Call(look);
  }

  const std::vector<Event>& events() const { return events_; }

  // Everything but the history; "" if all is well. Ends the tier.
  std::string Check() {
    for (const auto& [value, bytes] : held_) {
      if (value.view() != bytes) Complain("a value that was kept has changed");
    }
    CheckBudget();
    EndAll();
    for (const auto& [name, calls] : waiters_) {
      if (*calls != 1) Complain(absl::StrCat("a waiter of '", name, "' was called ", *calls, " times"));
    }
    CheckNothingIsLeft();
    return complaint_;
  }

 private:
  void Complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }

  HashedKey Key(const std::string& key) const { return HashKey(key, tier_->hash_seed()); }
  static OperationId Id(const Operation& operation) {
    return operation.id == 0 ? OperationId() : OperationId{1, operation.id};
  }
  MonotonicNanos InMillis(int64_t millis) const { return AddDuration(clock_.Now(), absl::Milliseconds(millis)); }
  MonotonicNanos ExpiryOf(const Operation& operation) const {
    return operation.amount == 0 ? kNever : InMillis(operation.amount);
  }

  std::set<std::string> Keys() const {
    std::set<std::string> keys;
    const auto add = [&keys](const std::vector<Operation>& operations) {
      for (const Operation& operation : operations) {
        if (!operation.key.empty()) keys.insert(operation.key);
      }
    };
    add(program_.before);
    for (const std::vector<Operation>& operations : program_.threads) add(operations);
    return keys;
  }

  void Call(const Operation& operation) {
    const size_t index = events_.size();
    events_.push_back({&operation, scheduler_.Time(), 0, clock_.Now(), 0, ""});
    std::string result = Do(operation);
    events_[index].result = std::move(result);
    events_[index].returned = scheduler_.Time();
    events_[index].ended_at = clock_.Now();
  }

  std::string Do(const Operation& operation) {
    switch (operation.verb) {
      case Verb::kRead:
        return Read(operation);
      case Verb::kHold:
        return Hold(operation);
      case Verb::kBeginRead:
        return BeginRead(operation, FlightKind::kRead);
      case Verb::kBeginLoad:
        return BeginRead(operation, FlightKind::kLoad);
      case Verb::kComplete:
        return Complete(operation);
      case Verb::kBeginWrite:
        writes_[operation.name] =
            tier_->BeginWrite(Key(operation.key), Id(operation), clock_.Now(), RemovalCause::kReplaced);
        return "";
      case Verb::kEndWrite:
        return EndWrite(operation, WriteOutcome::kApplied);
      case Verb::kFailWrite:
        return EndWrite(operation, WriteOutcome::kFailed);
      case Verb::kPut:
        return ToText(
            tier_->Put(Key(operation.key), operation.value, Id(operation), clock_.Now(), ExpiryOf(operation)));
      case Verb::kUpdate:
        return Update(operation);
      case Verb::kRemove:
        return ToText(tier_->Remove(Key(operation.key)));
      default:
        DoWithoutResult(operation);
        return "";
    }
  }

  void DoWithoutResult(const Operation& operation) {
    switch (operation.verb) {
      case Verb::kInvalidate:
        return tier_->Invalidate(Key(operation.key), Id(operation));
      case Verb::kDoubt:
        return tier_->Doubt(Key(operation.key), Id(operation));
      case Verb::kClear:
        return tier_->Clear();
      case Verb::kOpenLane:
        tier_->lane(0).Open(InMillis(operation.amount));
        return;
      case Verb::kCloseLane:
        return tier_->lane(0).Close();
      case Verb::kRenewLane:
        return tier_->lane(0).Renew(InMillis(operation.amount));
      case Verb::kAdvance:
        return clock_.Advance(absl::Milliseconds(operation.amount));
      case Verb::kMaintain:
        tier_->Maintain(clock_.Now(), 64);
        return;
      case Verb::kFreeRetired:
        return tier_->FreeRetired();
      case Verb::kSetCapacity:
        return tier_->SetCapacity(static_cast<size_t>(operation.amount));
      case Verb::kWalk:
        return WalkAll();
      default:
        tier_->Explain(Key(operation.key), clock_.Now());
    }
  }

  static std::string ToText(bool value) { return value ? "true" : "false"; }

  std::string Read(const Operation& operation) {
    std::string seen;
    const auto visit = [&](absl::string_view value) {
      seen = std::string(value);
      SwitchPoint(Switch::kLook);
      if (value != seen) Complain(absl::StrCat("'", seen, "' has changed under its reader"));
    };
    return tier_->Read(Key(operation.key), clock_.Now(), visit) ? absl::StrCat("hit ", seen) : "miss";
  }

  std::string Hold(const Operation& operation) {
    Value value;
    EntryInfo info;
    if (!tier_->Get(Key(operation.key), clock_.Now(), &value, &info)) return "miss";
    held_.push_back({value, value.ToString()});
    return absl::StrCat("hit ", value.view());
  }

  std::string BeginRead(const Operation& operation, FlightKind kind) {
    auto calls = std::make_shared<int>(0);
    Waiter waiter = [calls](const ReadOutcome&) { ++*calls; };
    const ReadStart start = tier_->BeginRead(Key(operation.key), clock_.Now(), kind, &waiter);
    switch (start.role) {
      case ReadStart::Role::kHit:
        return absl::StrCat("hit ", start.value.view());
      case ReadStart::Role::kLead:
        flights_[operation.name] = start.flight;
        return "lead";
      case ReadStart::Role::kJoin:
        waiters_.push_back({operation.name, calls});
        return "join";
      case ReadStart::Role::kBypass:
        bypassing_.insert(operation.name);
        return "bypass";
    }
    return "";
  }

  std::string Complete(const Operation& operation) {
    const auto found = flights_.find(operation.name);
    if (found == flights_.end()) {
      if (bypassing_.count(operation.name) == 0) return "nothing";
      tier_->NoteReply(Key(operation.key), Id(operation));
      return "noted";
    }
    const FlightRef flight = found->second;
    flights_.erase(found);
    ReadOutcome outcome;
    outcome.found = true;
    outcome.value = Value::Copy(operation.value);
    outcome.info = {Id(operation), 0, ExpiryOf(operation)};
    outcome.loaded = flight->kind == FlightKind::kLoad;
    if (program_.forget_events) {
      flight->events = EventLog();
      flight->may_be_stored = true;
    }
    tier_->CompleteRead(flight, outcome);
    return "completed";
  }

  std::string EndWrite(const Operation& operation, WriteOutcome outcome) {
    const auto found = writes_.find(operation.name);
    if (found == writes_.end()) return "nothing";
    const WriteRef write = found->second;
    writes_.erase(found);
    tier_->EndWrite(write, outcome, Value::Copy(operation.value), kNever);
    return "ended";
  }

  std::string Update(const Operation& operation) {
    std::string seen;
    const absl::Status status =
        tier_->Update(Key(operation.key), Id(operation), clock_.Now(),
                      [&](const LocalTier::Current* current) -> absl::optional<LocalTier::Replacement> {
                        seen = current == nullptr ? "none" : absl::StrCat("saw ", current->value);
                        const std::string before = current == nullptr ? "" : std::string(current->value);
                        return LocalTier::Replacement{before + operation.value, kNever, false};
                      });
    return status.ok() ? seen : std::string(status.message());
  }

  void WalkAll() {
    std::set<std::string> seen;
    tier_->ForEach([&](const EntrySnapshot& entry) {
      if (!seen.insert(std::string(entry.key)).second) Complain("a walk met an entry twice");
      return true;
    });
  }

  // Entries, and what a table takes: one, or two while it moves. Ghosts only where something was evicted.
  void CheckBudget() {
    const LocalTierStats stats = tier_->GetStats();
    if (stats.hold_entries_max > kHoldEntriesMax) Complain("more than 24 entries were touched under one hold");
    size_t entries = 0;
    for (const std::string& key : Keys()) entries += tier_->Explain(Key(key), clock_.Now()).entry_bytes;
    const size_t rest = stats.bytes - stats.retired_bytes - entries;
    if (stats.bytes > program_.capacity_bytes) Complain("more than the capacity is in use");
    if (stats.removals_capacity > 0) return;
    const size_t small = BucketArray::AllocatedSize(0);
    const size_t large = BucketArray::AllocatedSize(1);
    for (const size_t tables : {size_t{0}, small, large, small + large}) {
      if (rest == tables) return;
    }
    Complain(absl::StrCat(rest, " bytes are counted beside the entries"));
  }

  void EndAll() {
    while (!flights_.empty()) Complete({Verb::kComplete, "", "", 0, 0, flights_.begin()->first});
    while (!writes_.empty()) EndWrite({Verb::kEndWrite, "", "", 0, 0, writes_.begin()->first}, WriteOutcome::kUnknown);
    held_.clear();
  }

  void CheckNothingIsLeft() {
    tier_->Clear();
    while (tier_->Maintain(clock_.Now(), 1000)) {
    }
    tier_->FreeRetired();
    const LocalTierStats stats = tier_->GetStats();
    if (stats.entries + stats.bytes + stats.retired_bytes + stats.flights + stats.writes > 0) {
      Complain(absl::StrCat("left in the end: ", stats.entries, " entries, ", stats.bytes, " bytes, ", stats.flights,
                            " flights, ", stats.writes, " writes"));
    }
    const uint64_t removals = stats.removals_explicit + stats.removals_replaced + stats.removals_expired +
                              stats.removals_capacity + stats.removals_invalidated + stats.removals_cleared;
    if (removals != stats.insertions) Complain("not every insertion was followed by one removal");
  }

  const Program& program_;
  InterleavingScheduler& scheduler_;
  FakeClock clock_;
  std::unique_ptr<LocalTier> tier_;
  std::vector<Operation> last_looks_;
  std::vector<Event> events_;
  std::map<std::string, FlightRef> flights_;
  std::map<std::string, WriteRef> writes_;
  std::set<std::string> bypassing_;
  std::vector<std::pair<std::string, std::shared_ptr<int>>> waiters_;
  std::vector<std::pair<Value, std::string>> held_;
  std::string complaint_;
};

const char* NameOf(Verb verb) {
  static const char* const names[] = {
      "read",       "hold",    "begin read", "begin load",   "complete",     "begin write", "end write", "fail write",
      "put",        "update",  "remove",     "invalidate",   "doubt",        "clear",       "open lane", "close lane",
      "renew lane", "advance", "maintain",   "free retired", "set capacity", "walk",        "explain"};
  return names[static_cast<size_t>(verb)];
}

// The operation and its result, without times.
std::string ToText(const Event& event) {
  const Operation& operation = *event.operation;
  return absl::StrCat(NameOf(operation.verb), "(", operation.key, " ", operation.value,
                      operation.id == 0 ? "" : absl::StrCat(" #", operation.id),
                      operation.amount == 0 ? "" : absl::StrCat(" ", operation.amount), ") -> ", event.result);
}

// What of a history decides whether the rules explain it: results, and which operations came one after the other.
std::string Signature(const std::vector<Event>& events) {
  std::vector<std::pair<uint64_t, std::string>> moments;
  for (size_t i = 0; i < events.size(); ++i) {
    moments.push_back({events[i].called, absl::StrCat("c", i, "@", events[i].now)});
    moments.push_back({events[i].returned, absl::StrCat("r", i, "@", events[i].ended_at)});
  }
  std::sort(moments.begin(), moments.end());
  std::string signature;
  for (const auto& moment : moments) absl::StrAppend(&signature, moment.second, " ");
  for (const Event& event : events) absl::StrAppend(&signature, ToText(event), ";");
  return signature;
}

}  // namespace

void Totals::Add(const Totals& other) {
  schedules += other.schedules;
  histories += other.histories;
  if (first_error.empty()) first_error = other.first_error;
}

std::string ToString(const Event& event) { return absl::StrCat(event.called, "-", event.returned, " ", ToText(event)); }

Totals RunAllSchedules(const Program& program) {
  InterleavingScheduler scheduler(program.threads.size(), program.granularity);
  if (program.hide_readers) scheduler.HideReaders();
  std::set<std::string> seen;
  Totals totals;
  do {
    Run run(program, &scheduler);
    run.Execute();
    const std::vector<Event> events = run.events();
    const bool known = !seen.insert(Signature(events)).second;
    std::string complaint = known || IsExplained(program, events) ? "" : "no order of the operations explains this";
    const std::string other = run.Check();
    if (complaint.empty()) complaint = other;
    if (complaint.empty()) continue;
    totals.first_error = absl::StrCat(complaint, ", ", scheduler.Describe());
    for (const Event& event : events) absl::StrAppend(&totals.first_error, "\n  ", ToString(event));
    break;
  } while (scheduler.Next());
  totals.schedules = scheduler.schedules();
  totals.histories = seen.size();
  return totals;
}

}  // namespace nearcache::internal::local
