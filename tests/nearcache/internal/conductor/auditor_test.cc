// The audit between a real tier and a fake server, on a clock that the test moves: what it calls stale, and what not.

#include "nearcache/internal/conductor/auditor.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/codec/compressor.h"
#include "nearcache/internal/codec/frame.h"
#include "nearcache/internal/conductor/hit_sampler.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/options.h"
#include "nearcache/testing/fake_server.h"
#include "nearcache/testing/fake_store.h"
#include "nearcache/value.h"

namespace nearcache::internal::conductor {
namespace {

constexpr absl::Duration kBound = absl::Seconds(1);

class NoEvents final : public remote::ChannelEvents {
 public:
  void OnSubscribed() override {}
  void OnMessage(absl::string_view) override {}
  void OnChannelDown(const absl::Status&) override {}
};

class AuditorTest : public ::testing::Test {
 protected:
  AuditorTest() : store_(&server_, StoreOptions()) {
    options_.coherence.staleness_bound = kBound;
    options_.audit.reads_per_second_max = 1000;
    EXPECT_TRUE(store_.Start(&events_, &encoder_).ok());
    server_.RunUntilIdle();
    local::LocalTierOptions tier;
    tier.staleness_bound = kBound;
    tier.clock = &clock_;
    tier_ = local::LocalTier::Create(tier);
    // A lease that never ends: this tier serves what no message takes away, as a broken one would.
    tier_->lane(0).Open(kNever);
    SetEpoch({5, 5});
  }
  ~AuditorTest() override { store_.Shutdown(); }

  remote::FakeStoreOptions StoreOptions() {
    remote::FakeStoreOptions store;
    store.epoch_key = names_.epoch_key();
    return store;
  }

  void Open() {
    RemoteParts parts{};
    parts.options = &options_;
    parts.clock = &clock_;
    parts.tier = tier_.get();
    parts.store = &store_;
    parts.names = &names_;
    parts.compressor = &compressor_;
    auditor_ =
        std::make_unique<Auditor>(parts, &sampler_, [this](const CoherenceEvent& event) { alarms_.push_back(event); });
  }

  static OperationId Id(uint64_t number) { return {7, number}; }
  HashedKey Key(absl::string_view key) { return HashKey(key, tier_->hash_seed()); }

  void SetEpoch(OperationId epoch) {
    epoch_ = epoch;
    server_.Put(names_.epoch_key(), epoch.ToBytes());
  }
  // As a write of another process whose message this one has not heard.
  void WriteRemotely(absl::string_view key, OperationId id) {
    server_.Put(names_.DataKey(key), codec::EncodeFrame("value", {key, epoch_, id}, nullptr));
  }
  // As a read that brought `id`.
  void Fill(absl::string_view key, OperationId id) {
    local::Waiter waiter = [](const local::ReadOutcome&) {};
    const local::ReadStart start = tier_->BeginRead(Key(key), clock_.Now(), local::FlightKind::kRead, &waiter);
    ASSERT_EQ(start.role, local::ReadStart::Role::kLead);
    local::ReadOutcome outcome;
    outcome.found = true;
    outcome.value = Value::Copy("value");
    outcome.info.id = id;
    tier_->CompleteRead(start.flight, outcome);
    // The audit tells fetches apart from what came after them by steps.
    clock_.Advance(absl::Nanoseconds(local::kFetchStepNanos));
  }
  bool Serves(absl::string_view key) {
    local::EntrySnapshot entry;
    return tier_->Peek(Key(key), clock_.NowCoarse(), &entry);
  }

  // A hit that is picked, and the check of it as far as it goes now.
  void Pick(absl::string_view key) {
    if (auditor_ == nullptr) Open();
    sampler_.OnHit(key);
    auditor_->Maintain();
    server_.RunUntilIdle();
  }
  void PassTheBound() { server_.Advance(kBound + absl::Milliseconds(50)); }

  AuditStats stats() { return auditor_->GetStats(); }
  void ExpectNoAlarm() {
    EXPECT_EQ(stats().stale, 0);
    EXPECT_EQ(stats().staleness.count(), 0);
    EXPECT_TRUE(alarms_.empty());
  }

