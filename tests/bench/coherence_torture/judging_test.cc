// Each rule shown red on a history made by hand, and green beside it.

#include "bench/coherence_torture/judging.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/counter_value.h"
#include "bench/coherence_torture/key_use.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

constexpr uint32_t kKey = 6;
constexpr int64_t kBound = 300 * kNanosPerMilli;
constexpr int64_t kTimeout = 500 * kNanosPerMilli;

std::unique_ptr<Arena> MakeArena() {
  Setup setup;
  setup.worker_count = 2;
  setup.key_count = 64;
  setup.bound_nanos = kBound;
  setup.timeout_nanos = kTimeout;
  setup.start_nanos = NowNanos() - 100 * kNanosPerSecond;
  return *Arena::Create(setup);
}

class JudgingTest : public testing::Test {
 protected:
  JudgingTest() : arena_(MakeArena()), session_(64), judging_(arena_.get(), &session_, /*worker=*/1) {}

  // A write of somebody else that ended so long ago, after having taken a millisecond.
  uint32_t Write(int64_t millis_ago, WriteOutcome outcome = WriteOutcome::kAcknowledged) {
    const int64_t ended_nanos = NowNanos() - millis_ago * kNanosPerMilli;
    const uint32_t version = arena_->versions().Begin(kKey, ended_nanos - kNanosPerMilli);
    arena_->versions().End(kKey, version, outcome, ended_nanos);
    if (outcome == WriteOutcome::kUnknown) arena_->sightings().MarkUnknown(kKey, version);
    return version;
  }

  void Read(uint32_t version, bool fresh = false, bool intact = true, uint32_t key = kKey) {
    const Judging::Begun begun = judging_.Begin(kKey);
    judging_.End(begun, {intact, key, version}, /*from_memory=*/true, fresh);
  }

  uint64_t Count(Violation violation) const { return arena_->violations().counts[static_cast<int>(violation)].load(); }
  uint64_t All() const { return arena_->violations().Total(); }
  uint64_t Tallied(enum Count count) {
    judging_.Flush();
    return arena_->worker(1).counts[count].load();
  }

  std::unique_ptr<Arena> arena_;
  Session session_;
  Judging judging_;
};

TEST_F(JudgingTest, C1ReadWithinTheBoundIsSoundAndItsAgeIsKept) {
  Write(2000);
  Write(200);
  Read(1);
  EXPECT_EQ(All(), 0u) << "replaced within the bound";
  EXPECT_GE(arena_->worker(1).oldest_nanos.load(), 200 * kNanosPerMilli);
}

TEST_F(JudgingTest, C1ReadBeyondTheBoundIsLoggedWithItsHistory) {
  Write(2000);
  Write(1000, WriteOutcome::kFailed);
  Write(400);
  Read(1);
  ASSERT_EQ(Count(Violation::kTooOld), 1u);
  const ViolationRecord& record = arena_->violations().records[static_cast<int>(Violation::kTooOld)][0];
  EXPECT_EQ(record.complete.load(), 1u);
  EXPECT_EQ(record.worker, 1u);
  EXPECT_EQ(record.key, kKey);
  EXPECT_EQ(record.version, 1u);
  EXPECT_EQ(record.successor, 3u);
  EXPECT_GE(record.age_nanos, 400 * kNanosPerMilli);
  EXPECT_EQ(record.bound_nanos, kBound);
  ASSERT_EQ(record.history_count, 3);
  EXPECT_EQ(record.history[0].version, 3u);
  EXPECT_EQ(record.history[1].outcome, WriteOutcome::kFailed);
}

TEST_F(JudgingTest, C1FreshReadMayNotBeOlderAtAll) {
  Write(2000);
  Write(5);
  Read(1, /*fresh=*/false);
  EXPECT_EQ(All(), 0u);
  Read(1, /*fresh=*/true);
  EXPECT_EQ(Count(Violation::kTooOld), 1u);
}

TEST_F(JudgingTest, C1NothingThatASyncHasSeenMayBeMissing) {
  Write(2000);
  Write(50);
  session_.synced_nanos.store(NowNanos() - 100 * kNanosPerMilli);
  Read(1);
  EXPECT_EQ(All(), 0u) << "acknowledged after the Sync began";
  session_.synced_nanos.store(NowNanos() - 10 * kNanosPerMilli);
  Read(1);
  EXPECT_EQ(Count(Violation::kTooOld), 1u);
}

