// All interleavings of two and three threads on one stripe: see interleaving_program.h for what is checked, and
// interleaving_scheduler.h for how. Each test prints how many schedules it ran.

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/local/local_tier.h"
#include "tests/nearcache/internal/local/interleaving_program.h"

namespace nearcache::internal::local {
namespace {

using Operations = std::vector<Operation>;
using Granularity = InterleavingScheduler::Granularity;

// All values are of one length, so that a block that was freed serves the next one: who reads what is gone shows it.
std::string Padded(const std::string& value) { return value + std::string(40 - value.size(), '.'); }

Operation Of(Verb verb) { return {verb, "", "", 0, 0, ""}; }
Operation Of(Verb verb, const std::string& key) { return {verb, key, "", 0, 0, ""}; }
Operation WithAmount(Verb verb, int64_t amount) { return {verb, "", "", 0, amount, ""}; }
Operation WithId(Verb verb, const std::string& key, uint64_t id) { return {verb, key, "", id, 0, ""}; }
Operation Read(const std::string& key) { return Of(Verb::kRead, key); }
Operation Hold(const std::string& key) { return Of(Verb::kHold, key); }
Operation Remove(const std::string& key) { return Of(Verb::kRemove, key); }
Operation Put(const std::string& key, const std::string& value, uint64_t id = 100, int64_t millis = 0) {
  return {Verb::kPut, key, Padded(value), id, millis, ""};
}
Operation Update(const std::string& key, const std::string& suffix) { return {Verb::kUpdate, key, suffix, 200, 0, ""}; }
Operation Begin(Verb verb, const std::string& key, const std::string& name, uint64_t id = 0) {
  return {verb, key, "", id, 0, name};
}
Operation End(Verb verb, const std::string& key, const std::string& value, uint64_t id, const std::string& name,
              int64_t millis = 0) {
  return {verb, key, Padded(value), id, millis, name};
}
Operations Fill(const std::string& key, const std::string& value, uint64_t id, const std::string& name) {
  return {Begin(Verb::kBeginRead, key, name), End(Verb::kComplete, key, value, id, name)};
}
Operations Load(const std::string& key, const std::string& value, uint64_t id, const std::string& name) {
  return {Begin(Verb::kBeginLoad, key, name), End(Verb::kComplete, key, value, id, name)};
}
Operations Write(const std::string& key, const std::string& value, uint64_t id, const std::string& name) {
  return {Begin(Verb::kBeginWrite, key, name, id), End(Verb::kEndWrite, key, value, id, name)};
}
Operations Then(Operations first, const Operations& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Granularity Locks() { return Granularity(); }
Granularity LocksAndUnlocks() {
  Granularity granularity;
  granularity.after_unlock = true;
  return granularity;
}
Granularity Everywhere() {
  Granularity granularity = LocksAndUnlocks();
  granularity.look = true;
  granularity.publish = true;
  return granularity;
}

class InterleavingTest : public testing::Test {
 protected:
  // Runs it; the first error ends the test.
  void Explore(const Program& program) {
    if (HasFailure()) return;
    const Totals totals = RunAllSchedules(program);
    EXPECT_EQ(totals.first_error, "") << Describe(program);
    totals_.Add(totals);
    ++programs_;
  }

  void Explore(const Operations& before, const std::vector<Operations>& threads, const Granularity& granularity) {
    Program program;
    program.before = before;
    program.threads = threads;
    program.granularity = granularity;
    Explore(program);
  }

  void TearDown() override {
    RecordProperty("schedules", absl::StrCat(totals_.schedules));
    std::cout << programs_ << " programs, " << totals_.schedules << " schedules, " << totals_.histories
              << " different histories\n";
  }

  static std::string Describe(const Program& program) {
    std::string text;
    for (size_t i = 0; i <= program.threads.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "before:" : absl::StrCat("\nthread ", i, ":"));
      for (const Operation& operation : i == 0 ? program.before : program.threads[i - 1]) {
        Event event;
        event.operation = &operation;
        absl::StrAppend(&text, " ", ToString(event));
      }
    }
    return text;
  }

  Totals totals_;
  int programs_ = 0;
};

// --- Every operation against every other, on one key in each of its states

struct State {
  Operations before;
  absl::Duration staleness = absl::InfiniteDuration();
};

std::vector<State> States() {
  const absl::Duration staleness = absl::Milliseconds(100);
  return {
      {{}},
      {{Put("a", "0")}},
      {{Put("a", "0", 100, 50)}},
      {{Begin(Verb::kBeginRead, "a", "first")}},
      {{Begin(Verb::kBeginLoad, "a", "first")}},
      {{Begin(Verb::kBeginWrite, "a", "first", 1)}},
      {{Put("a", "0"), Of(Verb::kClear)}},
      // Covered by the lease alone.
      {{WithAmount(Verb::kOpenLane, 200), Put("a", "0", 1), WithAmount(Verb::kAdvance, 150)}, staleness},
  };
}

// `name` sets what one thread has in progress apart from what others have.
std::vector<Operations> Changes(const std::string& name, uint64_t id) {
  return {
      {Read("a")},
      Fill("a", name, id, name),
      Load("a", name, id, name),
      Write("a", name, id, name),
      {Begin(Verb::kBeginWrite, "a", name, id), End(Verb::kFailWrite, "a", name, id, name)},
      {Put("a", name, id)},
      {Put("a", name, id, 40)},
      {Update("a", name)},
      {Remove("a")},
      {WithId(Verb::kInvalidate, "a", 1)},
      {WithId(Verb::kInvalidate, "a", id)},
      {WithId(Verb::kDoubt, "a", 1)},
      {WithId(Verb::kDoubt, "a", 50)},
      {Of(Verb::kClear)},
      {WithAmount(Verb::kAdvance, 60)},
      {Of(Verb::kMaintain)},
      {End(Verb::kComplete, "a", "9", 1, "first")},
      {End(Verb::kEndWrite, "a", "9", 1, "first")},
  };
}

std::vector<Operations> Actions(const std::string& name, uint64_t id) {
  std::vector<Operations> actions = Changes(name, id);
  actions.push_back({Hold("a")});
  actions.push_back({Of(Verb::kFreeRetired)});
  actions.push_back({Of(Verb::kWalk)});
  actions.push_back({Of(Verb::kExplain, "a")});
  actions.push_back({Put("b", name, id)});
  return actions;
}

// The lane has one writer, so these meet the others and never each other.
std::vector<Operations> LaneActions() {
  return {{Of(Verb::kCloseLane)},
          {WithAmount(Verb::kOpenLane, 100)},
          {WithAmount(Verb::kRenewLane, 300)},
          {Of(Verb::kCloseLane), WithAmount(Verb::kOpenLane, 100)}};
}

bool Has(Verb verb, const std::vector<Operations>& threads) {
  for (const Operations& operations : threads) {
    for (const Operation& operation : operations) {
      if (operation.verb == verb) return true;
    }
  }
  return false;
}

// What users of the tier keep to: each flight and write is ended once, and a tier is either changed by kUpdate, without
// a server, or hears of a server's doubts.
bool MakesSense(const std::vector<Operations>& threads) {
  int ends_first = 0;
  for (const Operations& operations : threads) ends_first += operations[0].name == "first" ? 1 : 0;
  return ends_first < 2 && !(Has(Verb::kUpdate, threads) && Has(Verb::kDoubt, threads));
}

TEST_F(InterleavingTest, EveryPairOfOperations) {
  std::vector<Operations> others = Actions("y", 12);
  for (const Operations& action : LaneActions()) others.push_back(action);
  for (const State& state : States()) {
    for (const Operations& one : Actions("x", 11)) {
      for (const Operations& other : others) {
        Program program;
        program.before = state.before;
        program.staleness = state.staleness;
        program.threads = {one, other};
        program.granularity.after_unlock = one.size() + other.size() == 2;
        program.granularity.operations = false;
        if (MakesSense(program.threads)) Explore(program);
      }
    }
  }
}

// The same with readers stopped between any two loads, and changes between any two stores that they can see apart.
TEST_F(InterleavingTest, EveryReaderBesideEveryChange) {
  std::vector<Operations> changes = Actions("y", 12);
  for (const Operations& action : LaneActions()) changes.push_back(action);
  for (const State& state : States()) {
    for (const Operations& change : changes) {
      for (const Operations& reader : {Operations{Read("a")}, Operations{Hold("a")}}) {
        Program program;
        program.before = state.before;
        program.staleness = state.staleness;
        program.threads = {reader, change};
        program.granularity = Everywhere();
        Explore(program);
      }
    }
  }
}

TEST_F(InterleavingTest, EveryThreeOperations) {
  const std::vector<Operations> first = Changes("x", 11);
  const std::vector<Operations> second = Changes("y", 12);
  const std::vector<Operations> third = Changes("z", 13);
  const std::vector<State> states = States();
  // Present; being read; being written; covered by the lease alone.
  for (const State& state : {states[1], states[3], states[5], states[7]}) {
    for (size_t i = 0; i < first.size(); ++i) {
      for (size_t j = i; j < second.size(); ++j) {
        for (size_t k = j; k < third.size(); ++k) {
          Program program;
          program.before = state.before;
          program.staleness = state.staleness;
          program.threads = {first[i], second[j], third[k]};
          program.granularity = Locks();
          program.granularity.operations = false;
          if (MakesSense(program.threads)) Explore(program);
        }
      }
    }
  }
}

// --- Longer stories

// Of four operations each.
std::vector<Operations> Stories(const std::string& name, uint64_t id) {
  const Operations filled = Fill("a", name, id, name);
  return {
      Then(filled, {Read("a"), WithId(Verb::kInvalidate, "a", 2)}),
      Then(Write("a", name, id, name), {Read("a"), Remove("a")}),
      Then(filled, Fill("a", "4", 4, name + "'")),
      Then(Load("a", name, id, name), {WithId(Verb::kDoubt, "a", id), Read("a")}),
      {Of(Verb::kClear), Put("a", name, id), Of(Verb::kMaintain), Read("a")},
      {Update("a", name), Update("a", name), Remove("a"), Read("a")},
      {Put("a", name, id, 40), WithAmount(Verb::kAdvance, 50), Read("a"), Of(Verb::kMaintain)},
  };
}

TEST_F(InterleavingTest, TwoThreadsOfFourOperations) {
  const std::vector<Operations> one = Stories("x", 11);
  const std::vector<Operations> other = Stories("y", 12);
  for (size_t i = 0; i < one.size(); ++i) {
    for (size_t j = i; j < other.size(); ++j) Explore({}, {one[i], other[j]}, Locks());
  }
}

TEST_F(InterleavingTest, ThreeThreadsOfThreeOperations) {
  Granularity locks = Locks();
  locks.operations = false;
  locks.preemptions_max = 5;
  const Operations filling = Then(Fill("a", "1", 1, "x"), {Of(Verb::kExplain, "a")});
  const Operations writing = Then(Write("a", "2", 2, "y"), {Remove("a")});
  const Operations hearing = {WithId(Verb::kInvalidate, "a", 1), WithId(Verb::kInvalidate, "a", 2), Update("a", "3")};
  const Operations loading = Then(Load("a", "4", 4, "z"), {Put("b", "1")});
  Explore({}, {filling, writing, hearing}, locks);
  Explore({}, {filling, hearing, loading}, locks);
  Explore({Put("a", "0")}, {writing, hearing, loading}, locks);
}

// --- Memory: tables that grow, entries that are driven out, blocks that are used again

TEST_F(InterleavingTest, ATableGrowsBesideReadersAndWriters) {
  Operations five;
  for (const char* const key : {"a", "b", "c", "d", "e"}) five.push_back(Put(key, "0"));
  const Operations growing = {Put("f", "1"), Put("g", "1")};
  Program program;
  program.before = five;
  program.granularity = LocksAndUnlocks();
  for (const Operations& other :
       {Operations{Put("a", "2"), Put("h", "2")}, Operations{Remove("a"), Put("a", "3")}, Operations{Of(Verb::kWalk)},
        Operations{Of(Verb::kClear), Put("a", "4")}, Fill("b", "5", 5, "x"), Operations{Of(Verb::kMaintain)}}) {
    program.threads = {growing, other};
    Explore(program);
  }
  // A reader may overlook an entry in the moment in which a move begins; he may see nothing else.
  program.may_overlook = true;
  program.granularity = Everywhere();
  program.granularity.preemptions_max = 3;
  for (const Operations& reader : {Operations{Read("a"), Read("f")}, Operations{Hold("f"), Hold("b")}}) {
    program.threads = {growing, reader};
    Explore(program);
  }
}

class InterleavingOfPoliciesTest : public InterleavingTest, public testing::WithParamInterface<PolicyKind> {};

INSTANTIATE_TEST_SUITE_P(EveryPolicy, InterleavingOfPoliciesTest,
                         testing::Values(PolicyKind::kScanResistant, PolicyKind::kLru),
                         [](const testing::TestParamInfo<PolicyKind>& policy) {
                           return policy.param == PolicyKind::kLru ? "Lru" : "ScanResistant";
                         });

// Room for a table, ghosts and four entries or so.
TEST_P(InterleavingOfPoliciesTest, EntriesAreDrivenOutByCapacity) {
  Program program;
  program.policy = GetParam();
  program.capacity_bytes = 900;
  program.may_miss = true;
  program.before = {Put("a", "0"), Put("b", "0"), Read("a"), Put("c", "0"), Put("d", "0")};
  program.granularity = Locks();
  const std::vector<Operations> others = {
      {Put("e", "1"), Read("a"), Put("f", "1")},
      {Remove("b"), Put("g", "2"), Of(Verb::kMaintain)},
      {WithAmount(Verb::kSetCapacity, 600), Put("h", "3"), WithAmount(Verb::kSetCapacity, 900)},
      {Of(Verb::kClear), Put("a", "4"), Read("a")},
      Then(Fill("a", "5", 5, "x"), {Put("i", "5")}),
      {Update("b", "6"), Update("b", "7")},
  };
  for (const Operations& one : others) {
    for (const Operations& other : others) {
      program.threads = {one, other};
      if (&one == &other) continue;
      Explore(program);
    }
  }
}

// What was taken out is freed, and its block serves the next entry, while a reader stands anywhere.
Program BlocksAreUsedAgain() {
  Program program;
  program.before = {Put("a", "0"), Put("b", "0")};
  program.granularity = Everywhere();
  program.threads = {{Read("a")}, {Remove("a"), Of(Verb::kFreeRetired), Put("c", "1")}};
  return program;
}

TEST_F(InterleavingTest, NoBlockIsUsedAgainBeforeItsReadersHaveLeft) {
  Program program = BlocksAreUsedAgain();
  Explore(program);
  program.threads[0] = {Hold("a")};
  Explore(program);
  program.threads = {{Read("a"), Read("b")}, {Hold("a")}, {Remove("a"), Of(Verb::kFreeRetired), Put("c", "1")}};
  program.granularity.preemptions_max = 3;
  Explore(program);
}

// --- The checks themselves: with a mechanism taken away, they find out

TEST_F(InterleavingTest, AReaderWithoutAnEpochWouldBeFound) {
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  GTEST_SKIP() << "it would end this program";
#endif
  Program program = BlocksAreUsedAgain();
  program.hide_readers = true;
  const Totals totals = RunAllSchedules(program);
  EXPECT_NE(totals.first_error, "");
  std::cout << "after " << totals.schedules << " schedules: " << totals.first_error << "\n";
}

TEST_F(InterleavingTest, AFlightThatForgetsItsEventsWouldBeFound) {
  Program program;
  program.threads = {Fill("a", "1", 1, "x"), {WithId(Verb::kInvalidate, "a", 2)}};
  program.granularity = Locks();
  Explore(program);
  program.forget_events = true;
  const Totals totals = RunAllSchedules(program);
  EXPECT_NE(totals.first_error, "");
  std::cout << "after " << totals.schedules << " schedules: " << totals.first_error << "\n";
}

}  // namespace
}  // namespace nearcache::internal::local
