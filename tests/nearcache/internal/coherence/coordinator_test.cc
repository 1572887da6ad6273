// The coordinator between a fake store and the real local tier: what machine and simulation do not show, the actions
// themselves, the counters, the words, and the calls from other threads.

#include "nearcache/internal/coherence/coordinator.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>  // NOLINT: other threads than the loop's.
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/coherence/message.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/testing/fake_server.h"
#include "nearcache/testing/fake_store.h"

namespace nearcache::internal::coherence {
namespace {

using ::testing::HasSubstr;

// One process: tier, store, coordinator.
struct Process {
  Process(remote::FakeServer* server, const Clock* process_clock, uint64_t nonce, bool drop_on_close = false)
      : ids(nonce), store(server), clock(process_clock) {
    local::LocalTierOptions tier_options;
    tier_options.capacity_bytes = size_t{1} << 20;
    tier_options.stripe_count = 1;
    tier_options.staleness_bound = absl::Seconds(1);
    tier_options.clock = process_clock;
    tier = local::LocalTier::Create(tier_options);
    CoordinatorOptions options;
    options.ids = &ids;
    options.clock = process_clock;
    options.drop_on_close = drop_on_close;
    coordinator = std::make_unique<Coordinator>(options, &store, tier.get());
    EXPECT_TRUE(store.Start(coordinator.get(), &coordinator->encoder()).ok());
  }
  ~Process() {
    store.Shutdown();
    coordinator->Stop();
  }

  HashedKey Key(absl::string_view key) const { return HashKey(key, tier->hash_seed()); }

  // Fills memory as a read of the server would that brought a value with `id`.
  void Fill(absl::string_view key, OperationId id) {
    local::Waiter waiter = [](const local::ReadOutcome&) {};
    const local::ReadStart start = tier->BeginRead(Key(key), clock->Now(), local::FlightKind::kRead, &waiter);
    ASSERT_EQ(start.role, local::ReadStart::Role::kLead);
    local::ReadOutcome outcome;
    outcome.found = true;
    outcome.value = Value::Copy("value");
    outcome.info.id = id;
    outcome.info.fetched_at = clock->Now();
    tier->CompleteRead(start.flight, outcome);
  }
  bool Holds(absl::string_view key) {
    Value value;
    local::EntryInfo info;
    return tier->Get(Key(key), clock->Now(), &value, &info);
  }
  void Change(remote::ChangeKind kind, const std::string& key) {
    remote::ChangeRequest request;
    request.kind = kind;
    request.redis_key = key;
    request.key = key;
    request.id = ids.Next();
    last_id = request.id;
    store.Change(std::move(request), [](remote::ChangeResult) {});
  }
  void Delete(const std::string& key) { Change(remote::ChangeKind::kDelete, key); }
  void Clear() { Change(remote::ChangeKind::kClear, ""); }
  absl::optional<OperationId> Epoch() const { return coordinator->Epoch(clock->Now()); }
  CoherenceStats stats() const { return coordinator->GetStats(); }

  OperationIdSource ids;
  remote::FakeStore store;
  const Clock* const clock;
  std::unique_ptr<local::LocalTier> tier;
  std::unique_ptr<Coordinator> coordinator;
  OperationId last_id;
};

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() : server_(&clock_), p_(&server_, &clock_, 1), q_(&server_, &clock_, 2) {
    server_.Advance(absl::Seconds(2));
  }