TEST_F(JudgingTest, C2NoReadIsOlderThanOneThatEnded) {
  Write(100);
  Write(50);
  Read(2);
  Read(1);
  EXPECT_EQ(Count(Violation::kWentBack), 1u);
}

TEST_F(JudgingTest, C2NoReadIsOlderThanAnOwnWrite) {
  Write(100);
  judging_.EndWrite(kKey, arena_->versions().Begin(kKey, NowNanos()), WriteOutcome::kAcknowledged);
  Read(1);
  EXPECT_EQ(Count(Violation::kWentBack), 1u);
}

TEST_F(JudgingTest, C2OnlyWhatHadEndedBeforeTheReadBeganIsAFloor) {
  Write(100);
  Write(50);
  const Judging::Begun begun = judging_.Begin(kKey);
  Read(2);
  judging_.End(begun, {true, kKey, 1}, true, false);
  EXPECT_EQ(All(), 0u);
}

TEST_F(JudgingTest, C1NothingFromBeforeAClearIsServedLongerThanTheBound) {
  Write(2000);
  const auto cleared = [&](int64_t millis_ago) {
    const int64_t acknowledged_nanos = NowNanos() - millis_ago * kNanosPerMilli;
    arena_->clears().Note({acknowledged_nanos - kNanosPerMilli, acknowledged_nanos});
  };
  cleared(900);
  arena_->store_since_nanos().store(NowNanos() - 800 * kNanosPerMilli);
  Read(1);
  EXPECT_EQ(All(), 0u) << "a step into the past has lost the Clear";
  arena_->store_since_nanos().store(0);
  Write(600);
  Read(2);
  EXPECT_EQ(All(), 0u) << "written after it";
  Read(1);
  EXPECT_EQ(Count(Violation::kCleared), 1u);
  EXPECT_EQ(Count(Violation::kTooOld), 1u) << "that one was replaced, too";
  cleared(200);
  Read(2);
  EXPECT_EQ(All(), 2u) << "cleared within the bound";
  Read(2, /*fresh=*/true);
  EXPECT_EQ(Count(Violation::kCleared), 2u);
  session_.synced_nanos.store(NowNanos() - 100 * kNanosPerMilli);
  Read(2);
  EXPECT_EQ(Count(Violation::kCleared), 3u);
}

TEST_F(JudgingTest, C2NothingFromBeforeAnOwnClearIsServedAtAll) {
  Write(200);
  judging_.EndClear(NowNanos() - 100 * kNanosPerMilli);
  Read(1);
  ASSERT_EQ(Count(Violation::kCleared), 1u);
  EXPECT_EQ(arena_->violations().records[static_cast<int>(Violation::kCleared)][0].bound_nanos, 0);
  Write(50, WriteOutcome::kUnknown);
  Read(2);
  EXPECT_EQ(Count(Violation::kCleared), 1u) << "without an answer, it may have come after the Clear";
}

TEST_F(JudgingTest, C3ForeignTornAndInventedBytes) {
  Write(100);
  Read(1, false, /*intact=*/false);
  EXPECT_EQ(Count(Violation::kForeignBytes), 1u);
  Read(1, false, true, /*key=*/kKey + 1);
  EXPECT_EQ(Count(Violation::kForeignBytes), 2u);
  Read(9);
  EXPECT_EQ(Count(Violation::kForeignBytes), 3u);
}

TEST_F(JudgingTest, C4FailedWriteThatIsSeenLater) {
  Write(100);
  Write(50, WriteOutcome::kFailed);
  Read(2);
  EXPECT_EQ(Count(Violation::kPhantom), 1u);
}

TEST_F(JudgingTest, C4FailedWriteThatHadBeenSeenBefore) {
  Write(100);
  const uint32_t version = arena_->versions().Begin(kKey, NowNanos());
  Read(version);
  EXPECT_EQ(All(), 0u);
  judging_.EndWrite(kKey, version, WriteOutcome::kFailed);
  EXPECT_EQ(Count(Violation::kPhantom), 1u);
}

TEST_F(JudgingTest, C4WriteWithoutAnAnswerMayComeLateButOnce) {
  Write(3000);
  Write(2000, WriteOutcome::kUnknown);
  Write(1000);
  Read(2);
  EXPECT_EQ(All(), 0u) << "it may have taken effect just now";
  EXPECT_EQ(Tallied(kUnplaced), 1u);
  // Somebody replaces it, and later it is there again.
  arena_->versions().Begin(kKey, NowNanos() + kNanosPerSecond);
  arena_->versions().End(kKey, 4, WriteOutcome::kAcknowledged, NowNanos() + kNanosPerSecond);
  const Judging::Begun later = {kKey, 0, NowNanos() + 2 * kNanosPerSecond, 0, 0};
  judging_.End(later, {true, kKey, 2}, true, false);
  EXPECT_EQ(Count(Violation::kTookEffectTwice), 1u);
}

