// The real tier against the plain rules of reference_tier.h, operation by operation, with random operations on few keys
// so that everything meets everything. A failure names its seed; NEARCACHE_SEED runs that one alone.

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"
#include "tests/nearcache/internal/local/reference_tier.h"

namespace nearcache::internal::local {
namespace {

constexpr absl::Duration kStaleness = absl::Milliseconds(100);
constexpr size_t kNothingIsEvicted = size_t{64} << 20;

struct Mix {
  size_t capacity_bytes = kNothingIsEvicted;
  absl::Duration staleness = kStaleness;
  int keys = 12;
  int value_bytes = 20;
  bool local_only = false;
  bool calm = false;  // Few events and clears, so that entries live long enough to be evicted.
  PolicyKind policy = PolicyKind::kScanResistant;
};

class Comparison {
 public:
  Comparison(const Mix& mix, uint64_t seed) : mix_(mix), random_(seed), reference_(AddDuration(0, mix.staleness)) {
    LocalTierOptions options;
    options.capacity_bytes = mix.capacity_bytes;
    options.staleness_bound = mix.staleness;
    options.stripe_count = 2;
    options.policy = mix.policy;
    options.clock = &clock_;
    tier_ = LocalTier::Create(options);
  }

  void Run(int steps) {
    for (step_ = 0; step_ < steps; ++step_) {
      Step();
      if (step_ % 16 == 0) CheckGauges();
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "at step " << step_;
        return;
      }
    }
    Finish();
  }

  LocalTierStats stats() const { return tier_->GetStats(); }

 private:
  struct PendingFlight {
    FlightRef real;
    ReferenceTier::Ref reference;
    std::shared_ptr<int> delivered = std::make_shared<int>(0);
  };
  struct PendingWrite {
    WriteRef real;
    ReferenceTier::Ref reference;
  };

  bool exact() const { return mix_.capacity_bytes == kNothingIsEvicted; }
  int Below(int bound) { return absl::Uniform(random_, 0, bound); }
  std::string SomeKey() { return absl::StrCat("key-", Below(mix_.keys)); }
  HashedKey Hashed(const std::string& key) const { return HashKey(key, tier_->hash_seed()); }
  std::string SomeValue() {
    return absl::StrCat("value-", ++values_, std::string(static_cast<size_t>(Below(mix_.value_bytes)), '.'));
  }

  // A new id, one of the last few, or none: what is told apart and what meets again.
  OperationId SomeId() {
    const int choice = Below(10);
    if (choice == 0) return OperationId();
    if (choice < 4) return {1, ++ids_};
    return {1, ids_ > 6 ? ids_ - static_cast<uint64_t>(Below(6)) : ids_ + 1};
  }
  OperationId NewId() { return {1, ++ids_}; }

  MonotonicNanos SomeExpiry() {
    return Below(3) == 0 ? clock_.Now() + absl::ToInt64Nanoseconds(absl::Milliseconds(Below(200))) : kNever;
  }
  MonotonicNanos SomeDeadline() { return clock_.Now() + absl::ToInt64Nanoseconds(absl::Milliseconds(Below(300))); }

  void Step() {
    const int choice = mix_.calm && Below(20) != 0 ? CalmChoice() : Below(100);
    if (choice < 25) return Hit();
    if (choice < 30) return MoveClock();
    if (choice < 36) return ChangeLane();
    if (mix_.local_only && choice < 60) return ChangeLocally();
    if (choice < 58) return BeginRead();
    if (choice < 74) return CompleteRead();
    if (choice < 80) return BeginWrite();
    if (choice < 86) return EndWrite();
    if (choice < 97) return Event();
    if (choice < 98) return Clear();
    tier_->Maintain(clock_.Now(), Below(40) + 1);
  }

  void CheckGauges() {
    const LocalTierStats stats = tier_->GetStats();
    ASSERT_LE(stats.bytes, mix_.capacity_bytes);
    ASSERT_EQ(stats.flights, flights_.size());
    ASSERT_EQ(stats.writes, writes_.size());
  }

  // Below 74, without the clock and the lane.
  int CalmChoice() {
    const int choice = Below(63);
    return choice < 25 ? choice : choice + 11;
  }

  void MoveClock() { clock_.Advance(absl::Milliseconds(Below(60))); }

