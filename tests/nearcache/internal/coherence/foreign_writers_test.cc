// What a process makes of the server's reports of keys that changed without saying who changed them: the ledger of
// echoes, the machine's actions, and the coordinator's work on the tier. No socket, no thread; times are injected.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/coherence/channel_machine.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/coherence/doubted_keys.h"
#include "nearcache/internal/coherence/echo_ledger.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/testing/fake_server.h"
#include "nearcache/testing/fake_store.h"

namespace nearcache::internal::coherence {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr OperationId kFirst{7, 1};
constexpr OperationId kSecond{7, 2};

// --- The ledger

TEST(EchoLedgerTest, AKeyIsTheEchoOfItsLastAnnouncementOnce) {
  EchoLedger ledger;
  ledger.Note("k", kFirst);
  ledger.Note("k", kSecond);
  EXPECT_EQ(ledger.Take("k"), kSecond);
  EXPECT_TRUE(ledger.Take("k").empty()) << "a second report is a stranger's";
  EXPECT_TRUE(ledger.Take("other").empty());
}

TEST(EchoLedgerTest, ForgetsRatherThanGrow) {
  EchoLedger ledger;
  const uint64_t keys = 10 * EchoLedger::kSlots;
  for (uint64_t i = 0; i < keys; ++i) ledger.Note(absl::StrCat("key", i), OperationId{7, i + 1});
  uint64_t known = 0;
  for (uint64_t i = 0; i < keys; ++i) {
    const OperationId id = ledger.Take(absl::StrCat("key", i));
    if (id.empty()) continue;
    EXPECT_EQ(id.counter, i + 1);
    ++known;
  }
  EXPECT_LE(known, EchoLedger::kSlots);
  EXPECT_GT(known, EchoLedger::kSlots / 2);
  ledger.Note("k", kFirst);
  ledger.Clear();
  EXPECT_TRUE(ledger.Take("k").empty());
}

// --- The machine

class ForeignMachineTest : public ::testing::Test {
 protected:
  static ChannelMachineOptions Options() {
    ChannelMachineOptions options;
    options.staleness_bound_nanos = 1000;
    options.foreign_writers = true;
    return options;
  }

  std::vector<Action> Take() {
    std::vector<Action> taken;
    for (Action& action : actions_) {
      if (!std::holds_alternative<SetTimer>(action)) taken.push_back(std::move(action));
    }
    actions_.clear();
    return taken;
  }
  std::vector<Action> Touch(std::vector<absl::string_view> keys) {
    machine_.OnKeysTouched(now_, keys, &actions_);
    return Take();
  }
  std::vector<Action> Announce(absl::string_view key, OperationId id, uint32_t key_version = 1) {
    Message message;
    message.previous = last_;
    message.lane_id = last_ = id;
    message.key_version = key_version;
    message.changes.push_back({MessageKind::kSet, id, key});
    machine_.OnMessage(now_, message, &actions_);
    return Take();
  }
  // Answers the reading that was asked for last: the lane is where the last announcement left it.
  void AnswerReading() {
    uint64_t ticket = 0;
    for (const Action& action : Take()) {
      if (std::holds_alternative<ReadLane>(action)) ticket = std::get<ReadLane>(action).ticket;
    }
    remote::LaneReading reading;
    reading.lane = last_;
    reading.epoch = OperationId{9, 1};
    reading.sent_at = now_;
    machine_.OnLaneRead(now_, ticket, reading, &actions_);
  }
  void Open() {
    machine_.OnSubscribed(now_, &actions_);
    AnswerReading();
    ASSERT_EQ(machine_.state(), ChannelMachine::State::kOpen);
    Take();
  }
  static Action Touches(std::vector<coherence::Touch> touches) { return ApplyTouches{std::move(touches)}; }