TEST_F(JudgingTest, C4SumThatTheIncrementsDoNotGive) {
  judging_.CheckSum(kKey, 4, 5, 0);
  EXPECT_EQ(All(), 0u);
  judging_.CheckSum(kKey, 4, 6, 0);
  judging_.CheckSum(kKey, 4, 4, 0);
  ASSERT_EQ(Count(Violation::kMiscounted), 2u) << "one was made twice, one not at all";
  const ViolationRecord& record = arena_->violations().records[static_cast<int>(Violation::kMiscounted)][0];
  EXPECT_EQ(record.amount, 6);
  EXPECT_EQ(record.allowed, 4);
  arena_->store_since_nanos().store(INT64_MAX);
  judging_.CheckSum(kKey, 4, 2, 0);
  judging_.CheckSum(kKey, 4, 2, INT64_MAX);
  arena_->store_since_nanos().store(NowNanos());
  judging_.CheckSum(kKey, 4, 2, 0);
  EXPECT_EQ(All(), 2u) << "a step into the past takes increments back";
}

TEST_F(JudgingTest, C4DeletedKeyThatIsSaidToExist) {
  arena_->store_since_nanos().store(INT64_MAX);
  judging_.CheckExists(kKey, INT64_MAX);
  judging_.CheckExists(kKey, 0);
  EXPECT_EQ(All(), 0u) << "a step into the past brings keys back";
  arena_->store_since_nanos().store(0);
  judging_.CheckExists(kKey, 0);
  EXPECT_EQ(Count(Violation::kWrongCondition), 1u);
}

TEST_F(JudgingTest, C4LoadMayBeStoredOnceAndAtAnyTime) {
  Write(2000);
  const uint32_t version = arena_->versions().Begin(kKey, NowNanos() - kNanosPerSecond);
  judging_.EndLoad(kKey, version);
  Write(500);
  Read(version);
  EXPECT_EQ(All(), 0u) << "it may have been stored just now";
  Write(-1000);
  const Judging::Begun later = {kKey, 0, NowNanos() + 2 * kNanosPerSecond, 0, 0};
  judging_.End(later, {true, kKey, version}, true, false);
  EXPECT_EQ(Count(Violation::kTookEffectTwice), 1u);
}

TEST_F(JudgingTest, C4OvertakenLoadIsForThoseWhoWaitForIt) {
  Write(100);
  const uint32_t version = arena_->versions().Begin(kKey, NowNanos());
  const Judging::Begun waits = judging_.Begin(kKey);
  judging_.EndOvertakenLoad(kKey, version);
  judging_.EndWrite(kKey, arena_->versions().Begin(kKey, NowNanos()), WriteOutcome::kAcknowledged);
  judging_.EndLoaded(waits, {true, kKey, version});
  EXPECT_EQ(All(), 0u);
  judging_.EndLoaded(judging_.Begin(kKey), {true, kKey, version});
  EXPECT_EQ(Count(Violation::kWentBack), 1u) << "who comes after the change may not get it";
  judging_.EndLoaded(waits, {true, kKey + 1, version});
  EXPECT_EQ(Count(Violation::kForeignBytes), 1u);
  judging_.End(waits, {true, kKey, version}, true, false);
  EXPECT_EQ(Count(Violation::kPhantom), 1u) << "it was stored all the same";
}

TEST_F(JudgingTest, VersionsThatAreBegunTogetherAreNotAllMade) {
  const uint32_t first = arena_->versions().Begin(kKey, NowNanos() - kNanosPerSecond, 16) - 15;
  EXPECT_EQ(first, 1u);
  judging_.EndWrite(kKey, first, WriteOutcome::kAcknowledged);
  Read(first);
  EXPECT_EQ(All(), 0u);
  Read(first + 1);
  EXPECT_EQ(All(), 0u) << "an increment without an answer may have made it";
  Read(17);
  EXPECT_EQ(Count(Violation::kForeignBytes), 1u);
}