  void ChangeLane() {
    const MonotonicNanos deadline = SomeDeadline();
    switch (Below(4)) {
      case 0:
        tier_->lane(0).Close();
        return reference_.CloseLane();
      case 1:
        tier_->lane(0).Close();
        reference_.CloseLane();
        tier_->lane(0).Open(deadline);
        return reference_.OpenLane(deadline);
      default:
        tier_->lane(0).Renew(deadline);
        return reference_.RenewLane(deadline);
    }
  }

  // Compares one look-up; where entries may be evicted, a miss of the real tier is taken over.
  void Compare(const std::string& key, bool hit, absl::string_view value, const EntryInfo& info) {
    const ReferenceTier::Resident* const expected = reference_.Find(key, clock_.Now());
    if (!exact() && !hit) {
      if (expected != nullptr) reference_.Evict(key);
      return;
    }
    ASSERT_EQ(hit, expected != nullptr) << key;
    if (!hit) return;
    ASSERT_EQ(value, expected->value);
    ASSERT_EQ(info.id, expected->info.id);
    ASSERT_EQ(info.fetched_at, expected->info.fetched_at);
    ASSERT_EQ(info.expires_at, expected->info.expires_at);
  }

  void Hit() {
    const std::string key = SomeKey();
    EntryInfo info;
    Value value;
    const bool hit = tier_->Get(Hashed(key), clock_.Now(), &value, &info);
    Compare(key, hit, value.view(), info);
    if (hit && Below(8) == 0) held_.push_back({value, value.ToString()});
    std::string copy;
    ASSERT_EQ(tier_->GetCopy(Hashed(key), clock_.Now(), &copy), hit);
    ASSERT_EQ(copy, value.view());
  }

  void BeginRead() {
    const std::string key = SomeKey();
    const FlightKind kind = Below(4) == 0 ? FlightKind::kLoad : FlightKind::kRead;
    PendingFlight pending;
    auto delivered = std::make_shared<int>(0);
    Waiter waiter = [delivered](const ReadOutcome& /*outcome*/) { ++*delivered; };
    const ReadStart start = tier_->BeginRead(Hashed(key), clock_.Now(), kind, &waiter);
    if (!exact() && start.role != ReadStart::Role::kHit) reference_.Evict(key);
    if (start.role == ReadStart::Role::kHit) Compare(key, true, start.value.view(), start.info);
    const ReadStart::Role expected = reference_.BeginRead(key, clock_.Now(), kind, &pending.reference);
    ASSERT_EQ(start.role, expected) << key;
    ASSERT_EQ(waiter == nullptr, expected == ReadStart::Role::kJoin);
    if (expected == ReadStart::Role::kJoin) joined_.push_back({pending.reference, delivered});
    if (expected != ReadStart::Role::kLead) return;
    ASSERT_NE(start.flight, nullptr);
    pending.real = start.flight;
    flights_.push_back(pending);
  }

  void CompleteRead() {
    if (flights_.empty()) return;
    const auto index = static_cast<size_t>(Below(static_cast<int>(flights_.size())));
    const PendingFlight pending = flights_[index];
    flights_.erase(flights_.begin() + static_cast<ptrdiff_t>(index));
    ASSERT_EQ(tier_->IsAttached(pending.real), reference_.IsAttached(pending.reference));
    ReadOutcome outcome;
    const int choice = Below(8);
    if (choice == 0) outcome.status = absl::UnavailableError("down");
    outcome.found = choice > 1;
    outcome.loaded = pending.reference->kind == FlightKind::kLoad && Below(2) == 0;
    if (outcome.found) {
      outcome.value = Value::Copy(SomeValue());
      outcome.info.id = SomeId();
      outcome.info.expires_at = SomeExpiry();
    }
    tier_->CompleteRead(pending.real, outcome);
    reference_.CompleteRead(pending.reference, outcome);
    CheckDelivered(pending.reference);
  }

  void CheckDelivered(const ReferenceTier::Ref& completed) {
    int waiters = 0;
    for (auto& [flight, delivered] : joined_) {
      if (flight != completed) {
        ASSERT_EQ(*delivered, 0);
        continue;
      }
      ASSERT_EQ(*delivered, 1);
      ++waiters;
      flight = nullptr;
    }
    ASSERT_EQ(waiters, completed->waiters);
    std::vector<std::pair<ReferenceTier::Ref, std::shared_ptr<int>>> waiting;
    for (auto& each : joined_) {
      if (each.first != nullptr) waiting.push_back(each);
    }
    joined_ = waiting;
  }

