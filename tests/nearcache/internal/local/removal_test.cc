// What the observer of removals is told: each entry that leaves once, with its bytes and the cause, under no lock.

#include "nearcache/removal.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/local/tier_fixture.h"

namespace nearcache::internal::local {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Keeps what it is told as "key=value cause". Thread-safe.
class Recorder final : public RemovalObserver {
 public:
  void OnRemoved(Removal removal) override {
    if (tier_ != nullptr) CallBack(removal.key);
    absl::MutexLock lock(&mutex_);
    told_.push_back(absl::StrCat(removal.key, "=", removal.value.view(), " ", RemovalCauseName(removal.cause)));
  }

  // From now on every removal calls the tier back, as nothing could that holds a lock of it.
  void CallInto(LocalTier* tier) { tier_ = tier; }

  std::vector<std::string> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(told_, {});
  }

 private:
  void CallBack(absl::string_view key) {
    const HashedKey hashed = HashKey(key, tier_->hash_seed());
    tier_->NoteReply(hashed, {9, 9});
    tier_->Maintain(0, 1);
    tier_->GetStats();
  }

  LocalTier* tier_ = nullptr;
  absl::Mutex mutex_;
  std::vector<std::string> told_;
};

class RemovalTest : public TierTest {
 protected:
  RemovalTest() {
    options_.removal_observer = &recorder_;
    options_.stripe_count = 1;
  }

  std::vector<std::string> Told() {
    tier().FreeRetired();
    return recorder_.Take();
  }

  Recorder recorder_;
};

TEST_F(RemovalTest, AnEntryThatStaysIsNotReported) {
  Put("k", "v");
  Hit("k");
  MaintainAll();
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(RemovalTest, ALocalWriteReplacesAndARemoveIsExplicit) {
  Put("k", "v1");
  Put("k", "v2");
  tier().Remove(Key("k"));
  EXPECT_THAT(Told(), ElementsAre("k=v1 replaced", "k=v2 explicit"));
}

TEST_F(RemovalTest, AWriteOfTheRemoteTierSaysWhatItIs) {
  OpenLane(kStaleness);
  Fill("k", "v1", Id(1));
  Acknowledge(BeginWrite("k", Id(2)), "v2");
  tier().EndWrite(BeginWrite("k", Id(3), RemovalCause::kExplicit), WriteOutcome::kApplied, absl::nullopt, kNever);
  EXPECT_THAT(Told(), ElementsAre("k=v1 replaced", "k=v2 explicit"));
}

TEST_F(RemovalTest, AMessageInvalidates) {
  Fill("k", "v1", Id(1));
  Message("k", Id(1));
  EXPECT_THAT(Told(), IsEmpty()) << "it is that very change";
  Message("k", Id(2));
  EXPECT_THAT(Told(), ElementsAre("k=v1 invalidated"));
}

TEST_F(RemovalTest, WhatExpiredIsReportedWithoutBeingRead) {
  Put("k", "v", In(absl::Seconds(1)));
  clock_.Advance(absl::Seconds(2));
  MaintainAll();
  EXPECT_THAT(Told(), ElementsAre("k=v expired"));
}

TEST_F(RemovalTest, WhatNoLeaseCoversExpiresAtTheNextMiss) {
  Fill("k", "v", Id(1));
  clock_.Advance(2 * kStaleness);
  EXPECT_EQ(RoleOf("k"), Role::kLead);
  EXPECT_THAT(Told(), ElementsAre("k=v expired"));
}

TEST_F(RemovalTest, ClearReportsEveryEntryOnce) {
  Put("a", "1");
  Put("b", "2");
  tier().Clear();
  MaintainAll();
  EXPECT_THAT(Told(), ::testing::UnorderedElementsAre("a=1 cleared", "b=2 cleared"));
}

TEST_F(RemovalTest, WhatMakesRoomIsReported) {
  options_.capacity_bytes = size_t{64} << 10;
  options_.entry_bytes_max = size_t{4} << 10;
  const std::string value(1000, 'x');
  for (int i = 0; i < 1000; ++i) Put(absl::StrCat(i), value);
  MaintainAll();
  const std::vector<std::string> told = Told();
  EXPECT_EQ(told.size(), 1000 - tier().GetStats().entries);
  EXPECT_EQ(told.front(), absl::StrCat("0=", value, " capacity"));
}

TEST_F(RemovalTest, WhatWasDeliveredAndNeverKeptIsNotReported) {
  const FlightRef flight = Lead("k");
  Message("k", Id(2));
  Complete(flight, "v1", Id(1));
  tier().EndWrite(BeginWrite("k", Id(3)), WriteOutcome::kUnknown, Value::Copy("v3"), kNever);
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(RemovalTest, TheBytesOutliveTheTier) {
  Put("k", "v1");
  class Keeper final : public RemovalObserver {
   public:
    void OnRemoved(Removal removal) override { kept = std::move(removal); }
    Removal kept;
  } keeper;
  options_.removal_observer = &keeper;
  Open();
  Put("key", "value");
  tier().Remove(Key("key"));
  tier().FreeRetired();
  tier_.reset();
  EXPECT_EQ(keeper.kept.key, "key");
  EXPECT_EQ(keeper.kept.value.view(), "value");
}

// A deadlock, or a report of the mutex, if any of them came under a stripe's lock.
TEST_F(RemovalTest, TheObserverMayCallTheTierFromEveryWayOut) {
  options_.capacity_bytes = size_t{64} << 10;
  options_.entry_bytes_max = size_t{4} << 10;
  recorder_.CallInto(&tier());
  const std::string value(1000, 'x');
  for (int i = 0; i < 300; ++i) {
    Put(absl::StrCat(i % 80), value, In(absl::Milliseconds(i % 50)));
    Fill(absl::StrCat("f", i), "v", Id(1));
    Message(absl::StrCat("f", i), Id(2));
    Acknowledge(BeginWrite(absl::StrCat(i % 7), Id(3)), value);
    tier().Remove(Key(absl::StrCat(i % 11)));
    clock_.Advance(absl::Milliseconds(1));
    if (i % 50 == 0) tier().Clear();
    tier().Maintain(now(), 10);
  }
  tier().FreeRetired();
  EXPECT_GT(recorder_.Take().size(), 500);
}

// Every entry that ever came is either still there or was reported, whatever the threads did.
TEST_F(RemovalTest, EachEntryIsReportedExactlyOnceUnderFourThreads) {
  options_.stripe_count = 4;
  options_.capacity_bytes = size_t{256} << 10;
  options_.entry_bytes_max = size_t{8} << 10;
  Open();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      absl::BitGen random;
      for (uint64_t i = 0; i < 5000; ++i) {
        const std::string key = absl::StrCat(absl::Uniform(random, 0, 300));
        const OperationId id{t + 1, i + 1};
        const int choice = absl::Uniform(random, 0, 100);
        if (choice < 60) {
          tier().Put(Key(key), std::string(choice * 20, 'x'), id, now(), kNever);
        } else if (choice < 80) {
          tier().Invalidate(Key(key), id);
        } else if (choice < 98) {
          Value value;
          EntryInfo info;
          tier().Get(Key(key), now(), &value, &info);
        } else if (choice == 98) {
          tier().Maintain(now(), 100);
        } else {
          tier().Clear();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MaintainAll();
  const size_t told = Told().size();
  const LocalTierStats stats = tier().GetStats();
  EXPECT_EQ(told + stats.entries, stats.insertions);
  EXPECT_EQ(stats.retired_bytes, 0);
}

}  // namespace
}  // namespace nearcache::internal::local