  MonotonicNanos now_ = 1'000'000;
  OperationId last_{7, 100};
  EpochRegister epochs_;
  ChannelMachine machine_{Options(), &epochs_};
  Actions actions_;
};

TEST_F(ForeignMachineTest, AReportBehindItsAnnouncementIsAnEchoAnyOtherAStrangers) {
  Open();
  Announce("a", kFirst);
  EXPECT_THAT(Touch({"a", "b"}), ElementsAre(Touches({{"a", kFirst}, {"b", OperationId()}})));
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", OperationId()}})));
}

// --- Doubts and Sync

TEST(DoubtedKeysTest, GivesThoseOfLateOnce) {
  DoubtedKeys keys;
  keys.Note(100, "a");
  keys.Note(200, "b");
  EXPECT_EQ(keys.Take(150), std::vector<std::string>{"b"});
  EXPECT_EQ(keys.Take(0), std::vector<std::string>());
}

TEST(DoubtedKeysTest, SaysWhenTheyAreMoreThanItRemembers) {
  DoubtedKeys keys;
  for (size_t i = 0; i <= DoubtedKeys::kCapacity; ++i) keys.Note(100 + static_cast<MonotonicNanos>(i), "k");
  EXPECT_EQ(keys.Take(100), absl::nullopt);
  EXPECT_EQ(keys.Take(100), std::vector<std::string>());
  for (size_t i = 0; i <= DoubtedKeys::kCapacity; ++i) keys.Note(100 + static_cast<MonotonicNanos>(i), "k");
  EXPECT_EQ(keys.Take(101)->size(), DoubtedKeys::kCapacity);
  keys.Note(100, std::string(DoubtedKeys::kKeyBytesMax + 1, 'k'));
  EXPECT_EQ(keys.Take(100), absl::nullopt);
}

// Found by the simulation: a stranger wrote behind an own write, had his answer, and the copy in doubt was served after
// a Sync.
TEST_F(ForeignMachineTest, ASyncEndsWhatIsInDoubt) {
  Open();
  Announce("a", kFirst);
  Announce("b", kSecond);
  Touch({"a"});
  machine_.OnSync(now_, 1, kNever, &actions_);
  AnswerReading();
  const std::vector<Action> done = Take();
  EXPECT_THAT(done, Contains(Action(ForgetKeys{{"a"}})));
  EXPECT_EQ(done.back(), Action(CompleteSync{{1}, true})) << "after it";
}

TEST_F(ForeignMachineTest, AReportBeforeTheAnnouncementIsAStrangers) {
  Open();
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", OperationId()}})));
  Announce("a", kFirst);
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", kFirst}})));
}

// The keys of another version have other names in Redis, which the server does not report here.
TEST_F(ForeignMachineTest, AnnouncementsOfAnotherKeyVersionExplainNothing) {
  Open();
  Announce("a", kFirst, /*key_version=*/2);
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", OperationId()}})));
}

TEST_F(ForeignMachineTest, EchoesOfAnEarlierConnectionDoNotCome) {
  Open();
  Announce("a", kFirst);
  machine_.OnChannelDown(now_, &actions_);
  Open();
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", OperationId()}})));
}

TEST_F(ForeignMachineTest, ReportsAreAppliedInEveryState) {
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", OperationId()}})));
  machine_.OnSubscribed(now_, &actions_);
  Take();
  EXPECT_THAT(Touch({"a"}), ElementsAre(Touches({{"a", OperationId()}})));
}

TEST_F(ForeignMachineTest, AReportOfTooManyKeysDropsMemoryAtOnce) {
  Open();
  std::vector<absl::string_view> keys(ChannelMachine::kTouchesMax, "k");
  EXPECT_EQ(std::get<ApplyTouches>(Touch(keys).at(0)).touches.size(), keys.size());
  keys.push_back("k");
  EXPECT_THAT(Touch(keys), ElementsAre(Action(DropLocal{})));
  EXPECT_EQ(machine_.state(), ChannelMachine::State::kOpen);
}

TEST_F(ForeignMachineTest, AFlushEndsTheGenerationAndEverything) {
  Open();
  machine_.OnFlushed(now_, &actions_);
  EXPECT_THAT(Take(), ElementsAre(Action(DropLocal{}), Action(CloseGeneration{CloseCause::kFlushed}),
                                  Action(ResetChannel{CloseCause::kFlushed})));
  EXPECT_EQ(machine_.state(), ChannelMachine::State::kClosed);
  machine_.OnFlushed(now_, &actions_);
  EXPECT_THAT(Take(), ElementsAre(Action(DropLocal{})));
}

// A base that was read before the flush must not become the beginning of a chain.
TEST_F(ForeignMachineTest, AFlushWhileTheBaseIsReadBeginsAnew) {
  machine_.OnSubscribed(now_, &actions_);
  Take();
  machine_.OnFlushed(now_, &actions_);
  EXPECT_THAT(Take(), Contains(Action(ResetChannel{CloseCause::kFlushed})));
  EXPECT_EQ(machine_.state(), ChannelMachine::State::kClosed);
}

TEST_F(ForeignMachineTest, FlushesWithoutEndDoNotConnectWithoutPause) {
  Open();
  machine_.OnFlushed(now_, &actions_);
  Take();
  machine_.OnSubscribed(now_, &actions_);
  EXPECT_THAT(Take(), Not(Contains(::testing::VariantWith<ReadLane>(::testing::_)))) << "the base waits a while";
}

// --- The coordinator, between a fake store and the real tier

class ForeignCoordinatorTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kBound = absl::Seconds(1);

  ForeignCoordinatorTest() : ids_(1), store_(&server_) {
    local::LocalTierOptions tier_options;
    tier_options.capacity_bytes = size_t{1} << 20;
    tier_options.stripe_count = 1;
    tier_options.staleness_bound = kBound;
    tier_options.clock = &clock_;
    tier_ = local::LocalTier::Create(tier_options);
    CoordinatorOptions options;
    options.staleness_bound = kBound;
    options.ids = &ids_;
    options.clock = &clock_;
    options.foreign_writers = true;
    options.on_generation = [this](const GenerationChange& change) { changes_.push_back(change); };
    coordinator_ = std::make_unique<Coordinator>(options, &store_, tier_.get());
    EXPECT_TRUE(store_.Start(coordinator_.get(), &coordinator_->encoder()).ok());
    server_.Advance(absl::Seconds(2));
    EXPECT_TRUE(coordinator_->open());
  }
  ~ForeignCoordinatorTest() override {
    store_.Shutdown();
    coordinator_->Stop();
  }