  void BeginWrite() {
    const std::string key = SomeKey();
    const OperationId id = NewId();
    writes_.push_back({tier_->BeginWrite(Hashed(key), id, clock_.Now(), RemovalCause::kReplaced),
                       reference_.BeginWrite(key, id, clock_.Now())});
  }

  void EndWrite() {
    if (writes_.empty()) return;
    const auto index = static_cast<size_t>(Below(static_cast<int>(writes_.size())));
    const PendingWrite pending = writes_[index];
    writes_.erase(writes_.begin() + static_cast<ptrdiff_t>(index));
    const int choice = Below(6);
    const WriteOutcome outcome = choice == 0   ? WriteOutcome::kFailed
                                 : choice == 1 ? WriteOutcome::kUnknown
                                               : WriteOutcome::kApplied;
    absl::optional<std::string> bytes;
    absl::optional<Value> value;
    if (Below(5) != 0) {
      bytes = SomeValue();
      value = Value::Copy(*bytes);
    }
    const MonotonicNanos expires_at = SomeExpiry();
    tier_->EndWrite(pending.real, outcome, value, expires_at);
    reference_.EndWrite(pending.reference, outcome, bytes, expires_at);
  }

  void Event() {
    const std::string key = SomeKey();
    const OperationId id = SomeId();
    const int choice = Below(3);
    if (choice == 2) {
      tier_->Doubt(Hashed(key), id);
      reference_.Doubt(key, id);
      return;
    }
    if (choice == 0) {
      tier_->Invalidate(Hashed(key), id);
    } else {
      tier_->NoteReply(Hashed(key), id);
    }
    reference_.NoteEvent(key, id);
  }

  void Clear() {
    tier_->Clear();
    reference_.Clear();
  }

  void ChangeLocally() {
    const std::string key = SomeKey();
    const int choice = Below(8);
    if (choice < 2) return RemoveLocally(key);
    const OperationId id = NewId();
    const MonotonicNanos expires_at = SomeExpiry();
    const std::string value = SomeValue();
    if (choice < 5) {
      const bool stored = tier_->Put(Hashed(key), value, id, clock_.Now(), expires_at);
      reference_.Put(key, value, id, clock_.Now(), expires_at);
      if (!stored) reference_.Evict(key);
      ASSERT_TRUE(stored || !exact());
      return;
    }
    UpdateLocally(key, id, value, expires_at);
  }

  void RemoveLocally(const std::string& key) {
    const bool removed = tier_->Remove(Hashed(key));
    const bool expected = reference_.Remove(key, clock_.Now());
    ASSERT_TRUE(removed == expected || !exact());
  }

  void UpdateLocally(const std::string& key, OperationId id, const std::string& value, MonotonicNanos expires_at) {
    bool saw = false;
    std::string seen;
    const bool change = Below(4) != 0;
    const absl::Status status =
        tier_->Update(Hashed(key), id, clock_.Now(),
                      [&](const LocalTier::Current* current) -> absl::optional<LocalTier::Replacement> {
                        saw = current != nullptr;
                        if (saw) seen = std::string(current->value);
                        if (!change) return absl::nullopt;
                        return LocalTier::Replacement{value, expires_at, false};
                      });
    const ReferenceTier::Resident* const expected = reference_.Find(key, clock_.Now());
    ASSERT_TRUE(saw == (expected != nullptr) || !exact());
    ASSERT_TRUE(!saw || (expected != nullptr && seen == expected->value));
    if (!exact() && !saw) reference_.Evict(key);
    if (change && status.ok()) reference_.Put(key, value, id, clock_.Now(), expires_at);
    ASSERT_TRUE(status.ok() || !exact());
  }