  FakeClock clock_;
  remote::FakeServer server_{&clock_};
  KeySpace names_{"", 1, 0};
  codec::Compressor compressor_{codec::CompressorOptions()};
  NoEvents events_;
  const remote::AnnouncementEncoder encoder_ = [](OperationId, absl::Span<const remote::Announced>) {
    return std::string();
  };
  remote::FakeStore store_;
  std::unique_ptr<local::LocalTier> tier_;
  Options options_;
  OperationId epoch_;
  HitSampler sampler_{1};
  std::unique_ptr<Auditor> auditor_;
  std::vector<CoherenceEvent> alarms_;
};

TEST_F(AuditorTest, TheSameWriteInBothTiersIsWell) {
  WriteRemotely("k", Id(1));
  Fill("k", Id(1));
  Pick("k");
  PassTheBound();
  EXPECT_EQ(stats().checks, 1);
  EXPECT_EQ(stats().inconclusive, 0);
  ExpectNoAlarm();
}

TEST_F(AuditorTest, AReplacedValueThatMemoryStillServesAfterTheBoundIsStale) {
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  Pick("k");
  server_.Advance(kBound);
  ExpectNoAlarm();
  server_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(stats().stale, 1);
  ASSERT_EQ(alarms_.size(), 1);
  EXPECT_EQ(alarms_[0].kind, CoherenceEvent::Kind::kStaleValue);
  EXPECT_EQ(alarms_[0].key, "k");
  EXPECT_GT(alarms_[0].staleness, kBound);
  EXPECT_LT(alarms_[0].staleness, kBound + absl::Milliseconds(50));
  EXPECT_EQ(stats().staleness.max(), alarms_[0].staleness);
  EXPECT_FALSE(Serves("k")) << "what was found stale is dropped";
}

TEST_F(AuditorTest, MemoryThatHearsWithinTheBoundIsWell) {
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  Pick("k");
  server_.Advance(kBound);
  tier_->Invalidate(Key("k"), Id(2));
  PassTheBound();
  EXPECT_EQ(stats().checks, 1);
  ExpectNoAlarm();
}

TEST_F(AuditorTest, MemoryThatFetchedTheNewValueMeanwhileIsWell) {
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  Pick("k");
  tier_->Invalidate(Key("k"), Id(2));
  Fill("k", Id(2));
  PassTheBound();
  ExpectNoAlarm();
  EXPECT_TRUE(Serves("k"));
}

TEST_F(AuditorTest, AClearThatMemoryDidNotHearIsStaleAlthoughTheBytesAreTheSame) {
  WriteRemotely("k", Id(1));
  Fill("k", Id(1));
  SetEpoch({6, 6});
  Pick("k");
  PassTheBound();
  EXPECT_EQ(stats().stale, 1);
}

TEST_F(AuditorTest, WhatTheServerHasNoMoreMayHaveBeenEvicted) {
  Fill("k", Id(1));
  Pick("k");
  PassTheBound();
  EXPECT_EQ(stats().missing, 1);
  ExpectNoAlarm();
  EXPECT_FALSE(Serves("k"));
}

TEST_F(AuditorTest, AStrangersBytesAreNoBrokenPromise) {
  Fill("k", Id(1));
  server_.Put(names_.DataKey("k"), "no frame");
  Pick("k");
  PassTheBound();
  EXPECT_EQ(stats().foreign, 1);
  ExpectNoAlarm();
}

TEST_F(AuditorTest, AStrangerWhoComesBetweenTheTwoLooksSpoilsTheProof) {
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  Pick("k");
  server_.Put(names_.DataKey("k"), "no frame");
  PassTheBound();
  EXPECT_EQ(stats().foreign, 1);
  ExpectNoAlarm();
}

TEST_F(AuditorTest, DamagedBytesAndMissingAnswersShowNothing) {
  Fill("k", Id(1));
  std::string frame = codec::EncodeFrame("value", {"k", epoch_, Id(2)}, nullptr);
  frame[30] ^= 1;
  server_.Put(names_.DataKey("k"), frame);
  Pick("k");
  store_.FailNext(remote::kReadCalls, absl::UnavailableError("away"));
  Pick("k");
  EXPECT_EQ(stats().inconclusive, 2);
  // The second look counts as much as the first.
  WriteRemotely("k", Id(2));
  Pick("k");
  store_.FailNext(remote::kReadCalls, absl::UnavailableError("away"));
  PassTheBound();
  EXPECT_EQ(stats().inconclusive, 3);
  ExpectNoAlarm();
}

// A fail-over that lost the newer write, or a snapshot that was put back.
TEST_F(AuditorTest, AServerThatGoesBackMakesNobodyStale) {
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  Pick("k");
  WriteRemotely("k", Id(1));
  PassTheBound();
  EXPECT_EQ(stats().inconclusive, 1);
  ExpectNoAlarm();
}

TEST_F(AuditorTest, AServerThatGoesBackAndForthMakesNobodyStale) {
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  Pick("k");
  tier_->Invalidate(Key("k"), Id(2));
  server_.Advance(absl::Milliseconds(500));
  WriteRemotely("k", Id(1));
  Fill("k", Id(1));
  WriteRemotely("k", Id(2));
  PassTheBound();
  EXPECT_EQ(stats().inconclusive, 1) << "memory fetched it after it had been seen replaced";
  ExpectNoAlarm();
}

TEST_F(AuditorTest, WhatWasWrittenByAnUnknownHandIsNotCompared) {
  Fill("k", OperationId());
  WriteRemotely("k", Id(2));
  Pick("k");
  EXPECT_EQ(stats().checks, 0);
}

// --- Bounds

TEST_F(AuditorTest, ReadsNoMoreThanItsBudget) {
  options_.audit.reads_per_second_max = 20;
  for (int i = 0; i < 100; ++i) {
    WriteRemotely(absl::StrCat(i), Id(1));
    Fill(absl::StrCat(i), Id(1));
  }
  for (int i = 0; i < 100; ++i) Pick(absl::StrCat(i));
  EXPECT_EQ(stats().checks, 10) << "two reads per check are set aside";
  server_.Advance(absl::Milliseconds(100));
  auditor_->Maintain();
  server_.RunUntilIdle();
  EXPECT_EQ(stats().checks, 11);
}

TEST_F(AuditorTest, ReadsNoMoreBytesThanItsBudget) {
  options_.audit.bytes_per_second_max = 10;
  for (int i = 0; i < 10; ++i) {
    WriteRemotely(absl::StrCat(i), Id(1));
    Fill(absl::StrCat(i), Id(1));
  }
  for (int i = 0; i < 10; ++i) Pick(absl::StrCat(i));
  EXPECT_EQ(stats().checks, 1);
}

TEST_F(AuditorTest, HasNoMoreChecksUnderWayThanAllowed) {
  options_.audit.checks_max = 2;
  store_.HoldReplies(remote::kReadCalls);
  for (int i = 0; i < 10; ++i) {
    Fill(absl::StrCat(i), Id(1));
    Pick(absl::StrCat(i));
  }
  EXPECT_EQ(store_.held_replies(), 2);
  store_.ResumeReplies();
  server_.RunUntilIdle();
  PassTheBound();
  auditor_->Maintain();
  server_.RunUntilIdle();
  EXPECT_EQ(stats().checks, 4) << "the next two began when the first two had ended";
}

TEST_F(AuditorTest, AHotKeyIsCheckedOnceAtATime) {
  store_.HoldReplies(remote::kReadCalls);
  Fill("k", Id(1));
  for (int i = 0; i < 10; ++i) Pick("k");
  EXPECT_EQ(store_.held_replies(), 1);
}

TEST_F(AuditorTest, PicksAreBoundedAndTheRestIsCounted) {
  Open();
  for (int i = 0; i < 1000; ++i) sampler_.OnHit("k");
  EXPECT_EQ(stats().skipped, 1000 - 256);
}

TEST(HitSamplerTest, PicksTheShareThatWasAskedFor) {
  HitSampler sampler(0.01);
  size_t picked = 0;
  for (int i = 0; i < 200'000; ++i) {
    sampler.OnHit("k");
    picked += sampler.Take(1).size();
  }
  // 2000 expected, with a standard deviation of 44.5: off by eight of them once in 10^15 runs.
  EXPECT_GT(picked, 1640);
  EXPECT_LT(picked, 2360);
}

}  // namespace
}  // namespace nearcache::internal::conductor