TEST(KeyUseTest, EveryOwnerHasKeysOfEveryUse) {
  const KeySpace keys(2048, 4);
  for (const KeyUse use : {KeyUse::kRecord, KeyUse::kCounter, KeyUse::kShortLived, KeyUse::kLoaded}) {
    for (uint32_t key = 0; key < keys.key_count(); ++key) {
      const uint32_t neighbour = NeighbourOfUse(keys, key, use);
      ASSERT_EQ(UseOf(keys, neighbour), use);
      ASSERT_EQ(keys.OwnerOf(neighbour), keys.OwnerOf(key));
      ASSERT_LT(neighbour, keys.key_count());
    }
  }
}

TEST(CounterValueTest, NumberTellsKeyAndVersion) {
  const RecordIdentity identity = CheckCounter(absl::StrCat(CounterOf(2047, 4'000'000'000) + kCounterStep));
  EXPECT_TRUE(identity.intact);
  EXPECT_EQ(identity.key, 2047u);
  EXPECT_EQ(identity.version, 4'000'000'001u);
  EXPECT_FALSE(CheckCounter("12x").intact);
  EXPECT_FALSE(CheckCounter("-65536").intact);
  EXPECT_FALSE(CheckCounter("").intact);
}

TEST_F(JudgingTest, C4CallAfterItsDeadline) {
  std::atomic<bool> done{false};
  std::thread looks([&] {
    while (!done.load()) session_.stall_looks.fetch_add(1);
  });
  const auto call = [&](int64_t late_millis) {
    Judging::Call begun = judging_.BeginCall();
    begun.begun_nanos -= kTimeout + late_millis * kNanosPerMilli;
    return begun;
  };
  judging_.EndCall(call(20));
  EXPECT_EQ(All(), 0u) << "a little late is within the contract";
  const Judging::Call delayed = call(500);
  session_.stalled_nanos.fetch_add(300 * kNanosPerMilli);
  judging_.EndCall(delayed);
  EXPECT_EQ(All(), 0u) << "the process was stopped meanwhile";
  Judging::Call starved = call(500);
  starved.delayed_nanos -= 500 * kNanosPerMilli;
  judging_.EndCall(starved);
  EXPECT_EQ(All(), 0u) << "the caller had to wait for a processor";
  judging_.EndCall(call(60'000));
  ASSERT_EQ(Count(Violation::kLateCall), 1u);
  EXPECT_GE(arena_->violations().records[static_cast<int>(Violation::kLateCall)][0].amount, 60 * kNanosPerSecond);
  done.store(true);
  looks.join();
}

TEST_F(JudgingTest, StepOfTheStoreIntoItsPastSuspendsAllButTheBytes) {
  Write(2000);
  Write(1000);
  arena_->store_since_nanos().store(INT64_MAX);
  Read(1);
  EXPECT_EQ(All(), 0u);
  EXPECT_EQ(Tallied(kUnjudged), 1u);
  Read(1, false, /*intact=*/false);
  EXPECT_EQ(Count(Violation::kForeignBytes), 1u);
}

TEST_F(JudgingTest, WhatAStepIntoThePastLostReplacesNothingButLaterWritesDo) {
  Write(3000);
  Write(2000);
  arena_->store_since_nanos().store(NowNanos() - kNanosPerSecond);
  Read(1);
  EXPECT_EQ(All(), 0u);
  Write(400);
  Read(1);
  EXPECT_EQ(Count(Violation::kTooOld), 1u);
}

TEST_F(JudgingTest, CountsReachTheArenaWithAFlush) {
  Write(10);
  Read(1);
  Read(1);
  judging_.Add(kMisses, 3);
  EXPECT_EQ(arena_->worker(1).counts[kLocalHits].load(), 0u);
  EXPECT_EQ(Tallied(kLocalHits), 2u);
  EXPECT_EQ(Tallied(kMisses), 3u);
  judging_.Flush();
  EXPECT_EQ(arena_->worker(1).counts[kLocalHits].load(), 2u);
}

TEST_F(JudgingTest, OnlyTheFirstOfAKindAreKeptButAllAreCounted) {
  Write(100);
  for (int i = 0; i < 10; ++i) Read(9);
  EXPECT_EQ(Count(Violation::kForeignBytes), 10u);
  for (const ViolationRecord& record : arena_->violations().records[static_cast<int>(Violation::kForeignBytes)]) {
    EXPECT_EQ(record.complete.load(), 1u);
  }
}

}  // namespace
}  // namespace nearcache::bench::torture