  // Ends all that is in progress; then nothing may be left.
  void Finish() {
    while (!flights_.empty() && !testing::Test::HasFailure()) CompleteRead();
    while (!writes_.empty() && !testing::Test::HasFailure()) EndWrite();
    EXPECT_TRUE(joined_.empty());
    for (const auto& [value, bytes] : held_) EXPECT_EQ(value.view(), bytes);
    CheckSums();
    tier_->Clear();
    while (tier_->Maintain(clock_.Now(), 1000)) {
    }
    const LocalTierStats stats = tier_->GetStats();
    EXPECT_EQ(stats.entries, 0u);
    EXPECT_EQ(stats.bytes, 0u);
    EXPECT_EQ(stats.retired_bytes, 0u);
    EXPECT_EQ(stats.flights, 0u);
    EXPECT_EQ(stats.writes, 0u);
    CheckSums();
  }

  void CheckSums() {
    const LocalTierStats stats = tier_->GetStats();
    EXPECT_EQ(stats.insertions - stats.removals_capacity - stats.removals_cleared - stats.removals_expired -
                  stats.removals_explicit - stats.removals_invalidated - stats.removals_replaced,
              stats.entries);
  }

  const Mix mix_;
  std::mt19937_64 random_;
  FakeClock clock_;
  ReferenceTier reference_;
  std::unique_ptr<LocalTier> tier_;
  int step_ = 0;
  uint64_t ids_ = 0;
  int values_ = 0;
  std::vector<PendingFlight> flights_;
  std::vector<PendingWrite> writes_;
  std::vector<std::pair<ReferenceTier::Ref, std::shared_ptr<int>>> joined_;
  std::vector<std::pair<Value, std::string>> held_;
};

void RunSeeds(const Mix& mix, int seeds, int steps, LocalTierStats* last = nullptr) {
  uint64_t first = 1;
  uint64_t end = first + static_cast<uint64_t>(seeds);
  if (const char* const only = std::getenv("NEARCACHE_SEED"); only != nullptr && absl::SimpleAtoi(only, &first)) {
    end = first + 1;
  }
  for (uint64_t seed = first; seed < end && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("NEARCACHE_SEED=", seed));
    Comparison comparison(mix, seed);
    comparison.Run(steps);
    if (last != nullptr) *last = comparison.stats();
  }
}

class LocalTierModelTest : public testing::TestWithParam<PolicyKind> {
 protected:
  LocalTierModelTest() { mix_.policy = GetParam(); }

  Mix mix_;
};

INSTANTIATE_TEST_SUITE_P(EveryPolicy, LocalTierModelTest, testing::Values(PolicyKind::kScanResistant, PolicyKind::kLru),
                         [](const testing::TestParamInfo<PolicyKind>& policy) {
                           return policy.param == PolicyKind::kLru ? "Lru" : "ScanResistant";
                         });

TEST_P(LocalTierModelTest, ThreeMillionRandomOperationsFollowTheRules) {
  LocalTierStats stats;
  RunSeeds(mix_, 60, 50'000, &stats);
  // The run met what it was made for.
  EXPECT_GT(stats.hits, 1000u);
  EXPECT_GT(stats.lease_misses, 50u);
  EXPECT_GT(stats.flights_joined, 100u);
  EXPECT_GT(stats.fills_refused, 1000u);
  EXPECT_GT(stats.removals_expired, 100u);
  EXPECT_GT(stats.removals_cleared, 100u);
  EXPECT_GT(stats.removals_invalidated, 100u);
  EXPECT_EQ(stats.removals_capacity, 0u);
}

TEST_P(LocalTierModelTest, LocalOnlyOperationsFollowTheRules) {
  mix_.local_only = true;
  mix_.staleness = absl::InfiniteDuration();
  RunSeeds(mix_, 30, 50'000);
}

// Where entries are evicted the tier may miss at any time, but it serves nothing that the rules forbid.
TEST_P(LocalTierModelTest, EvictionOnlyEverAddsMisses) {
  mix_.capacity_bytes = 60'000;
  mix_.calm = true;
  mix_.staleness = absl::InfiniteDuration();
  mix_.keys = 400;
  mix_.value_bytes = 1000;
  LocalTierStats stats;
  RunSeeds(mix_, 12, 50'000, &stats);
  EXPECT_GT(stats.removals_capacity, 100u);
  EXPECT_GT(stats.hits, 100u);
  mix_.local_only = true;
  RunSeeds(mix_, 12, 50'000, &stats);
  EXPECT_GT(stats.removals_capacity, 1000u);
}

}  // namespace
}  // namespace nearcache::internal::local