  FakeClock clock_;
  remote::FakeServer server_;
  Process p_;
  Process q_;
};

TEST_F(CoordinatorTest, OpensAndAgreesOnOneEpoch) {
  EXPECT_TRUE(p_.coordinator->open());
  EXPECT_EQ(p_.coordinator->Status(), absl::OkStatus());
  ASSERT_TRUE(p_.Epoch().has_value());
  EXPECT_EQ(p_.Epoch(), q_.Epoch());
  EXPECT_EQ(p_.coordinator->LastEpoch(), *p_.Epoch());
}

TEST_F(CoordinatorTest, HeartbeatsKeepTheLeaseForAsLongAsTheyComeBack) {
  p_.Fill("k", {9, 1});
  server_.Advance(absl::Seconds(60));
  EXPECT_TRUE(p_.Holds("k"));
  EXPECT_GE(p_.stats().heartbeats, 300u);
  EXPECT_EQ(p_.stats().heartbeats_failed, 0u);
  EXPECT_LE(p_.stats().heartbeat_age, absl::Milliseconds(200));
  p_.store.HoldRequests(remote::kLaneCalls);
  server_.Advance(absl::Milliseconds(1300));
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_EQ(p_.Epoch(), absl::nullopt);
  EXPECT_THAT(std::string(p_.coordinator->Status().message()), HasSubstr("no heartbeat was proven for 1."));
  EXPECT_TRUE(p_.coordinator->open()) << "nothing was missed, as far as anybody knows";
}

TEST_F(CoordinatorTest, AChangeElsewhereRemovesTheEntryHere) {
  p_.Fill("k", {9, 1});
  p_.Fill("other", {9, 2});
  q_.Delete("k");
  server_.RunUntilIdle();
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_TRUE(p_.Holds("other"));
  EXPECT_EQ(p_.stats().messages_received, 1u);
  EXPECT_EQ(p_.stats().generations, 0u);
}

TEST_F(CoordinatorTest, AnEntryOfThatVeryChangeStays) {
  q_.Delete("k");
  p_.store.HoldMessages();
  server_.RunUntilIdle();
  p_.Fill("k", q_.last_id);
  p_.store.ResumeMessages();
  server_.RunUntilIdle();
  EXPECT_TRUE(p_.Holds("k"));
}

TEST_F(CoordinatorTest, TheLagOfOwnChangesIsMeasured) {
  p_.store.SetDelays(absl::ZeroDuration(), absl::ZeroDuration(), absl::Milliseconds(8));
  p_.Delete("k");
  q_.Delete("k");
  server_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(p_.stats().messages_received, 2u);
  EXPECT_EQ(p_.stats().invalidation_lag.count(), 1u);
  EXPECT_EQ(p_.stats().invalidation_lag.max(), absl::Milliseconds(8));
}

TEST_F(CoordinatorTest, AMissedMessageShowsAtTheNext) {
  p_.Fill("other", {9, 2});
  q_.Delete("k");
  server_.RunUntilIdle();
  p_.store.DropMessages(1);
  q_.Delete("k");
  q_.Delete("k");
  server_.RunUntilIdle();
  EXPECT_EQ(p_.stats().gaps_detected, 1u);
  EXPECT_EQ(p_.stats().generations, 1u);
  server_.Advance(absl::Milliseconds(1100));
  EXPECT_TRUE(p_.coordinator->open()) << "on a new connection";
  EXPECT_FALSE(p_.Holds("other")) << "of the old generation";
}

TEST_F(CoordinatorTest, AMissedLastMessageShowsWithinTheBound) {
  p_.store.DropMessages(1);
  q_.Delete("k");
  server_.Advance(absl::Milliseconds(1300));
  EXPECT_EQ(p_.stats().heartbeat_timeouts, 1u);
}

// The value that q writes is read by p, who does not hear of it; then the server has lost it, and nothing of it.
TEST_F(CoordinatorTest, WhatTheServerLostUnheardIsForgottenByAllOnceTheWriterSeesIt) {
  for (const bool writer_is_deaf : {false, true}) {
    server_.Advance(absl::Seconds(2));
    const std::string lane = *server_.Peek("lane");
    p_.store.DropMessages(1);
    if (writer_is_deaf) q_.store.DropMessages(1);
    q_.Delete("k");
    server_.RunUntilIdle();
    p_.Fill("k", q_.last_id);
    server_.Put("lane", lane);
    const CoherenceStats p_before = p_.stats();
    server_.Advance(absl::Seconds(2));
    EXPECT_FALSE(p_.Holds("k"));
    EXPECT_EQ(p_.stats().generations, p_before.generations) << "p saw nothing itself";
    EXPECT_TRUE(q_.coordinator->open());
    EXPECT_EQ(q_.stats().ends_by_cause[static_cast<size_t>(CloseCause::kLaneRegressed)], writer_is_deaf ? 2u : 1u);
  }
}

TEST_F(CoordinatorTest, AMessageOfAnUnknownVersionIsNoSilence) {
  p_.Fill("other", {9, 2});
  const Process unreadable(&server_, &clock_, 3);
  std::string payload = OperationId{5, 5}.ToBytes() + EncodeMessage({6, 6}, 1, {});
  payload[kMessageVersionOffset] = 2;
  server_.Put("lane", OperationId{6, 6}.ToBytes());
  server_.Publish("channel", payload);
  server_.RunUntilIdle();
  EXPECT_EQ(p_.stats().messages_rejected, 1u);
  EXPECT_EQ(p_.stats().generations, 0u);
  server_.Advance(absl::Milliseconds(1300));
  EXPECT_EQ(p_.stats().heartbeat_timeouts, 1u) << "its lane id was never heard";
  EXPECT_FALSE(p_.Holds("other"));
}

TEST_F(CoordinatorTest, AClearElsewhereChangesTheEpochAndEmptiesMemory) {
  p_.Fill("k", {9, 1});
  q_.Clear();
  server_.RunUntilIdle();
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_EQ(p_.Epoch(), q_.last_id);
  server_.Advance(absl::Seconds(3));
  EXPECT_EQ(p_.stats().generations, 0u);
}

TEST_F(CoordinatorTest, AnOwnClearHoldsFromItsAcknowledgementOn) {
  p_.store.HoldMessages();
  p_.Fill("k", {9, 1});
  p_.Clear();
  server_.RunUntilIdle();
  p_.coordinator->NoteOwnClear(p_.last_id);
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_EQ(p_.coordinator->LastEpoch(), p_.last_id);
  EXPECT_EQ(p_.Epoch(), absl::nullopt) << "until a heartbeat has confirmed it";
  p_.store.ResumeMessages();
  server_.RunUntilIdle();
  EXPECT_EQ(p_.Epoch(), p_.last_id);
}

TEST_F(CoordinatorTest, AReplyWithAnotherEpochIsBelievedAtOnce) {
  p_.Fill("k", {9, 1});
  p_.store.HoldMessages();
  q_.Clear();
  server_.RunUntilIdle();
  const absl::optional<OperationId> before = p_.Epoch();
  EXPECT_TRUE(before.has_value()) << "the Clear was not heard yet";
  p_.coordinator->AdoptEpoch(q_.last_id);
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_EQ(p_.Epoch(), absl::nullopt);
  p_.store.ResumeMessages();
  server_.RunUntilIdle();
  EXPECT_EQ(p_.Epoch(), q_.last_id);
  p_.coordinator->AdoptEpoch(q_.last_id);
  EXPECT_EQ(p_.Epoch(), q_.last_id) << "no news";
}

TEST_F(CoordinatorTest, ALostServerIsNoticedAndReported) {
  p_.Fill("k", {9, 1});
  const absl::optional<OperationId> before = p_.Epoch();
  server_.FlushAll();
  server_.Advance(absl::Milliseconds(1100));
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_GE(p_.stats().remote_resets, 1u);
  EXPECT_TRUE(p_.coordinator->open());
  EXPECT_TRUE(p_.Epoch().has_value());
  EXPECT_NE(p_.Epoch(), before);
  EXPECT_EQ(p_.Epoch(), q_.Epoch());
}

TEST_F(CoordinatorTest, ARestartedServerIsReportedByItsNewEpoch) {
  server_.Restart(/*keep_data=*/false);
  server_.Advance(absl::Seconds(2));
  EXPECT_EQ(p_.stats().channel_losses, 1u);
  EXPECT_EQ(p_.stats().remote_resets, 1u);
  EXPECT_EQ(p_.stats().generations, 2u);
}

TEST_F(CoordinatorTest, WhileTheChannelIsDownYoungEntriesMayBeServedUnlessTheyAreDropped) {
  Process strict(&server_, &clock_, 3, /*drop_on_close=*/true);
  server_.RunUntilIdle();
  p_.Fill("k", {9, 1});
  strict.Fill("k", {9, 1});
  server_.SetReachable(false);
  server_.RunUntilIdle();
  EXPECT_FALSE(p_.coordinator->open());
  EXPECT_TRUE(p_.Holds("k"));
  EXPECT_FALSE(strict.Holds("k"));
  EXPECT_EQ(p_.stats().channel_losses, 1u);
  const absl::Status status = p_.coordinator->Status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the invalidation channel is down"));
  clock_.Advance(absl::Milliseconds(1100));
  EXPECT_FALSE(p_.Holds("k"));
}

TEST_F(CoordinatorTest, SleepOfTheMachineDropsMemory) {
  p_.Fill("k", {9, 1});
  clock_.Suspend(absl::Milliseconds(9));
  server_.Advance(absl::Milliseconds(300));
  EXPECT_TRUE(p_.Holds("k")) << "two clocks read one after the other differ by as much";
  clock_.Suspend(absl::Hours(1));
  server_.Advance(absl::Milliseconds(300));
  EXPECT_FALSE(p_.Holds("k"));
  EXPECT_EQ(p_.stats().heartbeat_timeouts, 1u);
}

// --- Sync

TEST_F(CoordinatorTest, SyncWaitsForWhatOthersHadAcknowledged) {
  p_.Fill("k", {9, 1});
  p_.store.HoldMessages();
  q_.Delete("k");
  server_.RunUntilIdle();
  EXPECT_TRUE(p_.Holds("k")) << "within the bound";
  absl::optional<absl::Status> synced;
  p_.coordinator->Sync(AddDuration(clock_.Now(), absl::Seconds(1)),
                       [&](absl::Status status) { synced = std::move(status); });
  server_.RunUntilIdle();
  EXPECT_FALSE(synced.has_value());
  p_.store.ResumeMessages();
  server_.RunUntilIdle();
  EXPECT_EQ(synced, absl::OkStatus());
  EXPECT_FALSE(p_.Holds("k"));
}

TEST_F(CoordinatorTest, ASyncThatCannotBeProvenSaysWhatIsMissing) {
  server_.SetReachable(false);
  server_.RunUntilIdle();
  absl::optional<absl::Status> synced;
  p_.coordinator->Sync(AddDuration(clock_.Now(), absl::Seconds(1)),
                       [&](absl::Status status) { synced = std::move(status); });
  server_.Advance(absl::Seconds(1));
  ASSERT_TRUE(synced.has_value());
  EXPECT_EQ(synced->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(synced->message()), HasSubstr("the invalidation channel is down"));
}

TEST_F(CoordinatorTest, StopEndsEverySyncOnce) {
  server_.SetReachable(false);
  server_.RunUntilIdle();
  std::vector<absl::Status> ends;
  const auto note = [&](absl::Status status) { ends.push_back(std::move(status)); };
  p_.coordinator->Sync(kNever, note);
  server_.RunUntilIdle();
  p_.coordinator->Sync(kNever, note);  // Its task will never run.
  p_.store.Shutdown();
  p_.coordinator->Stop();
  p_.coordinator->Stop();
  p_.coordinator->Sync(kNever, note);
  ASSERT_EQ(ends.size(), 3u);
  for (const absl::Status& end : ends) EXPECT_EQ(end.code(), absl::StatusCode::kCancelled);
}

// --- Threads. Worth most under the thread sanitizer.

TEST(CoordinatorThreadsTest, EpochAndReportsMayBeAskedForWhileEverythingMoves) {
  remote::FakeServer server(Clock::Real());
  Process p(&server, Clock::Real(), 1);
  Process q(&server, Clock::Real(), 2);
  server.StartThread();
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        (void)p.Epoch();
        (void)p.coordinator->GetStats().generations;
        (void)p.coordinator->Status();
        p.coordinator->AdoptEpoch(p.coordinator->LastEpoch());
        (void)p.Holds("k");
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    q.Delete("k");
    if (i % 10 == 0) q.Clear();
    if (i % 30 == 0) p.store.CutChannel();
    absl::Notification synced;
    p.coordinator->Sync(AddDuration(Clock::Real()->Now(), absl::Seconds(30)), [&](absl::Status status) {
      EXPECT_EQ(status, absl::OkStatus());
      synced.Notify();
    });
    synced.WaitForNotification();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(p.coordinator->LastEpoch(), q.coordinator->LastEpoch());
  p.store.Shutdown();
  q.store.Shutdown();
  server.StopThread();
}

}  // namespace
}  // namespace nearcache::internal::coherence