  HashedKey Key(absl::string_view key) const { return HashKey(key, tier_->hash_seed()); }
  bool Holds(absl::string_view key) {
    Value value;
    local::EntryInfo info;
    return tier_->Get(Key(key), clock_.Now(), &value, &info);
  }
  // A Set of this process, announced and kept in memory.
  void Set(const std::string& key) {
    const OperationId id = ids_.Next();
    const local::WriteRef write = tier_->BeginWrite(Key(key), id, clock_.Now(), RemovalCause::kReplaced);
    remote::ChangeRequest request;
    request.kind = remote::ChangeKind::kDelete;  // Announces in any case; what the server stores does not matter here.
    request.redis_key = request.key = key;
    request.id = id;
    store_.Change(std::move(request), [](remote::ChangeResult) {});
    server_.Advance(absl::ZeroDuration());
    tier_->EndWrite(write, local::WriteOutcome::kApplied, Value::Copy("value"), kNever);
    ASSERT_TRUE(Holds(key));
  }
  void Touch(absl::string_view key) { coordinator_->OnKeysTouched({key}); }

  FakeClock clock_;
  remote::FakeServer server_{&clock_};
  OperationIdSource ids_;
  remote::FakeStore store_;
  std::unique_ptr<local::LocalTier> tier_;
  std::unique_ptr<Coordinator> coordinator_;
  std::vector<GenerationChange> changes_;
};

TEST_F(ForeignCoordinatorTest, AStrangersChangeEndsWhatMemoryHolds) {
  Set("k");
  Touch("k");  // The echo.
  Touch("k");
  EXPECT_FALSE(Holds("k"));
  const CoherenceStats stats = coordinator_->GetStats();
  EXPECT_EQ(stats.foreign_pushes, 2u);
  EXPECT_EQ(stats.foreign_changes, 1u);
  EXPECT_EQ(stats.foreign_echoes, 1u);
  EXPECT_EQ(stats.foreign_overflows, 0u);
}

// Whether a stranger wrote in the same turn of the server nobody can say, so what is promised is the bound.
TEST_F(ForeignCoordinatorTest, AnEchoLeavesTheOwnWriteForTheBoundAndNoLonger) {
  Set("k");
  Touch("k");
  EXPECT_TRUE(Holds("k"));
  server_.Advance(kBound - absl::Milliseconds(20));
  EXPECT_TRUE(Holds("k"));
  server_.Advance(absl::Milliseconds(21));
  ASSERT_TRUE(coordinator_->open()) << "the lease is fresh, and does not count for it";
  EXPECT_FALSE(Holds("k"));
}

TEST_F(ForeignCoordinatorTest, AnEchoLeavesTheOwnWriteUntilTheNextSync) {
  server_.Advance(10 * kBound);
  Set("k");
  Set("other");
  Touch("k");
  bool synced = false;
  coordinator_->Sync(kNever, [&](const absl::Status& status) { synced = status.ok(); });
  server_.Advance(absl::Milliseconds(10));
  ASSERT_TRUE(synced);
  EXPECT_FALSE(Holds("k"));
  EXPECT_TRUE(Holds("other"));
}

TEST_F(ForeignCoordinatorTest, WithoutReportsAnOwnWriteStaysUnderTheLease) {
  Set("k");
  server_.Advance(10 * kBound);
  EXPECT_TRUE(Holds("k"));
}

TEST_F(ForeignCoordinatorTest, AFlushIsAGenerationChangeOfItsOwnCause) {
  Set("k");
  changes_.clear();
  coordinator_->OnServerFlushed();
  EXPECT_FALSE(Holds("k"));
  server_.Advance(absl::Seconds(2));
  EXPECT_TRUE(coordinator_->open());
  ASSERT_EQ(changes_.size(), 2u);
  EXPECT_FALSE(changes_[0].opened);
  EXPECT_EQ(changes_[0].cause, CloseCause::kFlushed);
  EXPECT_TRUE(changes_[1].opened);
  const CoherenceStats stats = coordinator_->GetStats();
  EXPECT_EQ(stats.ends_by_cause[static_cast<size_t>(CloseCause::kFlushed)], 1u);
  EXPECT_EQ(stats.remote_resets, 1u);
}

TEST_F(ForeignCoordinatorTest, TooManyKeysAreCountedAndDropAll) {
  Set("k");
  const std::vector<absl::string_view> keys(ChannelMachine::kTouchesMax + 1, "other");
  coordinator_->OnKeysTouched(keys);
  EXPECT_FALSE(Holds("k"));
  EXPECT_EQ(coordinator_->GetStats().foreign_overflows, 1u);
}

}  // namespace
}  // namespace nearcache::internal::coherence
